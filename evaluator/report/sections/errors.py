"""What kinds of error the models make: shares of cells, and a picture of each kind."""

import numpy as np
import numpy.typing as npt

from contract import CellbenchError
from contract.guarded import read_image
from evaluator.overlap.cell_fates import Fate
from evaluator.report.cells import Counts, FateCounts, ImageCells
from evaluator.report.data import Model
from evaluator.report.numbers import Numbers
from evaluator.report.pictures import (
    PREDICTION_COLOUR,
    TRUTH_COLOUR,
    displayed,
    painted,
    panel,
    panel_shape,
)
from evaluator.report.samples import mask_path
from evaluator.report.section import Panel, Panels, Section, blocks, note, prose
from evaluator.report.tables import MODEL, Column, Row, Table
from evaluator.scores.further import read_masks

KINDS = {
    Fate.MISSED: "Missed: a true cell that was not found, and is neither split nor merged",
    Fate.SPLIT: "Split: a true cell cut into several",
    Fate.MERGED: "Merged: several true cells taken for one",
    Fate.SPURIOUS: "Spurious: a predicted cell that is neither right nor part of a split or merger",
}
SIDE = 240
"""Longest side of a picture, in pixels."""
SMALLEST = 64
"""Least side of what is cut out, in pixels of the image."""
EXPLANATION = (
    "The cells are those that the protocol counts, of the scored images. A cell lies in another"
    " one when more than half of its pixels do. An unmatched true cell is split when two or more"
    " predicted cells lie in it, merged when it and another true cell lie in one predicted cell;"
    " missed is what remains, a cell outlined too poorly too, whose outline is spurious then. An"
    " unmatched predicted cell is spurious, unless it is one of those pieces or lies over merged"
    " cells. The viewer marks each of these cells, and those on the border."
)
PICTURES = (
    "One example of each model, from the image on which it makes most of these errors; truth in"
    " blue, prediction in yellow, which lies on top."
)


def section(numbers: Numbers) -> Section | None:
    """None when no overlap table was stored."""
    follows, numbers = numbers.follows, numbers.followed
    counts = {model.name: _counts(numbers, model) for model in numbers.order}
    table = _table(numbers, counts)
    if table is None:
        return None
    kinds = _kinds(numbers, counts)
    return Section(
        id="errors",
        title="Kinds of error",
        blocks=blocks(
            prose(follows) if follows else None,
            table,
            note(EXPLANATION),
            *kinds,
            note(PICTURES) if kinds else None,
        ),
    )


def _counts(numbers: Numbers, model: Model) -> list[FateCounts]:
    """The fates of all cells, by seed."""
    images = [image.name for image in numbers.data.images]
    return [numbers.cells(model, run).count(images) for run in model.runs]


def _table(numbers: Numbers, counts: dict[str, list[FateCounts]]) -> Table | None:
    """Shares of cells by fate over all seeds; None when no overlap table was stored."""
    rows = []
    for model in numbers.order:
        found = [seed for seed in counts[model.name] if seed.images]
        if not found:
            continue
        truth = np.sum([seed.truth for seed in found], axis=0)
        predicted = np.sum([seed.predicted for seed in found], axis=0)
        cells = (
            model.name,
            max(seed.images for seed in found),
            int(truth.sum()),
            *(_percent(truth, fate) for fate in (Fate.MATCHED, Fate.MISSED, Fate.SPLIT)),
            _percent(truth, Fate.MERGED),
            int(predicted.sum()),
            _percent(predicted, Fate.SPURIOUS),
        )
        rows.append(Row(cells=cells, role="control" if model.is_control else ""))
    if not rows:
        return None
    return Table(
        name="errors",
        caption=f"What became of the cells at IoU {numbers.data.base:g}, over all seeds",
        columns=(
            MODEL,
            Column(label="Images", kind="count"),
            Column(label="True cells", kind="count"),
            Column(label="Found, % of true", digits=1),
            Column(label="Missed, % of true", digits=1),
            Column(label="Split, % of true", digits=1),
            Column(label="Merged, % of true", digits=1),
            Column(label="Predicted cells", kind="count"),
            Column(label="Spurious, % of predicted", digits=1),
        ),
        rows=tuple(rows),
        sortable=True,
    )


def _percent(counts: Counts, fate: Fate) -> float | None:
    total = counts.sum()
    return 100 * float(counts[fate] / total) if total else None


def _kinds(numbers: Numbers, counts: dict[str, list[FateCounts]]) -> list[Panels]:
    """Kinds of error that at least one contender makes, each from its image with the most."""
    found = []
    for fate, title in KINDS.items():
        panels = []
        for model in numbers.contenders:
            seeds = counts[model.name]
            image = seeds[0].most.get(fate) if seeds else None
            shown = _panel(numbers, model, image, fate) if image is not None else None
            if shown is not None:
                panels.append(shown)
        if panels:
            name = f"errors-{fate.name.lower()}"
            found.append(Panels(name=name, title=title, panels=tuple(panels)))
    return found


def _panel(numbers: Numbers, model: Model, name: str, fate: Fate) -> Panel | None:
    """The cell of median size among those of that fate; None when a file cannot be used."""
    image = next(image for image in numbers.data.images if image.name == name)
    mask = mask_path(model, name)
    if image.image is None or image.label is None or mask is None:
        return None
    try:
        pixels = read_image(image.image)
    except (CellbenchError, OSError):
        return None
    masks = read_masks(image.label, mask, (pixels.shape[0], pixels.shape[1]))
    cells = numbers.cells(model, model.runs[0]).of(name)
    if masks is None or cells is None:
        return None
    truth, predicted = masks
    own = _counted(cells, fate)
    labels = predicted if fate is Fate.SPURIOUS else truth
    inside = labels == own[len(own) // 2]
    if not inside.any():
        return None  # the masks are no longer those that were scored
    window = _window(inside)
    part = pixels[window]
    picture = displayed(part, panel_shape(part.shape[0], part.shape[1], SIDE))
    picture = painted(picture, truth[window], TRUTH_COLOUR)
    picture = painted(picture, predicted[window], PREDICTION_COLOUR)
    alt = f"A cell of {name} that is {fate.name.lower()} with {model.name}"
    return panel(model.name, f"{len(own):,} on {name}", alt, picture)


def _counted(cells: ImageCells, fate: Fate) -> list[int]:
    """The ids of the counted cells of a fate, by size."""
    found = []
    for part, codes in zip(cells.counted, cells.counted_fates, strict=True):
        if fate is Fate.SPURIOUS:
            side, own = part.predicted, codes.predicted
        else:
            side, own = part.truth, codes.truth
        found += [
            (int(side.areas[place]), int(side.ids[place])) for place in np.flatnonzero(own == fate)
        ]
    return [number for _, number in sorted(found)]


def _window(cell: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    """A square around a cell, twice its size or more, moved inside the image."""
    spans = [np.flatnonzero(cell.any(axis=axis)) for axis in (1, 0)]
    size = max(SMALLEST, 2 * max(int(span[-1] - span[0]) for span in spans))
    slices = []
    for span, length in zip(spans, cell.shape, strict=True):
        start = max(0, min(int(span[0] + span[-1] + 1 - size) // 2, length - size))
        slices.append(slice(start, start + size))
    return slices[0], slices[1]
