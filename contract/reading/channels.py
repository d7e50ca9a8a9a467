"""Whether several pages of one TIFF are the channels of one image, from what the file says."""

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from contract.errors import SeveralPlanes
from contract.reading.directories import MOST_PAGES, Directory
from contract.reading.ome import Place, own_places

LONGEST_DESCRIPTION = 20_000_000
"""Characters; sets of some thousand files have descriptions of a few million."""
SHORT_DESCRIPTION = 100_000
"""Characters that are looked through where only a remark depends on them."""
STACKS = {"z": "focal planes", "t": "time points"}


def channel_pages(tiff: Any, pages: Sequence[Directory]) -> list[int]:
    """The numbers of the pages that are the channels of one image, in the channels' order.

    `pages` are two or more of one size. OME, ImageJ, tifffile and PerkinElmer's component images
    say what their pages are; FluoView's and Olympus SIS's are left to tifffile. Raises
    SeveralPlanes for anything else.
    """
    numbers = [page.page for page in pages]
    first = tiff.pages[numbers[0]]
    if any(_kind(tiff.pages[number]) != _kind(first) for number in numbers[1:]):
        raise SeveralPlanes(f"{len(numbers)} images of different kinds, not one 2-D image")
    channels = _channels(tiff, first, numbers)
    if first.samplesperpixel > 1:
        raise _stack(len(numbers), "pages")
    return channels


def _channels(tiff: Any, first: Any, numbers: list[int]) -> list[int]:
    if tiff.pages[0].is_ome and len(tiff.pages[0].description) <= LONGEST_DESCRIPTION:
        return _ome_channels(tiff, numbers)
    if first.is_imagej:
        return _counted(numbers, *_imagej(first.imagej_description))
    if first.is_shaped:
        return _counted(numbers, *_shaped(first))
    if first.is_qpi:
        return numbers
    if first.is_fluoview or first.is_sis:
        return _by_axes(numbers, tiff.series[0].axes, tiff.series[0].shape)
    raise _stack(len(numbers), "pages")


def claimed_planes(page: Any) -> int:
    """How many planes the description of a page speaks of; 1 when it says nothing of them."""
    if page.is_imagej:
        channels, slices, frames, images = _imagej(page.imagej_description)
        samples = int(page.samplesperpixel)
        return max(images, slices * frames * (1 if channels == samples else channels))
    if page.is_shaped:
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            shape = [int(size) for size in _json(page.shaped_description)["shape"]]
            return max(1, math.prod(shape[: -len(page.shape)]))
    if page.is_ome and len(page.description) <= SHORT_DESCRIPTION:
        places = own_places(page.description, page.parent.filename, MOST_PAGES)
        return max(1, len(places) // int(page.samplesperpixel))
    return 1


def _ome_channels(tiff: Any, numbers: list[int]) -> list[int]:
    """The pages in the order of their channels, as the XML places the pages of this file."""
    places = own_places(tiff.pages[0].description, tiff.filename, len(tiff.pages))
    found: dict[int, Place] = {}
    for place in places:
        if place.page in numbers:
            found.setdefault(place.page, place)
    if len(found) < len(numbers):
        raise _stack(len(numbers), "pages")
    if len({place.image for place in found.values()}) > 1:
        raise SeveralPlanes(f"{len(numbers)} images in one file, not one 2-D image")
    for axis, name in STACKS.items():
        size = len({getattr(place, axis) for place in found.values()})
        if size > 1:
            raise _stack(size, name)
    return sorted(numbers, key=lambda number: found[number].c)


def _counted(numbers: list[int], channels: int, slices: int, frames: int, images: int) -> list[int]:
    for size, name in ((slices, STACKS["z"]), (frames, STACKS["t"])):
        if size > 1:
            raise _stack(min(size, len(numbers)), name)
    if channels < len(numbers):
        raise _stack(len(numbers), "pages")
    return numbers


def _imagej(description: str) -> tuple[int, int, int, int]:
    """Channels, slices, frames and images of ImageJ's description, 1 for what is left out."""
    found = {"channels": 1, "slices": 1, "frames": 1, "images": 1}
    for line in description.splitlines():
        key, _, value = line.partition("=")
        value = value.strip()
        if key.strip() in found and value.isascii() and value.isdigit() and len(value) < 10:
            found[key.strip()] = max(1, int(value))
    return found["channels"], found["slices"], found["frames"], found["images"]


def _shaped(page: Any) -> tuple[int, int, int, int]:
    """The same of tifffile's own description: the axes that it names before the page's."""
    sizes = {"C": 1, "Z": 1, "T": 1}
    try:
        described = _json(page.shaped_description)
        shape = [int(size) for size in described["shape"]]
        axes = str(described["axes"])
        for axis, size in zip(axes, shape, strict=True):
            if axis in sizes:
                sizes[axis] = size
    except (ValueError, TypeError, KeyError):
        return 1, 1, 1, 1
    return sizes["C"], sizes["Z"], sizes["T"], 1


def _json(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else {}


def _by_axes(numbers: list[int], axes: str, shape: tuple[int, ...]) -> list[int]:
    sizes = {axis: int(size) for axis, size in zip(axes, shape, strict=True)}
    others = {axis: size for axis, size in sizes.items() if axis not in "CYX" and size > 1}
    if others or sizes.get("C", 1) != len(numbers):
        raise _stack(len(numbers), "pages")
    return numbers


def _kind(page: Any) -> tuple[Any, ...]:
    return page.shape, page.dtype, page.photometric


def _stack(size: int, of: str) -> SeveralPlanes:
    return SeveralPlanes(f"a stack of {size} {of}, not one 2-D image")
