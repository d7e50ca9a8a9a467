"""A picture of each kind of error of each model: one cell of that fate and what lies around it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract import CellbenchError, read_image, read_mask
from evaluator.overlap.cell_fates import Fate, fates
from evaluator.overlap.table import overlap_table
from evaluator.report.data import Model, ReportData
from evaluator.report.errors import count_errors
from evaluator.report.pictures import (
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
    Panel,
    data_uri,
    displayed,
    mask_path,
    painted,
    panel_shape,
)

KINDS = {
    Fate.MISSED: "Missed: a true cell that no predicted one matches",
    Fate.SPLIT: "Split: a true cell cut into several",
    Fate.MERGED: "Merged: several true cells taken for one",
    Fate.SPURIOUS: "Spurious: a predicted cell where there is none that matches",
}
SIDE = 240
"""Longest side of a picture, in pixels."""
SMALLEST = 64
"""Least side of what is cut out, in pixels of the image."""


@dataclass(frozen=True, kw_only=True)
class ErrorKind:
    """One kind of error with a picture of each model that makes it."""

    title: str
    panels: tuple[Panel, ...]


def error_kinds(data: ReportData, models: list[Model]) -> list[ErrorKind]:
    """Kinds of error that at least one of *models* makes, each from its image with the most."""
    most = {model.name: count_errors(data, model.runs[0]).most for model in models if model.runs}
    found = []
    for fate, title in KINDS.items():
        panels = [
            panel
            for model in models
            if (image := most.get(model.name, {}).get(fate)) is not None
            and (panel := _panel(data, model, image, fate)) is not None
        ]
        if panels:
            found.append(ErrorKind(title=title, panels=tuple(panels)))
    return found


def _panel(data: ReportData, model: Model, name: str, fate: Fate) -> Panel | None:
    """The cell of median size among those of that fate; None when a file cannot be used."""
    image = next(image for image in data.images if image.name == name)
    mask = mask_path(model, name)
    if image.image is None or image.label is None or mask is None:
        return None
    try:
        pixels, truth, predicted = read_image(image.image), read_mask(image.label), read_mask(mask)
    except (CellbenchError, OSError):
        return None
    if not pixels.shape[:2] == truth.shape == predicted.shape:
        return None
    table = overlap_table(truth, predicted)
    found = fates(table, data.base)
    spurious = fate is Fate.SPURIOUS
    side, codes = (table.predicted, found.predicted) if spurious else (table.truth, found.truth)
    labels = predicted if spurious else truth
    places = np.flatnonzero(codes == fate)
    if not len(places):
        return None
    place = places[np.argsort(side.areas[places], kind="stable")[len(places) // 2]]
    window = _window(labels == side.ids[place])
    part = pixels[window]
    picture = displayed(part, panel_shape(part.shape[0], part.shape[1], SIDE))
    picture = painted(picture, truth[window], TRUTH_COLOUR)
    picture = painted(picture, predicted[window], PREDICTION_COLOUR)
    return Panel(
        label=model.name,
        note=f"{len(places):,} on {name}",
        alt=f"A cell of {name} that is {fate.name.lower()} with {model.name}",
        uri=data_uri(picture),
        width=picture.shape[1],
        height=picture.shape[0],
    )


def _window(cell: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """A square around a cell, twice its size or more, moved inside the image."""
    spans = [np.flatnonzero(cell.any(axis=axis)) for axis in (1, 0)]
    size = max(SMALLEST, 2 * max(int(span[-1] - span[0]) for span in spans))
    slices = []
    for span, length in zip(spans, cell.shape, strict=True):
        start = max(0, min(int(span[0] + span[-1] + 1 - size) // 2, length - size))
        slices.append(slice(start, start + size))
    return slices[0], slices[1]
