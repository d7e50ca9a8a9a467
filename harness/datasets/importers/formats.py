"""The formats that can be imported, and telling which one a source is of."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from contract import CallError
from contract.errors import did_you_mean
from harness.datasets.importers.record import Importer

FORMATS: Mapping[str, str] = {
    "neurips22": "neurips22",
    "dsb2018": "dsb2018",
    "ctc": "ctc",
    "coco": "coco",
    "tissuenet": "tissuenet",
    "cellpose": "cellpose",
    "omnipose": "cellpose",
    "stardist": "stardist",
    "bbbc": "bbbc",
    "imagej": "imagej",
    "qupath": "qupath",
    "ome-zarr": "ome_zarr",
    "ilastik": "ilastik",
    "pairs": "pairs",
}
"""Format → module of this package."""
WITH_TARGETS = frozenset({"bbbc", "ctc", "ome-zarr", "qupath", "tissuenet"})
"""Those in which an image has several truths."""


def importer(name: str) -> Importer:
    """The importer of a format. Raises CallError, with what there is, for an unknown one."""
    if name not in FORMATS:
        raise CallError(
            f"There is no format {name!r}{did_you_mean(name, FORMATS)}",
            do=f"choose auto, {', '.join(sorted(FORMATS))}",
        )
    module = importlib.import_module(f"harness.datasets.importers.{FORMATS[name]}")
    return cast(Importer, module)


def recognise(source: Path) -> tuple[str, str]:
    """The one format that a source is of, and why.

    Raises CallError when it is of none, or of several, which it names.
    """
    fitting: dict[str, str] = {}
    modules: set[str] = set()
    for name, module in FORMATS.items():
        if module not in modules and (why := importer(name).recognise(source)):
            fitting[name] = why
        modules.add(module)
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    if not fitting:
        raise CallError(
            f"{source} is of no format that is recognised.",
            "it is a folder around the data or inside them, or its files have names of their own",
            "name the format, or import pairs with --images and --masks",
        )
    reasons = "; ".join(f"{name} ({why})" for name, why in fitting.items())
    raise CallError(
        f"{source} may be of {len(fitting)} formats: {reasons}.",
        do=f"name the one that is meant: {' or '.join(fitting)}",
    )
