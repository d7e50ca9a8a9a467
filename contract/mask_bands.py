"""Label masks too large for memory, read some rows at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.large import band_rows, is_large, reading
from contract.masks import errors_of_masks, kind_of_mask, tiff_remarks, whole_ids
from contract.reading.failures import reasons
from contract.reading.parts import has_parts, read_part
from contract.reading.tiff import Found, check_found, layout, plane_of


@dataclass(frozen=True, kw_only=True)
class MaskBands:
    """A large mask, and what is odd about its file."""

    shape: tuple[int, int]
    bands: Iterator[npt.NDArray[np.integer]]
    """From top to bottom, some rows each, of one type; see `contract.read_mask`."""
    remarks: tuple[str, ...]


@contextmanager
def mask_by_parts(
    path: Path, max_pixels: int, expected: tuple[int, int] | None = None
) -> Iterator[MaskBands | None]:
    """A mask of more than `contract.large.MOST_WHOLE` pixels, as its bands are read.

    None for a smaller one, and for one that has to be decoded as a whole. Raises what
    `contract.open_mask` does, some of it while bands are read.
    """
    with errors_of_masks(path, expected):
        with reasons(path):
            is_tiff = kind_of_mask(path) == "tiff"
        if not is_tiff:
            yield None
            return
        with reading(path) as found:
            with reasons(path):
                mask = _found(found, path, max_pixels, expected)
            yield mask


def _found(
    found: Found, path: Path, max_pixels: int, expected: tuple[int, int] | None
) -> MaskBands | None:
    page = found.shown[0]
    height, width, samples = layout(page)
    alone = found.pages == 1 and samples == 1 and int(page.photometric) != 0
    if not (alone and is_large((height, width)) and has_parts(page)):
        return None
    check_found(found, max_pixels, expected)
    plane = plane_of(found, [read_part(page, slice(0, 1), slice(0, width))])
    return MaskBands(
        shape=(height, width),
        bands=_bands(found, (height, width), path),
        remarks=tiff_remarks(plane),
    )


def _bands(found: Found, shape: tuple[int, int], path: Path) -> Iterator[npt.NDArray[np.integer]]:
    height, width = shape
    rows = band_rows(found, width)
    for top in range(0, height, rows):
        with reasons(path):
            part = read_part(found.shown[0], slice(top, min(top + rows, height)), slice(0, width))
        yield whole_ids(part, path)
