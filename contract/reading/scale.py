"""How large a pixel is, from what a TIFF says of itself; None where that is nothing to rely on."""

import math
from contextlib import suppress
from typing import Any

from contract.reading.channels import LONGEST_DESCRIPTION
from contract.reading.ome import elements

LEAST, MOST = 0.001, 1000.0
"""Micrometres; a pixel of a microscope is neither smaller nor larger."""
UNEVEN = 0.01
"""Of the larger side, by which the sides of a square pixel may differ."""
LONGEST_TEXT = 20_000

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT = 282, 283, 296
MICROMETRES = {2: 25400.0, 3: 10000.0}
"""In TIFF's units: inch and centimetre; 1 is no unit."""
PRINTERS = 1200
"""Dots an inch up to which a resolution is one of a screen or a printer (353 to 21 µm a pixel),
which programs write into files unasked."""
SCANNERS = (2400, 3200, 4800, 6400, 9600)

UNITS = {
    "m": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "inch": 25400.0,
    "in": 25400.0,
    "nm": 1e-3,
    "å": 1e-4,
    "pm": 1e-6,
    **dict.fromkeys(("µm", "um", "micron", "microns", "micrometer", "micrometers"), 1.0),
    **dict.fromkeys(("micrometre", "micrometres"), 1.0),
    **dict.fromkeys(("nanometer", "nanometre", "nanometers", "nanometres"), 1e-3),
    **dict.fromkeys(("millimeter", "millimetre", "millimeters", "millimetres"), 1e3),
    **dict.fromkeys(("centimeter", "centimetre", "centimeters", "centimetres"), 1e4),
}
"""Micrometres in a unit, by its name in small letters."""


def pixel_size(first: Any, page: Any) -> float | None:
    """Micrometres a pixel of tifffile's `page`, in a file with this `first` page.

    OME's XML and ImageJ's description say it with a unit, and what they say is final; else TIFF's
    resolution in centimetres or inches counts, unless it is one of screens and printers. Zero,
    NaN, infinity, negative numbers, sizes that no microscope has, oblong pixels and unknown
    units are all no answer. Never raises.
    """
    with suppress(Exception):
        if first.is_ome:
            return _of_ome(first.description)
        if page.is_imagej:
            return _of_imagej(page)
        return _of_tags(page)
    return None


def as_pixel_size(text: str) -> float | None:
    """The micrometres that a person wrote, with a point or a comma; None for anything else."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return _square(value, value)


def _square(x: float, y: float) -> float | None:
    """The side of a pixel, if it has one."""
    if not (math.isfinite(x) and math.isfinite(y) and min(x, y) >= LEAST and max(x, y) <= MOST):
        return None
    return (x + y) / 2 if abs(x - y) <= UNEVEN * max(x, y) else None


def _of_ome(xml: str) -> float | None:
    """From the attributes of the first image's Pixels; the unit is µm when it is left out."""
    if len(xml) > LONGEST_DESCRIPTION:
        return None
    for _, name, element in elements(xml, "start"):
        if name == "Pixels":
            x, y = (
                float(element.attrib[f"PhysicalSize{axis}"])
                * _unit(element.get(f"PhysicalSize{axis}Unit", "µm"))
                for axis in "XY"
            )
            return _square(x, y)
    return None


def _of_imagej(page: Any) -> float | None:
    """ImageJ's unit stands in its description, and the tags count pixels in one of it."""
    found: dict[str, str] = {}
    for line in page.description[:LONGEST_TEXT].splitlines():
        key, _, value = line.partition("=")
        found.setdefault(key.strip(), value.strip())
    unit = _unit(found["unit"])
    x = unit / _resolution(page, X_RESOLUTION)
    # A pixel that is not square has a unit of its own for its height.
    y = _unit(found.get("yunit", found["unit"])) / _resolution(page, Y_RESOLUTION)
    return _square(x, y)


def _of_tags(page: Any) -> float | None:
    unit = MICROMETRES[int(page.tags[RESOLUTION_UNIT].value)]
    x, y = _resolution(page, X_RESOLUTION), _resolution(page, Y_RESOLUTION)
    dots = x * MICROMETRES[2] / unit
    if x == y == 1 or dots <= PRINTERS + 1 or any(abs(dots - one) <= 1 for one in SCANNERS):
        return None
    return _square(unit / x, unit / y)


def _resolution(page: Any, tag: int) -> float:
    numerator, denominator = page.tags[tag].value
    return float(numerator) / float(denominator)


def _unit(name: str) -> float:
    """Micrometres in a unit; KeyError when it is none of length.

    ImageJ writes the sign for micro as "\\u00B5", and it also goes around as Greek mu and as two
    bytes of UTF-8 that were taken for Latin letters.
    """
    plain = name.strip().strip('"').lower()
    for micro in ("\\u00b5", "\\u03bc", "\u03bc", "â\u00b5", "î\u00bc"):
        plain = plain.replace(micro, "\u00b5")
    return UNITS[plain]
