"""Pictures too large to be held in memory together with what a model makes of them."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import ceil, sqrt
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import numpy.typing as npt

from contract.contrast import differ
from contract.errors import UnreadableImage
from contract.images import (
    NO_CONTRAST,
    Picture,
    kind_of_image,
    orientation_remark,
    read_picture,
    read_size,
    three_channels,
)
from contract.reading.failures import reasons
from contract.reading.limits import pixel_limit
from contract.reading.orientation import UPRIGHT
from contract.reading.parts import has_parts, read_part
from contract.reading.tiff import Found, check_found, layout, opened, plane_of
from contract.reading.values import ALPHA_DROPPED, ALPHA_TAKEN, Stored, of_plane, plain

MOST_WHOLE = 4096 * 4096
"""Pixels up to which a picture is handed to a model as a whole."""
SAMPLE_PIXELS = 4_000_000
BAND_PIXELS = 1 << 23
"""Pixels looked at in one go by the survey."""
SIMPLE = ("|b1", "|u1", "<u2", "<f4")
"""Types of which every value is understood without the others."""

Pixels = npt.NDArray[np.generic]
Read = Callable[[slice, slice], Pixels]


@dataclass(frozen=True, kw_only=True, eq=False)
class LargePicture:
    """A picture that is read by parts, and what its parts must know of the whole."""

    shape: tuple[int, int]
    """Height and width."""
    read: Read
    """The part [rows, columns] as h×w×3, equal to that part of `contract.read_image`'s array; both
    slices have a start and a stop within the picture."""
    sample: Pixels
    """h×w×3, every n-th pixel of every n-th row from the first on: at most `SAMPLE_PIXELS`, n being
    `sample_step(shape)`."""
    extremes: tuple[tuple[float, float], ...]
    """Lowest and highest value of each of the three channels, over all pixels."""
    remarks: tuple[str, ...]
    """As in `contract.Picture`."""
    orientation: int
    """1 to 8, as in EXIF; the pixels are as stored."""
    band_rows: int
    """How many rows are best read in one go."""
    pixel_size_um: float | None = None
    """As in `contract.Picture`."""


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where pixels lie in a picture that is too large to be seen at once.

    The picture is the same object for all regions of a picture.
    """

    rows: slice
    columns: slice
    picture: LargePicture


def is_large(shape: tuple[int, int]) -> bool:
    """Whether a picture of this shape is too large to be handed on as a whole."""
    return shape[0] * shape[1] > MOST_WHOLE


def is_large_file(path: Path) -> bool:
    """Whether the picture in a file is; False where its header cannot be read."""
    try:
        return is_large(read_size(path))
    except UnreadableImage:  # for the reader to say why
        return False


def sample_step(shape: tuple[int, int]) -> int:
    """Every how many pixels the sample of a picture has one."""
    return max(1, ceil(sqrt(shape[0] * shape[1] / SAMPLE_PIXELS)))


@contextmanager
def open_large(
    path: Path, scratch: Path, *, max_pixels: int | None = None
) -> Iterator[LargePicture]:
    """Opens a picture that is then read by parts; it can be read until the context ends.

    What cannot be read `by_parts` is decoded once as a whole and laid into a nameless file in the
    folder `scratch`.

    Raises what `contract.read_picture` does, and OSError when the scratch file cannot be written.
    """
    limit = pixel_limit() if max_pixels is None else max_pixels
    with by_parts(path, limit) as picture:
        if picture is not None:
            yield picture
            return
    with tempfile.TemporaryFile(dir=scratch) as stream:
        yield _laid_aside(read_picture(path, max_pixels=limit), cast(BinaryIO, stream))


@contextmanager
def by_parts(path: Path, max_pixels: int) -> Iterator[LargePicture | None]:
    """A picture that is read where it lies, after one survey of all of it.

    TIFFs in tiles, in strips or uncompressed can be; of pyramids the full plane is read. None for
    what comes in one compressed piece and for what needs all of its values to be understood
    (signed or wide integers, double floats).

    Raises UnreadableImage as `contract.read_picture` does.
    """
    with reasons(path):
        is_tiff = kind_of_image(path) == "tiff"
    if not is_tiff:
        yield None
        return
    with reading(path) as found:
        with reasons(path):
            check_found(found, max_pixels)
            picture = _surveyed(found, path) if _is_simple(found) else None
        yield picture


def bands(picture: LargePicture) -> Iterator[Pixels]:
    """All of a picture, some rows at a time."""
    height, width = picture.shape
    for top in range(0, height, picture.band_rows):
        yield picture.read(slice(top, min(top + picture.band_rows, height)), slice(0, width))


@contextmanager
def reading(path: Path) -> Iterator[Found]:
    """The TIFF, opened; only what decoders raise at that is an error of the file."""
    with ExitStack() as stack:
        with reasons(path):
            found = stack.enter_context(opened(path))
        yield found


def _is_simple(found: Found) -> bool:
    if not all(has_parts(page) for page in found.shown):
        return False
    dtype = np.dtype(found.shown[0].dtype).newbyteorder("<").str
    return dtype in SIMPLE and not (dtype == "<f4" and int(found.shown[0].photometric) == 0)


@dataclass(kw_only=True)
class _Survey:
    """What is known of a picture after some of its bands."""

    low: list[float] = field(default_factory=lambda: [np.inf] * 3)
    high: list[float] = field(default_factory=lambda: [-np.inf] * 3)
    missing: int = 0
    sample: list[Pixels] = field(default_factory=list)
    remarks: tuple[str, ...] = ()

    def see(self, stored: Stored, first: int, step: int) -> None:
        """Takes a band whose first row is given."""
        if stored.pixels.dtype.kind == "f":
            self.missing += int(np.count_nonzero(~np.isfinite(stored.pixels)))
        pixels, dropped = three_channels(plain(stored))
        self.remarks = (*stored.remarks, *dropped)
        for channel in range(3):
            self.low[channel] = min(self.low[channel], float(pixels[..., channel].min()))
            self.high[channel] = max(self.high[channel], float(pixels[..., channel].max()))
        self.sample.append(pixels[-first % step :: step, ::step].copy())

    @property
    def has_contrast(self) -> bool:
        return any(differ(low, high) for low, high in zip(self.low, self.high, strict=True))


def _surveyed(found: Found, path: Path) -> LargePicture:
    height, width, _ = layout(found.shown[0])
    step = sample_step((height, width))
    colours, alphas = _Survey(), _Survey()
    rows = band_rows(found, width)
    for top in range(0, height, rows):
        stored = _part(found, slice(top, min(top + rows, height)), slice(0, width))
        colours.see(stored, top, step)
        if stored.alpha is not None:
            alphas.see(Stored(pixels=stored.alpha, remarks=stored.remarks), top, step)
    takes_alpha = bool(alphas.sample) and alphas.has_contrast and not colours.has_contrast
    known = alphas if takes_alpha else colours
    remarks = [*known.remarks]
    if alphas.sample and alphas.has_contrast:
        remarks.insert(len(found.remarks), ALPHA_TAKEN if takes_alpha else ALPHA_DROPPED)
    if known.missing:
        remarks.append(f"{known.missing} values are NaN or infinite and count as 0")
    if not known.has_contrast:
        remarks.insert(0, NO_CONTRAST)
    orientation = found.directory.orientation
    if orientation != UPRIGHT:
        remarks.append(orientation_remark(orientation))

    def read(rows: slice, columns: slice) -> Pixels:
        with reasons(path):
            stored = _part(found, rows, columns)
            if takes_alpha and stored.alpha is not None:
                stored = Stored(pixels=stored.alpha)
            return three_channels(plain(stored))[0]

    return LargePicture(
        shape=(height, width),
        read=read,
        sample=np.concatenate(known.sample),
        extremes=tuple(zip(known.low, known.high, strict=True)),
        remarks=tuple(remarks),
        orientation=orientation,
        band_rows=rows,
        pixel_size_um=found.pixel_size_um,
    )


def _part(found: Found, rows: slice, columns: slice) -> Stored:
    return of_plane(plane_of(found, [read_part(page, rows, columns) for page in found.shown]))


def band_rows(found: Found, width: int) -> int:
    """Rows of a band, a multiple of the rows of tiles or strips where there are not too many."""
    page = found.shown[0]
    rows = int(page.tilelength if page.is_tiled else page.rowsperstrip)
    most = max(1, BAND_PIXELS // width)
    return max(rows, most // rows * rows) if rows * width <= 4 * BAND_PIXELS else most


def _laid_aside(picture: Picture, stream: BinaryIO) -> LargePicture:
    pixels = picture.pixels
    height, width = pixels.shape[:2]
    step = sample_step((height, width))
    stream.write(pixels.data)
    stream.flush()
    dtype, shape = pixels.dtype, pixels.shape
    channels = [pixels[..., channel] for channel in range(3)]

    def read(rows: slice, columns: slice) -> Pixels:
        return np.array(np.memmap(stream, dtype, "r", shape=shape)[rows, columns])

    return LargePicture(
        shape=(height, width),
        read=read,
        sample=pixels[::step, ::step].copy(),
        extremes=tuple((float(one.min()), float(one.max())) for one in channels),
        remarks=picture.remarks,
        orientation=picture.orientation,
        band_rows=max(1, BAND_PIXELS // width),
        pixel_size_um=picture.pixel_size_um,
    )
