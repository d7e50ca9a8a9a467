"""Arrays in numpy's own format; pickled objects are never opened."""

import math
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from contract.errors import SeveralPlanes, UnreadableImage
from contract.reading.limits import check_size


def read_npy(
    path: Path, max_pixels: int, expected: tuple[int, int] | None
) -> npt.NDArray[np.generic]:
    """The array of a .npy file, leading and trailing axes of length 1 dropped.

    The shape in its header is checked before its values are read. Raises UnreadableImage for
    Python objects, for another or too large a shape, and for a file that is cut off.
    """
    with path.open("rb") as stream:
        shape, dtype = _header(stream, path)
        inner = _without_ones(shape)
        if len(inner) == 2:
            check_size(inner[0], inner[1], max_pixels, expected=expected)
        elif math.prod(shape) > 4 * max_pixels:
            check_size(1, math.prod(shape), max_pixels)
        needed = stream.tell() + math.prod(shape) * dtype.itemsize
        if path.stat().st_size < needed:
            raise UnreadableImage(
                f"cannot be decoded, the file is truncated: {path.stat().st_size} bytes of {needed}"
            )
        stream.seek(0)
        array = np.load(stream, allow_pickle=False)
    return np.asarray(array.reshape(inner))


def npy_size(path: Path) -> tuple[int, int]:
    """Height and width of the array; SeveralPlanes for other shapes."""
    with path.open("rb") as stream:
        shape, _ = _header(stream, path)
    inner = _without_ones(shape)
    if len(inner) != 2:
        raise SeveralPlanes(f"its shape is {shape}")
    return inner[0], inner[1]


def _header(stream: BinaryIO, path: Path) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and type; both versions of the header are literals, no code."""
    version = np.lib.format.read_magic(stream)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise UnreadableImage(f"a .npy file of version {version}, which is not read")
    try:
        shape, _, dtype = read(stream)
    except Exception as error:  # numpy parses the header as a literal, which may fail in many ways
        raise UnreadableImage("the file is damaged: its header describes no array") from error
    if dtype.hasobject:
        raise UnreadableImage(
            "holds Python objects, which could run code, so it is not opened",
            "Cellpose's _seg.npy files are of this kind" if "_seg" in path.name else "",
            "save the label image itself as TIFF, PNG or a plain .npy",
        )
    return shape, dtype


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """1×H×W and H×W×1, as networks give them, as H×W."""
    while len(shape) > 2 and 1 in (shape[0], shape[-1]):
        shape = shape[:-1] if shape[-1] == 1 else shape[1:]
    return shape
