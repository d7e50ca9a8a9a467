"""The formats that there are, by the names that people give."""

import importlib
from collections.abc import Sequence

from contract import CallError
from contract.errors import did_you_mean
from harness.datasets.exporters.segmented import Exporter

FORMATS = {
    "imagej": "imagej:Imagej",
    "qupath": "qupath:Qupath",
    "coco": "coco:Coco",
    "ome-zarr": "ome_zarr:OmeZarr",
    "cellpose": "cellpose:Cellpose",
    "napari": "napari:Napari",
    "csv": "table:Csv",
}


def chosen_formats(text: str, option: str = "--to") -> tuple[str, ...]:
    """Names of formats separated by commas; CallError when one is unknown or none is given."""
    names = tuple(dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip()))
    known = ", ".join(FORMATS)
    if not names:
        raise CallError(f"{option} names no format.", do=f"choose from {known}")
    for name in names:
        if name not in FORMATS:
            raise CallError(
                f"There is no format {name!r}{did_you_mean(name, FORMATS)}",
                do=f"choose from {known}",
            )
    return names


def exporters(names: Sequence[str]) -> dict[str, Exporter]:
    """An exporter of each format; CallError when a library is missing."""
    found: dict[str, Exporter] = {}
    for name in names:
        module, _, kind = FORMATS[name].partition(":")
        found[name] = getattr(importlib.import_module(f"{__package__}.{module}"), kind)()
    return found


def prepared_formats(text: str, option: str) -> tuple[str, ...]:
    """As `chosen_formats`, their libraries tried, so that later work is not done in vain."""
    names = chosen_formats(text, option)
    exporters(names)
    return names
