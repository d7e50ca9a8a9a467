"""Reading and writing label masks: H×W maps of whole ids, 0 for background."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage, UnreadableMask, WrongMaskType
from contract.files import write_aside
from contract.reading import pillow
from contract.reading.failures import reasons
from contract.reading.kinds import Kind, kind_of
from contract.reading.limits import WrongSize, check_size, of_size, pixel_limit
from contract.reading.lossy import lossy_compression
from contract.reading.npy import npy_size, read_npy
from contract.reading.orientation import UPRIGHT
from contract.reading.png import decode_sixteen_bit, open_png
from contract.reading.tiff import Plane, plane_header, read_plane

READ = "TIFF, PNG, BMP or npy"
EXACT_FLOATS = 2**53
"""Whole numbers up to here are exact in float64."""
MOST_IDS = 2**32
TILE = 512
"""Side of a tile of a large mask, in pixels."""


class WrongMaskSize(WrongMaskType):
    """A mask of another size than its image; `size` is its own height and width."""

    def __init__(self, name: str, size: tuple[int, int], expected: tuple[int, int]) -> None:
        super().__init__(
            f"{name}: the mask is {size[0]}×{size[1]} pixels (height × width), the truth"
            f" {expected[0]}×{expected[1]}"
        )
        self.size = size


@dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A mask as it was read, and what is odd about its file."""

    labels: npt.NDArray[np.integer]
    """H×W; see `read_mask`."""
    remarks: tuple[str, ...]
    """Sentences; none for an ordinary mask."""


@dataclass(frozen=True, kw_only=True)
class _Stored:
    values: npt.NDArray[np.generic]
    white_is_zero: bool = False
    remarks: tuple[str, ...] = ()


def read_mask(
    path: Path, *, max_pixels: int | None = None, expected: tuple[int, int] | None = None
) -> npt.NDArray[np.integer]:
    """Reads a label mask (TIFF, PNG, BMP or npy, told apart by content) as H×W integers.

    The stored integer type is kept, so that ids are never cast; booleans become uint8, floats
    that hold whole numbers become int64. Palette images give their indices. White-is-zero TIFFs
    give the stored values, unless the highest value of their type stands where 0 should: a
    program that turned everything wrote them, and they are turned back. `max_pixels` is the limit
    on H·W, `pixel_limit()` when left out. `expected` is the height and width that the mask must
    have; it is compared with the header, before anything is decoded.

    Only this file is opened, whatever it says of others, and pickled objects never are.

    Raises UnreadableMask when the file is missing, truncated, no image, lossy (JPEG) or too large,
    WrongMaskType when it holds channels, several pages, fractions, negative or complex values, and
    its subclass WrongMaskSize for another size than expected.
    """
    return open_mask(path, max_pixels=max_pixels, expected=expected).labels


def open_mask(
    path: Path, *, max_pixels: int | None = None, expected: tuple[int, int] | None = None
) -> MaskFile:
    """Reads a mask as `read_mask` does, and says what is odd about the file."""
    limit = pixel_limit() if max_pixels is None else max_pixels
    with errors_of_masks(path, expected), reasons(path):
        stored = _decode(path, limit, expected)
    if stored.values.ndim != 2:
        raise _not_one_plane(path, f"its shape is {stored.values.shape}")
    labels, remarks = whole_ids(stored.values, path), list(stored.remarks)
    if stored.white_is_zero and _is_turned(labels):
        labels = np.asarray(np.iinfo(labels.dtype).max - labels)
        remarks.append("white is zero in this mask, background included; it is turned back")
    return MaskFile(labels=labels, remarks=tuple(remarks))


def mask_size(path: Path) -> tuple[int, int]:
    """Height and width of a mask, in pixels, from its header alone.

    Raises UnreadableMask and WrongMaskType as `read_mask` does, for what the header tells.
    """
    with errors_of_masks(path), reasons(path):
        match kind_of_mask(path):
            case "tiff":
                plane = plane_header(path)
                return plane.height, plane.width
            case "npy":
                return npy_size(path)
            case "png":
                png = open_png(path, None)
                return png.height, png.width
            case _:
                with pillow.opened(path, "BMP") as image:
                    return image.height, image.width


def write_mask(path: Path, labels: npt.NDArray[np.integer]) -> None:
    """Writes an H×W map of ids ≥ 0 as a zlib TIFF in the smallest of uint8, uint16 and uint32.

    Ids above 2³²−1 are numbered anew, 1 to n in their order. The file appears under its name only
    when it is whole. Raises ValueError for anything but two dimensions of integers from 0 on, and
    OSError when the disk refuses.
    """
    import tifffile

    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"a mask is H×W integers, not {labels.dtype} of shape {tuple(labels.shape)}"
        )
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0:
        raise ValueError(f"ids run from 0 on, not from {lowest} to {highest}")
    if highest >= MOST_IDS:
        labels = numbered_anew(labels)
        highest = int(labels.max())
    dtype = np.min_scalar_type(highest)
    write_aside(
        path,
        lambda aside: tifffile.imwrite(
            aside, labels.astype(dtype, copy=False), compression="zlib", photometric="minisblack"
        ),
    )


def write_mask_in_bands(
    path: Path,
    shape: tuple[int, int],
    highest: int,
    rows: Callable[[slice], npt.NDArray[np.integer]],
) -> None:
    """Writes a mask too large for memory: a BigTIFF of tiles, else as `write_mask` does.

    `highest` is the highest id, `rows` gives the ids of some rows. Raises OSError when the disk
    refuses.
    """
    import tifffile

    dtype = np.min_scalar_type(highest)

    def tiles() -> Iterator[npt.NDArray[np.integer]]:
        for top in range(0, shape[0], TILE):
            band = rows(slice(top, min(top + TILE, shape[0]))).astype(dtype)
            across = -(-shape[1] // TILE)
            filled = np.zeros((TILE, across * TILE), dtype)
            filled[: band.shape[0], : shape[1]] = band
            yield from (filled[:, left * TILE : (left + 1) * TILE] for left in range(across))

    write_aside(
        path,
        lambda aside: tifffile.imwrite(
            aside,
            tiles(),
            shape=shape,
            dtype=dtype,
            tile=(TILE, TILE),
            bigtiff=True,
            compression="zlib",
            photometric="minisblack",
        ),
    )


@contextmanager
def errors_of_masks(path: Path, expected: tuple[int, int] | None = None) -> Iterator[None]:
    """Turns what is wrong with an image into what is wrong with the mask `path`."""
    try:
        yield
    except WrongSize as error:
        raise WrongMaskSize(path.name, error.size, expected or error.size) from error
    except SeveralPlanes as error:
        raise _not_one_plane(path, error.what) from error
    except UnreadableImage as error:
        raise UnreadableMask(f"{path.name}: {error.what}", error.why, error.do) from error


def kind_of_mask(path: Path) -> Kind:
    """The format of a mask by its content; UnreadableImage for what can hold none."""
    kind = kind_of(path, READ)
    if kind == "jpeg":
        raise UnreadableImage(
            "a JPEG changes ids when it is saved, so it cannot hold a mask",
            "the file was exported as a picture",
            "save the label image itself as TIFF or PNG",
        )
    return kind


def numbered_anew(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.integer]:
    """The labels with the numbers 1 to n in the order of their ids; 0 stays."""
    ids, places = np.unique(labels, return_inverse=True)
    first = 0 if ids[0] == 0 else 1
    return np.asarray(places.reshape(labels.shape) + first)


def _decode(path: Path, limit: int, expected: tuple[int, int] | None) -> _Stored:
    match kind_of_mask(path):
        case "tiff":
            plane = read_plane(path, limit, expected)
            return _Stored(
                values=plane.pixels,
                white_is_zero=plane.photometric == 0,
                remarks=tiff_remarks(plane),
            )
        case "npy":
            return _Stored(values=read_npy(path, limit, expected))
        case "png":
            png = open_png(path, limit, expected)
            said = (*png.remarks, *_held_otherwise(png.orientation))
            if png.depth == 16 and png.colour != 0:
                return _Stored(
                    values=of_size(decode_sixteen_bit(png), png.height, png.width), remarks=said
                )
            with pillow.opened(png.data, "PNG") as image:
                return _Stored(values=np.asarray(image), remarks=said)
        case _:
            with pillow.opened(path, "BMP") as image:
                check_size(image.height, image.width, limit, expected=expected)
                return _Stored(values=np.asarray(image))


def tiff_remarks(plane: Plane) -> tuple[str, ...]:
    """What is odd about a TIFF that holds a mask."""
    lossy = lossy_compression(plane.compression, plane.first_bytes)
    return (*plane.remarks, *([lossy] if lossy else []), *_held_otherwise(plane.orientation))


def _held_otherwise(orientation: int) -> tuple[str, ...]:
    if orientation == UPRIGHT:
        return ()
    said = f"the mask's orientation is {orientation}, not 1: programs may show it turned"
    return (f"{said}; its ids are used as stored",)


def _not_one_plane(path: Path, reason: str) -> WrongMaskType:
    return WrongMaskType(
        f"{path.name}: a mask is one H×W plane of ids: {reason}",
        "it is a coloured picture or a stack",
        "save the label image itself, one grey plane of whole numbers",
    )


def _is_turned(labels: npt.NDArray[np.integer]) -> bool:
    return labels.size > 0 and bool(labels.min() > 0 and labels.max() == np.iinfo(labels.dtype).max)


def whole_ids(labels: npt.NDArray[np.generic], path: Path) -> npt.NDArray[np.integer]:
    """What a mask, or a part of it, stores, as ids; WrongMaskType for what are none."""
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
