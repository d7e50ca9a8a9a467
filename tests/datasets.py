"""Small datasets for tests, in the challenge's layout."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from contract import label_name, write_mask


def cells(side: int = 48, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A grey side×side uint8 image with bright discs, some cut by its border, and its labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.uint8)
    for number, (row, column) in enumerate(rng.uniform(3, side - 3, (5, 2)), start=1):
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= 16
        labels[disc & (labels == 0)] = number
    light = np.where(labels > 0, 170, 40) + rng.normal(0, 8, labels.shape)
    return light.clip(0, 255).astype(np.uint8), labels


def add_pair(part: Path, name: str, seed: int = 0, side: int = 48) -> None:
    """Writes one image and its label into a part of a dataset."""
    (part / "images").mkdir(parents=True, exist_ok=True)
    pixels, labels = cells(side, seed)
    Image.fromarray(pixels).save(part / "images" / name)
    write_mask(part / "labels" / label_name(name), labels)


def make_dataset(
    root: Path, *, train: int = 0, test: Iterable[str] = ("cell_1.png", "cell_2.png")
) -> Path:
    """A dataset with `train` training pairs and the named test pairs."""
    for number in range(train):
        add_pair(root / "Training-labeled", f"train_{number}.png", seed=100 + number)
    for number, name in enumerate(test):
        add_pair(root / "Tuning", name, seed=number)
    return root
