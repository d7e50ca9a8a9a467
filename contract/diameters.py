"""How wide the cells of images are, where a person knows it: a hint for models that rescale."""

import csv
import io
import math
from collections.abc import Mapping
from pathlib import Path

from contract.dataset import read_rows
from contract.errors import CallError
from contract.files import write_text
from contract.names import DIAMETERS, normal

COLUMN = "cell_diameter"
LEAST, MOST = 2.0, 10_000.0
"""Pixels; nothing smaller can be outlined, and no picture holds larger cells."""


def as_cell_diameter(text: str) -> float | None:
    """The pixels that a person wrote, with a point or a comma; None for anything else."""
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if math.isfinite(value) and LEAST <= value <= MOST else None


def checked_diameter(value: float | None) -> float | None:
    """What `--cell-diameter` says, as it is; raises CallError where that can be no diameter."""
    if value is not None and as_cell_diameter(str(value)) is None:
        raise CallError(
            f"--cell-diameter is {value:g}.",
            do=f"give the width of a typical cell in pixels, {LEAST:g} to {MOST:g}",
        )
    return value


class Diameters:
    """What is known of the images in a folder: one width for all, or lines of a table.

    The table is cell_diameter.csv in the folder, `image,cell_diameter` in pixels of the image; an
    image without a line, or with an empty one, has the width given for all. Raises CallError for
    a table that cannot be read and a width that can be none.
    """

    def __init__(self, folder: Path, of_all: float | None) -> None:
        self._of_all = checked_diameter(of_all)
        self._known: dict[str, float] = {}
        path = folder / DIAMETERS
        for row in read_rows(path) if path.exists() else []:
            text = row.get(COLUMN) or ""
            if not text.strip():
                continue
            diameter = as_cell_diameter(text)
            if diameter is None or not row.get("image"):
                raise CallError(
                    f"{path} has a line that is no image,{COLUMN} pair: {row}",
                    do=f"give names of images and pixels, {LEAST:g} to {MOST:g}",
                )
            self._known[normal(row["image"])] = diameter

    def of(self, image: str) -> float | None:
        """The width of a typical cell in the image of this name, in pixels; None: not known."""
        return self._known.get(normal(image), self._of_all)


def write_diameters(folder: Path, diameters: Mapping[str, float]) -> None:
    """Writes the table that `Diameters` reads: pixels by the name of an image."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", COLUMN])
    writer.writerows((name, f"{pixels:g}") for name, pixels in diameters.items())
    write_text(folder / DIAMETERS, text.getvalue())
