"""Reading and writing label masks: H×W maps of whole ids, 0 for background."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import UnreadableMask, WrongMaskType
from contract.files import write_aside
from contract.images import TIFF_MAGIC, pillow_without_limit

NPY_MAGIC = b"\x93NUM"


def read_mask(path: Path) -> npt.NDArray[np.integer]:
    """Reads a label mask (tif, tiff, png, bmp or npy) as an H×W integer array.

    The stored integer type is kept, so that ids are never cast; booleans become uint8, floats
    that hold whole numbers become int64, a palette PNG gives its indices.

    Raises UnreadableMask when the file is missing, truncated or no image, and WrongMaskType when
    it holds channels, several pages, fractions or negative ids.
    """
    try:
        with path.open("rb") as stream:
            magic = stream.read(4)
        if not magic:
            raise UnreadableMask(f"{path.name}: the file is empty (0 bytes)")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels = _decode(path, magic)
    except (UnreadableMask, WrongMaskType, MemoryError):
        raise
    except Exception as error:  # decoders raise whatever they like on damaged files
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UnreadableMask(f"{path.name}: cannot be decoded: {reason}") from error
    return _whole_ids(_one_plane(labels, path), path)


def write_mask(path: Path, labels: npt.NDArray[np.integer]) -> None:
    """Writes an H×W map of ids ≥ 0 as a zlib TIFF in the smallest of uint8, uint16 and uint32.

    The file appears under its name only when it is whole. Raises ValueError for anything but two
    dimensions of integers from 0 to 2³²−1.
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


def _decode(path: Path, magic: bytes) -> npt.NDArray[np.generic]:
    if magic in TIFF_MAGIC:
        import tifffile

        with tifffile.TiffFile(path) as tiff:
            size = path.stat().st_size
            for page in tiff.pages:
                ends = zip(page.dataoffsets, page.databytecounts, strict=False)
                if any(offset + count > size for offset, count in ends):
                    raise UnreadableMask(f"{path.name}: the file is truncated")
            return np.asarray(tiff.series[0].asarray(maxworkers=1))
    if magic == NPY_MAGIC:
        return np.asarray(np.load(path, allow_pickle=False))
    from PIL import Image as Pillow

    with pillow_without_limit(), Pillow.open(path, formats=("PNG", "BMP")) as image:
        return np.asarray(image)


def _one_plane(labels: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.generic]:
    plane = labels
    while plane.ndim > 2 and 1 in (plane.shape[0], plane.shape[-1]):
        plane = plane[0] if plane.shape[0] == 1 else plane[..., 0]
    if plane.ndim != 2:
        raise WrongMaskType(
            f"{path.name}: a mask is one H×W plane of ids, this has shape {labels.shape}",
            "it is a coloured picture or a stack",
            "save the label image itself, one grey plane of whole numbers",
        )
    return plane


def _whole_ids(labels: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.integer]:
    if labels.dtype == np.bool_:
        return labels.astype(np.uint8)
    if labels.dtype.kind == "f":
        if not np.isfinite(labels).all() or (labels != np.floor(labels)).any():
            raise WrongMaskType(
                f"{path.name}: holds fractions, so it is no label mask",
                "it may be a probability map",
                "save whole ids, one per cell",
            )
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise WrongMaskType(f"{path.name}: values of type {labels.dtype} are no ids")
    if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
        raise WrongMaskType(f"{path.name}: holds negative ids, the lowest is {int(labels.min())}")
    return labels.astype(labels.dtype.newbyteorder("="), copy=False)
