"""Images shown side by side: the image, its truth and what models made of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from contract import CellbenchError, label_name
from contract.guarded import read_image, read_mask
from evaluator.report.data import SCORED, DatasetImage, Model, SeedRun
from evaluator.report.numbers import Numbers
from evaluator.report.pictures import (
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
    Pixels,
    displayed,
    painted,
    panel,
    panel_shape,
)
from evaluator.report.scale_bar import scaled
from evaluator.report.section import Panel, Panels


def mask_path(model: Model, image: str) -> Path | None:
    """The predicted mask of an image, from the first seed that has one."""
    found = shown_run(model, image)
    return found[1] if found else None


def shown_run(model: Model, image: str) -> tuple[SeedRun, Path] | None:
    """The first seed that has a mask of an image, and that mask's file."""
    for run in model.runs:
        if run.masks is not None and (path := run.masks / label_name(image)).is_file():
            return run, path
    return None


def pictures(
    numbers: Numbers, chosen: Mapping[str, str], models: Sequence[Model], name: str
) -> tuple[Panels, ...]:
    """Panels of the chosen images, from a mapping of image to the reason why it was chosen.

    Controls are left out unless there is nothing else: they repeat the truth or show nothing.
    The panels are named after `name` and their place.
    """
    models = [model for model in models if not model.is_control] or models
    by_name = {image.name: image for image in numbers.data.images}
    found: list[Panels] = []
    for image, reason in chosen.items():
        panels = sample_panels(numbers, by_name[image], models) if image in by_name else ()
        if panels:
            place = f"{name}-{len(found) + 1}"
            found.append(Panels(name=place, title=f"{reason}: {image}", panels=panels))
    return tuple(found)


def sample_panels(
    numbers: Numbers, image: DatasetImage, models: Sequence[Model]
) -> tuple[Panel, ...]:
    """The image, its truth and the prediction of each of the models, in that order."""
    if image.image is None:
        return ()
    try:
        pixels = read_image(image.image)
    except (CellbenchError, OSError) as error:
        return (Panel(label="Image", note=f"The image could not be read: {error}"),)
    size = (pixels.shape[0], pixels.shape[1])
    picture = displayed(pixels, panel_shape(*size))
    panels = [_bare(image, picture, size[1])]
    panels.append(_outlined("Truth", picture, image.label, size, TRUTH_COLOUR, image.name, ""))
    for model in models:
        outcomes, f1 = numbers.on_image(model.name, image.name)
        score = f"F1 {f1:.4f}" if outcomes else "not scored yet"
        if set(outcomes) - {SCORED}:
            score += ", outcome " + " and ".join(sorted(set(outcomes)))
        label = f"{model.name} (control)" if model.is_control else model.name
        path = mask_path(model, image.name)
        panels.append(_outlined(label, picture, path, size, PREDICTION_COLOUR, image.name, score))
    return tuple(panels)


def _bare(image: DatasetImage, picture: Pixels, width: int) -> Panel:
    """The image itself, with a scale bar where the size of its `width` pixels is known."""
    note = image.name
    if image.pixel_size_um is not None:
        picture, length = scaled(picture, image.pixel_size_um * width / picture.shape[1])
        note += f", bar {length:g} µm"
    return panel("Image", note, f"The image {image.name}", picture)


def _outlined(
    label: str,
    picture: Pixels,
    path: Path | None,
    size: tuple[int, int],
    colour: tuple[int, int, int],
    image: str,
    score: str,
) -> Panel:
    if path is None:
        return Panel(label=label, note=", ".join(filter(None, [score, "no mask"])))
    try:
        labels = read_mask(path, expected=size)
    except (CellbenchError, OSError) as error:
        return Panel(label=label, note=", ".join(filter(None, [score, f"no mask: {error}"])))
    cells = len(np.unique(labels[labels != 0]))
    note = f"{cells:,} cells" + (f", {score}" if score else "")
    alt = f"{label}: {cells} cells outlined on {image}"
    return panel(label, note, alt, painted(picture, labels, colour))
