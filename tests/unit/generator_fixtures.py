"""A training folder of small pictures for generators, and what a call has left behind."""

from pathlib import Path

import numpy as np
from PIL import Image

from contract import write_mask

SIDE = 48
SUBSETS = {"t0": "train", "t1": "train", "t2": "train", "v0": "val", "h0": "held", "h1": "held"}


def cells(number: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Noisy grey pixels with bright discs, two of which touch, and their labels."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.uint8)
    row, column = random.integers(10, 14, 2)
    for place, (down, right) in enumerate(((0, 0), (0, 12), (22, 9)), start=1):
        distance = (rows - row - down) ** 2 + (columns - column - right) ** 2
        labels[(distance <= 36) & (labels == 0)] = place
    pixels = np.where(labels > 0, 170, 40) + random.normal(0, 6, labels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def training_folder(root: Path, *, count: int = len(SUBSETS)) -> Path:
    """images/, labels/, split.csv and manifest.csv with the first `count` images of SUBSETS."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    chosen = dict(list(SUBSETS.items())[:count])
    for number, name in enumerate(chosen):
        pixels, labels = cells(number)
        Image.fromarray(pixels).save(root / "images" / f"{name}.png")
        write_mask(root / "labels" / f"{name}_label.tiff", labels)
    lines = [f"{name}.png,{subset}\n" for name, subset in chosen.items()]
    (root / "split.csv").write_text("image,subset\n" + "".join(lines))
    (root / "manifest.csv").write_text(
        "image,modality\n" + "".join(f"{name}.png,fluorescence\n" for name in chosen)
    )
    return root


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of every image and label that a call has left."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.glob("*/*"))
        if path.is_file()
    }
