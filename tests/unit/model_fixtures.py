"""A model's own command line on small images, as the tests of each model call it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from contract import label_name, read_mask
from tests.programs import run_model
from tests.unit.training_fixtures import make_data

SHAPES = {"one.png": (1, 1), "odd.png": (37, 101), "strip.png": (3, 260)}


def draw_source(source: Path) -> Path:
    """The images of `make_data` in images/ and labels/ below `source`, as train wants them."""
    drawn = source / "drawn"
    drawn.mkdir(parents=True)
    for pair in make_data(drawn):
        for path, folder in ((pair.image, "images"), (pair.label, "labels")):
            (source / folder).mkdir(exist_ok=True)
            path.rename(source / folder / path.name)
    return source


def set_options(*settings: str) -> list[str]:
    """--set before each of the settings, and no limit on the time: a test's machine may be busy."""
    return [word for setting in ("max_seconds=null", *settings) for word in ("--set", setting)]


def assert_predicts(
    model: str, place: Path, weights: Path, shapes: Mapping[str, tuple[int, int]] = SHAPES
) -> None:
    """Images of these shapes get masks of the same shapes, and the same ones in a second call.

    Leaves the images in `place`/images and what the two calls wrote in `place`/a and `place`/b.
    """
    images = place / "images"
    images.mkdir()
    for name, shape in shapes.items():
        pixels = np.random.default_rng(0).integers(0, 256, (*shape, 4), np.uint8)
        Image.fromarray(pixels).save(images / name)
    for out in ("a", "b"):
        predicted = run_model(model, "predict", images, place / out, "--weights", weights)
        assert predicted.returncode == 0, predicted.stderr
    for name, shape in shapes.items():
        assert read_mask(place / "a" / label_name(name)).shape == shape
        first, again = (place / out / label_name(name) for out in ("a", "b"))
        assert first.read_bytes() == again.read_bytes()
