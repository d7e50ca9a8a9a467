"""Which pages of an OME-TIFF are which planes, in this file alone.

The XML of a set names other files; they are never looked for.
"""

import io
from collections.abc import Iterator
from typing import Literal, NamedTuple
from xml.etree.ElementTree import Element, ParseError, iterparse


class Place(NamedTuple):
    """A page and the plane that it holds."""

    page: int
    image: int
    """Number of the Image element."""
    c: int
    z: int
    t: int


def own_places(xml: str, file_name: str, most_pages: int) -> list[Place]:
    """The planes that the OME-XML places in this file, at most `most_pages` for each entry.

    A TiffData element belongs to this file when it names none, when its UUID is the one of this
    file's XML, or else when it names `file_name`. XML that cannot be parsed places nothing.
    """
    try:
        return list(_places(xml, file_name, most_pages))
    except (ParseError, ValueError, KeyError, OverflowError):
        return []


def elements(xml: str, *events: Literal["start", "end"]) -> Iterator[tuple[str, str, Element]]:
    """Events of the XML, each with its element's name, without namespace, and the element."""
    if "<!" in xml.replace("<!--", ""):
        return  # OME-XML declares no entities, which could grow without end
    for event, element in iterparse(io.BytesIO(xml.encode()), events=events):  # noqa: S314
        yield event, element.tag.rpartition("}")[2], element


def _places(xml: str, file_name: str, most_pages: int) -> Iterator[Place]:
    own_uuid = ""
    image = -1
    pixels: dict[str, str] = {}
    # The end of an element comes after its children; the attributes are known at its start.
    for event, name, element in elements(xml, "start", "end"):
        match event, name:
            case "start", "OME":
                own_uuid = element.get("UUID", "").strip()
            case "start", "Pixels":
                image += 1
                pixels = dict(element.attrib)
            case "end", "TiffData":
                if _is_own(element, own_uuid, file_name):
                    yield from _planes(element, pixels, image, most_pages)
                element.clear()
            case _:
                pass


def _is_own(data: Element, own_uuid: str, file_name: str) -> bool:
    for child in data:
        if child.tag.rpartition("}")[2] == "UUID":
            uuid = (child.text or "").strip()
            if own_uuid and uuid:
                return uuid == own_uuid
            return child.get("FileName", file_name) == file_name
    return True


def _planes(data: Element, pixels: dict[str, str], image: int, most_pages: int) -> Iterator[Place]:
    sizes = {axis: max(1, int(pixels.get(f"Size{axis}", 1))) for axis in "CZT"}
    page = int(data.get("IFD", 0))
    at = {axis: int(data.get(f"First{axis}", 0)) for axis in "CZT"}
    whole = sizes["C"] * sizes["Z"] * sizes["T"]
    count = int(data.get("PlaneCount", 1 if data.get("IFD") is not None else whole))
    order = [axis for axis in pixels.get("DimensionOrder", "XYCZT") if axis in "CZT"]
    for step in range(min(count, whole, most_pages)):
        yield Place(page=page + step, image=image, c=at["C"], z=at["Z"], t=at["T"])
        for axis in order:
            at[axis] += 1
            if at[axis] < sizes[axis]:
                break
            at[axis] = 0
