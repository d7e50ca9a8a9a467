"""ilastik's exported objects: an HDF5 file beside each image."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from harness.datasets.importers.files import below, is_image, needs, nothing, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth

OBJECTS = "_Object Identities"
ENDINGS = (".h5", ".tif", ".tiff", ".png")
CLASSES = ("_Simple Segmentation", "_Object Predictions")
DATASET = "exported_data"


def recognise(source: Path) -> str | None:
    """A file of object identities."""
    if not source.is_dir():
        return None
    found = next((path for path in walk(source) if _is_objects(path)), None)
    return f"{below(source, found)} is named as ilastik names objects" if found else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """`<name>_Object Identities.h5` (or .tif, .png) beside the image <name>.

    Of an HDF5 file the array `exported_data` is read. Segmentations and predictions are classes of
    pixels, not cells, and left out. Raises CallError when there are no objects.
    """
    files = walk(source)
    objects = {path.with_suffix("").as_posix(): path for path in files if _is_objects(path)}
    if not objects:
        raise nothing(source, "ilastik", f"<name>{OBJECTS}.h5 beside the images")
    for path in files:
        if path.stem.endswith(CLASSES):
            yield Left(name=below(source, path), reason="classes of pixels, not cells")
        elif is_image(path) and not _is_objects(path):
            label = objects.pop(f"{path.with_suffix('').as_posix()}{OBJECTS}", None)
            if label is None:
                yield Left(name=below(source, path), reason="no object identities")
                continue
            yield Record(
                original=below(source, path),
                image=path,
                label=partial(_array, label) if label.suffix == ".h5" else label,
                files=(label,),
            )
    for path in objects.values():
        yield Left(name=below(source, path), reason="objects without an image")


def _is_objects(path: Path) -> bool:
    return path.stem.endswith(OBJECTS) and path.suffix.lower() in ENDINGS


def _array(path: Path, size: tuple[int, int]) -> Truth:
    h5py = needs("h5py", "ilastik")
    try:
        with h5py.File(path, "r") as file:
            labels = np.squeeze(file[DATASET][()])
    except Exception as error:  # a damaged file may fail in any way
        raise LeftOut(f"{path.name}: no array {DATASET}: {error}") from error
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise LeftOut(f"{path.name}: {labels.dtype} of shape {labels.shape} is no plane of ids")
    return Truth(labels=labels)
