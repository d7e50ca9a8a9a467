"""Tiles of pictures and outlines, made when they are asked for."""

import io
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from contract import CellbenchError
from contract.guarded import read_image, read_mask
from evaluator.overlap.table import overlap_table
from evaluator.report.cells import ImageCells, cells_of
from evaluator.report.layers import fate_layers, truth_layer
from evaluator.report.pictures import ENDS, Edge, outline, stretch
from harness.view.subject import Shown, Subject

SIDE = 256
"""Pixels of a tile."""
KEPT = 8
"""Pictures and masks that stay open; large ones are mapped to files."""
SAMPLE = 1_000_000
SHARPEST = 3
"""A pixel of a tile is the mean of at most 2³ by 2³ of the picture; further out some are left out.
"""
THRESHOLD = 0.5
"""The IoU at which a cell counts as found."""

Kind = Literal["picture", "truth", "cells", "found", "missed"]
Value = TypeVar("Value")


class NoTile(Exception):
    """There is nothing there."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """A tile: at level 0 a pixel is one of the picture, at each further one 2×2 of the last."""

    level: int
    column: int
    row: int


@dataclass(frozen=True, kw_only=True)
class _Picture:
    pixels: npt.NDArray[np.generic]
    low: float
    high: float


@dataclass(kw_only=True)
class _Kept:
    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Any = None
    is_there: bool = False


class Tiles:
    """The tiles of all images of a subject. Threads may ask at the same time."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._kept: OrderedDict[tuple[object, ...], _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def describe(self, number: int) -> dict[str, Any]:
        """What the page needs to know of an image; NoTile where there is none."""
        shown = self._shown(number)
        found: dict[str, Any] = {"name": shown.name, "levels": 0, "problems": []}
        size = self._size(shown, found["problems"])
        if size is not None:
            found |= {"height": size[0], "width": size[1], "levels": levels(size)}
        found["picture"] = shown.image is not None
        found["truth"] = shown.truth is not None
        found["masks"] = [mask is not None for mask in shown.masks]
        return found

    def tile(self, number: int, kind: Kind, source: int, place: Place) -> tuple[str, bytes]:
        """Media type and bytes of a tile.

        "cells" are all outlines of a source, "found" those coloured by what became of each cell,
        "missed" those of the true cells that it missed. Raises NoTile for what is not there and
        CellbenchError for a file that cannot be read.
        """
        shown = self._shown(number)
        if kind == "picture":
            return "image/jpeg", self._picture_tile(_there(shown.image), place)
        if kind == "truth":
            return "image/png", truth_layer(_edge(self._mask(_there(shown.truth)), place)[0]).png()
        if source >= len(shown.masks):
            raise NoTile
        mask = self._mask(_there(shown.masks[source]))
        if kind == "cells":
            return "image/png", truth_layer(_edge(mask, place)[0]).png()
        true = self._mask(_there(shown.truth))
        cells = self._cells(_there(shown.truth), _there(shown.masks[source]))
        if true.shape != mask.shape or cells is None:
            raise NoTile
        edge, small = _edge(true, place)
        other_edge, other = _edge(mask, place)
        layers = fate_layers(cells, small, edge, other, other_edge)
        if layers is None:
            raise NoTile
        return "image/png", (layers.found if kind == "found" else layers.missed).png()

    def _shown(self, number: int) -> Shown:
        if number >= len(self._subject.images):
            raise NoTile
        return self._subject.images[number]

    def _size(self, shown: Shown, problems: list[str]) -> tuple[int, int] | None:
        """Height and width of the image, or of a mask where there is none that can be read."""
        readers: list[tuple[Path | None, Callable[[Path], tuple[int, ...]]]] = [
            (shown.image, lambda path: self._picture(path).pixels.shape),
            *((path, lambda path: self._mask(path).shape) for path in (shown.truth, *shown.masks)),
        ]
        for path, shape in readers:
            if path is None:
                continue
            try:
                height, width = shape(path)[:2]
            except (CellbenchError, OSError) as error:
                problems.append(getattr(error, "what", str(error)))
            else:
                return height, width
        return None

    def _picture_tile(self, path: Path, place: Place) -> bytes:
        picture = self._picture(path)
        shrunk = min(place.level, SHARPEST)
        step = 2 ** (place.level - shrunk)
        rows, columns = _part(picture.pixels.shape, place)
        part = np.asarray(picture.pixels[rows, columns][::step, ::step])
        small = Pillow.fromarray(stretch(part, picture.low, picture.high)).reduce(2**shrunk)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=88, subsampling=0)
        return buffer.getvalue()

    def _picture(self, path: Path) -> _Picture:
        return self._keep(("picture", path), lambda: _opened(path))

    def _mask(self, path: Path) -> npt.NDArray[np.integer]:
        return self._keep(("mask", path), lambda: read_mask(path))

    def _cells(self, truth: Path, mask: Path) -> ImageCells | None:
        def judged() -> ImageCells | None:
            one, other = self._mask(truth), self._mask(mask)
            if one.shape != other.shape:
                return None
            return cells_of(overlap_table(one, other), THRESHOLD)

        return self._keep(("cells", truth, mask), judged)

    def _keep(self, key: tuple[object, ...], make: Callable[[], Value]) -> Value:
        """The value of a key, made once and forgotten when others have been used since.

        A browser asks for many tiles at once: while one of them makes the value the others wait.
        """
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        with kept.lock:
            if not kept.is_there:
                kept.value, kept.is_there = make(), True
            value: Value = kept.value
            return value


def levels(size: tuple[int, int]) -> int:
    """The level at which the whole picture is one tile."""
    return max(0, math.ceil(math.log2(max(size) / SIDE)))


def _opened(path: Path) -> _Picture:
    pixels = read_image(path)
    step = max(1, math.isqrt(pixels.shape[0] * pixels.shape[1] // SAMPLE))
    sample = np.asarray(pixels[::step, ::step])
    low, high = (float(value) for value in np.percentile(sample, ENDS))
    if pixels.dtype == np.uint8 and high - low >= 128:
        low, high = 0.0, 255.0
    return _Picture(pixels=pixels, low=low, high=high)


def _part(shape: tuple[int, ...], place: Place) -> tuple[slice, slice]:
    """Rows and columns of a picture that a tile shows; NoTile outside of it."""
    side = SIDE * 2**place.level
    top, left = place.row * side, place.column * side
    if top >= shape[0] or left >= shape[1]:
        raise NoTile
    return slice(top, min(top + side, shape[0])), slice(left, min(left + side, shape[1]))


def _edge(labels: npt.NDArray[np.integer], place: Place) -> tuple[Edge, npt.NDArray[np.integer]]:
    """Outlines in a tile and the ids there; its neighbours' next pixels have a say."""
    rows, columns = _part(labels.shape, place)
    step = 2**place.level
    first = [max(0, part.start - step) for part in (rows, columns)]
    around = np.asarray(
        labels[first[0] : rows.stop + step : step, first[1] : columns.stop + step : step]
    )
    top, left = (
        (part.start - start) // step for part, start in zip((rows, columns), first, strict=True)
    )
    tile = np.s_[
        top : top + -(-(rows.stop - rows.start) // step),
        left : left + -(-(columns.stop - columns.start) // step),
    ]
    return np.ascontiguousarray(outline(around)[tile]), np.ascontiguousarray(around[tile])


def _there(path: Path | None) -> Path:
    if path is None:
        raise NoTile
    return path
