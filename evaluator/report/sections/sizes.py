"""Which share of the true cells each model finds, by their size."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from evaluator.overlap.cell_fates import Fate
from evaluator.report.cells import ImageCells
from evaluator.report.data import Model
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import Column, Estimate, Row, Table, Value
from evaluator.scores.strata import SIZE_CLASSES, size_places
from evaluator.statistics.intervals import Interval
from evaluator.statistics.means import pooled_means

Counts = npt.NDArray[np.float64]
EXPLANATION = (
    "A cell's size is the diameter of a disc of the same area. The cells of a class are pooled over"
    " all images; those of a failed image count as not found. The intervals take an image as one"
    " draw, since cells of one image share its fate; with cells on fewer than 5 images there is"
    " none. Small cells lose more IoU by a shift of one pixel than large ones. Precision cannot be"
    " told by size, since a spurious cell has no true size."
)


def section(numbers: Numbers) -> Section | None:
    """None without the overlap tables or when no image has a cell."""
    images = [image.name for image in numbers.data.images]
    truth = numbers.truth
    if not images or any(name not in truth for name in images):
        return None
    places = {name: _places(truth[name]) for name in images}
    sizes = np.array([_counted(places[name]) for name in images]).T
    if not sizes.any():
        return None
    found = {
        model.name: hits
        for model in numbers.order
        if (hits := _hits(numbers, model, images, places)) is not None
    }
    if not found:
        return None
    return Section(
        id="sizes",
        title="Cell size",
        blocks=blocks(_table(numbers, images, sizes, found), note(EXPLANATION)),
    )


def _places(cells: ImageCells) -> list[npt.NDArray[np.int64]]:
    """The size class of every counted true cell, part by part."""
    return [size_places(part.truth.areas) for part in cells.counted]


def _counted(places: list[npt.NDArray[np.int64]]) -> Counts:
    """(classes,) cells of each class."""
    return sum(
        (np.bincount(part, minlength=len(SIZE_CLASSES)).astype(float) for part in places),
        start=np.zeros(len(SIZE_CLASSES)),
    )


def _hits(
    numbers: Numbers,
    model: Model,
    images: list[str],
    places: Mapping[str, list[npt.NDArray[np.int64]]],
) -> Counts | None:
    """(seeds, classes, images) cells found; None when the table of a scored image is not there."""
    if model.name not in numbers.with_masks:
        return None
    found = np.zeros((len(model.runs), len(SIZE_CLASSES), len(images)))
    scored = numbers.scored_pairs
    for seed, run in enumerate(model.runs):
        own = numbers.cells(model, run)
        for column, name in enumerate(images):
            if (model.name, run.seed, name) not in scored:
                continue
            cells = own.of(name)
            if cells is None:
                return None
            matched = [
                part[fates.truth == Fate.MATCHED]
                for part, fates in zip(places[name], cells.counted_fates, strict=True)
            ]
            found[seed, :, column] = _counted(matched)
    return found


def _table(
    numbers: Numbers, images: list[str], sizes: Counts, found: Mapping[str, Counts]
) -> Table:
    groups = None if numbers.groups is None else [numbers.groups[name] for name in images]
    rows = []
    everything = "All cells"
    for name, row in (*zip(SIZE_CLASSES, range(len(SIZE_CLASSES)), strict=True), (everything, -1)):
        of = sizes.sum(axis=0) if name == everything else sizes[row]
        if not of.any():
            continue
        hits = {
            model: one.sum(axis=1) if name == everything else one[:, row]
            for model, one in found.items()
        }
        shares = pooled_means(hits, of, groups)
        rows.append(
            Row(
                cells=(
                    name,
                    int(of.sum()),
                    int((of > 0).sum()),
                    *(_shown(shares.get(model.name)) for model in numbers.order),
                ),
                role="total" if name == everything else "",
            )
        )
    return Table(
        name="cell-sizes",
        caption=f"Share of true cells found at IoU {numbers.data.base:g}, by size (recall)",
        columns=(
            Column(label="Diameter", kind="text"),
            Column(label="True cells", kind="count"),
            Column(label="Images", kind="count"),
            *(Column(label=model.name, digits=3) for model in numbers.order),
        ),
        rows=tuple(rows),
    )


def _shown(share: tuple[float, Interval | None] | None) -> Value:
    if share is None or share[1] is None:
        return None if share is None else share[0]
    return Estimate(share[0], share[1].low, share[1].high)
