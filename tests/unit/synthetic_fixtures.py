"""Small folders of drawn cells, which the tests of generated images compare."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from skimage.draw import ellipse

from contract import append_line, label_name, write_mask
from contract.schema import GeneratedLine
from evaluator.synthetic.cells import Sample

SIDE = 96


def draw(
    seed: int, radius: float = 6.0, cells: int = 9
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint16]]:
    """SIDE² grey values and ids of ellipses on a grid, not touching; noise and texture by seed."""
    generator = np.random.default_rng(seed)
    labels = np.zeros((SIDE, SIDE), np.uint16)
    picture = generator.normal(20, 3, (SIDE, SIDE))
    for place in range(cells):
        row, column = 19 + 29 * (place // 3), 19 + 29 * (place % 3)
        row, column = row + generator.integers(-4, 5), column + generator.integers(-4, 5)
        long, short = radius * generator.uniform(0.8, 1.4, 2)
        turn = generator.uniform(0, np.pi)
        inside = ellipse(row, column, long, short, shape=labels.shape, rotation=turn)
        labels[inside] = place + 1
        picture[inside] = generator.normal(generator.uniform(90, 200), 12, len(inside[0]))
    return np.clip(picture, 0, 255).astype(np.uint8), labels


def write_pair(folder: Path, name: str, image: npt.NDArray[np.uint8], labels: object) -> None:
    """Writes images/NAME.png and its label below `folder`."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Pillow.fromarray(image).save(folder / "images" / f"{name}.png")
    write_mask(folder / "labels" / label_name(f"{name}.png"), np.asarray(labels))


def write_folder(folder: Path, seeds: range, *, radius: float = 6.0, method: str = "") -> Path:
    """A training folder with an image for every seed; with a method, as a generator writes it."""
    for seed in seeds:
        write_pair(folder, f"cell_{seed:03d}", *draw(seed, radius))
        if method:
            name = f"cell_{seed:03d}.png"
            line = GeneratedLine(
                image=name, label=label_name(name), outcome="generated", method=method, seconds=0
            )
            append_line(folder / "generated.jsonl", line.model_dump())
    return folder


def write_split(folder: Path, held_out: range, seeds: range) -> None:
    """split.csv, with the seeds `held_out` for validation."""
    lines = [f"cell_{seed:03d}.png,{'val' if seed in held_out else 'train'}\n" for seed in seeds]
    (folder / "split.csv").write_text("image,subset\n" + "".join(lines))


def sample(seed: int, *, images: int = 20, cells: int = 20, shift: float = 0.0) -> Sample:
    """Normal rows of 4 features; images differ among themselves by a fifth of the spread."""
    generator = np.random.default_rng(seed)
    unit = np.repeat(np.arange(images), cells)
    rows = generator.normal(shift, 1, (images * cells, 4))
    rows += generator.normal(0, 0.2, (images, 4))[unit]
    return Sample(
        features=("a/1", "a/2", "b/1", "b/2"),
        rows=rows,
        unit=unit,
        units=tuple(f"image {number}" for number in range(images)),
    )
