"""Small sources in the layouts of other programs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from harness.datasets.importers.importing import Call, Imported, import_dataset

SIZE = (48, 64)


def picture(seed: int = 0) -> np.ndarray:
    """An H×W uint16 image with contrast."""
    return np.random.default_rng(seed).integers(0, 4000, SIZE, dtype=np.uint16)


def cells(ids: Sequence[int] = (1, 2, 3)) -> np.ndarray:
    """H×W labels: squares of 8 pixels, 16 apart."""
    labels = np.zeros(SIZE, np.uint16)
    for place, number in enumerate(ids):
        labels[8:16, 4 + 16 * place : 12 + 16 * place] = number
    return labels


def save(path: Path, pixels: np.ndarray, **more: Any) -> Path:
    """Writes a PNG or TIFF, folders included."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(pixels).save(path)
    else:
        tifffile.imwrite(path, pixels, photometric="minisblack", **more)
    return path


def run(format_name: str, source: Path, folder: Path, **more: Any) -> tuple[Imported, list[str]]:
    """Imports, and returns what was said as well."""
    said: list[str] = []
    call = Call(format_name=format_name, source=source, folder=folder, **more)
    return import_dataset(call, progress=lambda *_: None, say=said.append), said


def reasons(imported: Imported) -> dict[str, str]:
    """What was left out, and why."""
    return {one.name: one.reason for one in imported.left}


def label(folder: Path, stem: str) -> np.ndarray:
    """The imported label of an image, in whichever part it lies."""
    (path,) = folder.glob(f"*/labels/{stem}_label.tiff")
    return np.asarray(tifffile.imread(path))


def names(folder: Path, part: str = "*") -> list[str]:
    """The imported images."""
    return sorted(path.name for path in folder.glob(f"{part}/images/*"))
