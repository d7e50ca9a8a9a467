"""Reading and writing label masks: H×W maps of whole ids, 0 for background."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage, UnreadableMask, WrongMaskType
from contract.files import write_aside
from contract.images import first_bytes, open_pillow, pixel_limit, reasons
from contract.tiff import TIFF_MAGIC, read_plane, refuse_bomb

NPY_MAGIC = b"\x93NUM"
EXACT_FLOATS = 2**53
"""Whole numbers up to here are exact in float64."""


def read_mask(path: Path, *, max_pixels: int | None = None) -> npt.NDArray[np.integer]:
    """Reads a label mask (TIFF, PNG, BMP or npy, told apart by content) as H×W integers.

    The stored integer type is kept, so that ids are never cast; booleans become uint8, floats
    that hold whole numbers become int64. Palette images give their indices, and white-is-zero
    TIFFs the stored values. `max_pixels` is the limit on H·W, `pixel_limit()` when left out.

    Raises UnreadableMask when the file is missing, truncated, no image or too large, and
    WrongMaskType when it holds channels, several pages, fractions, negative or complex values.
    """
    limit = pixel_limit() if max_pixels is None else max_pixels
    try:
        with reasons(path):
            labels = _decode(path, limit)
    except SeveralPlanes as error:
        raise _not_one_plane(path, error.what) from error
    except UnreadableImage as error:
        raise UnreadableMask(f"{path.name}: {error.what}") from error
    if labels.ndim != 2:
        raise _not_one_plane(path, f"its shape is {labels.shape}")
    return _whole_ids(labels, path)


def write_mask(path: Path, labels: npt.NDArray[np.integer]) -> None:
    """Writes an H×W map of ids ≥ 0 as a zlib TIFF in the smallest of uint8, uint16 and uint32.

    The file appears under its name only when it is whole. Raises ValueError for anything but two
    dimensions of integers from 0 to 2³²−1, and OSError when the disk refuses.
    """
    import tifffile

    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"a mask is H×W integers, not {labels.dtype} of shape {tuple(labels.shape)}"
        )
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0 or highest >= 2**32:
        raise ValueError(f"ids run from 0 to 4294967295, not from {lowest} to {highest}")
    dtype = np.min_scalar_type(highest)
    write_aside(
        path,
        lambda aside: tifffile.imwrite(
            aside, labels.astype(dtype, copy=False), compression="zlib", photometric="minisblack"
        ),
    )


def _decode(path: Path, max_pixels: int) -> npt.NDArray[np.generic]:
    magic = first_bytes(path)
    if magic in TIFF_MAGIC:
        return read_plane(path, max_pixels).pixels
    if magic == NPY_MAGIC:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
        refuse_bomb(1, mapped.size, 4 * max_pixels)
        return _without_axes_of_one(np.array(mapped))
    with open_pillow(path, ("PNG", "BMP"), max_pixels) as image:
        return np.asarray(image)


def _without_axes_of_one(array: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """1×H×W and H×W×1 arrays, as networks give them, as H×W."""
    while array.ndim > 2 and 1 in (array.shape[0], array.shape[-1]):
        array = array[..., 0] if array.shape[-1] == 1 else array[0]
    return array


def _not_one_plane(path: Path, reason: str) -> WrongMaskType:
    return WrongMaskType(
        f"{path.name}: a mask is one H×W plane of ids: {reason}",
        "it is a coloured picture or a stack",
        "save the label image itself, one grey plane of whole numbers",
    )


def _whole_ids(labels: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.integer]:
    if labels.dtype == np.bool_:
        return labels.astype(np.uint8)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all() or (labels != np.floor(labels)).any():
            raise WrongMaskType(
                f"{path.name}: holds fractions, NaN or infinities, so it is no label mask",
                "it may be a probability map",
                "save whole ids, one per cell",
            )
        if labels.size and float(np.abs(labels).max()) > EXACT_FLOATS:
            raise WrongMaskType(f"{path.name}: holds floats too large to be exact ids")
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise WrongMaskType(f"{path.name}: values of type {labels.dtype} are no ids")
    if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
        raise WrongMaskType(f"{path.name}: holds negative ids, the lowest is {int(labels.min())}")
    return labels.astype(labels.dtype.newbyteorder("="), copy=False)
