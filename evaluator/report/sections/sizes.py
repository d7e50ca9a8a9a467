"""Which share of the true cells each model finds, by their size."""

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt

from evaluator.overlap.cell_fates import Fate
from evaluator.report.cells import ImageCells
from evaluator.report.data import Model
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note, prose
from evaluator.report.tables import Column, Row, Table, shown_mean
from evaluator.scores.strata import SIZE_CLASSES, size_places
from evaluator.statistics.intervals import FEWEST
from evaluator.statistics.means import model_means
from evaluator.statistics.score_matrix import ScoreMatrix

Counts = npt.NDArray[np.float64]
EXPLANATION = (
    "A cell's size is the diameter of a disc of the same area. The first table has the share of an"
    " image's cells of that size that were found, as a mean over the images that hold such cells,"
    " so that each image counts the same; a failed image counts 0, for a model with masks. The"
    " second has all cells together: what was found on these very images, where a crowded image"
    " weighs most; it says nothing of others. Small cells lose more IoU by a shift of one pixel"
    " than large ones. Precision cannot be told by size, since a spurious cell has no true size."
)
EVERYTHING = "All cells"


def section(numbers: Numbers) -> Section | None:
    """None without the overlap tables or when no image has a cell."""
    follows, numbers = numbers.follows, numbers.followed
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
        blocks=blocks(
            prose(follows) if follows else None,
            _means_table(numbers, images, sizes, found),
            _pooled_table(numbers, sizes, found),
            note(EXPLANATION),
        ),
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


def _classes(sizes: Counts) -> Iterator[tuple[str, list[int]]]:
    """The classes that have cells, and all of them: name, and places in SIZE_CLASSES."""
    for place, name in enumerate(SIZE_CLASSES):
        if sizes[place].any():
            yield name, [place]
    yield EVERYTHING, list(range(len(SIZE_CLASSES)))


def _means_table(
    numbers: Numbers, images: list[str], sizes: Counts, found: Mapping[str, Counts]
) -> Table:
    rows = []
    for name, places in _classes(sizes):
        of = sizes[places].sum(axis=0)
        kept = np.flatnonzero(of)
        matrix = ScoreMatrix.of_images(
            [images[place] for place in kept],
            {
                model: hits[:, places].sum(axis=1)[:, kept] / of[kept]
                for model, hits in found.items()
            },
            groups=numbers.groups,
            strata=numbers.fixed_mix,
        )
        means = {one.model: one for one in model_means(matrix)}
        rows.append(
            Row(
                cells=(
                    name,
                    len(kept),
                    *(shown_mean(means.get(model.name)) for model in numbers.order),
                ),
                role=_role(name, len(kept)),
            )
        )
    return Table(
        name="recall-by-size",
        caption=f"Share of an image's true cells that is found at IoU {numbers.data.base:g}, by"
        " their size, with 95 % intervals",
        columns=(
            Column(label="Diameter", kind="text"),
            Column(label="Images", kind="count"),
            *(Column(label=model.name, digits=3) for model in numbers.order),
        ),
        rows=tuple(rows),
    )


def _role(name: str, images: int) -> Literal["", "few", "total"]:
    if name == EVERYTHING:
        return "total"
    return "few" if images < FEWEST else ""


def _pooled_table(numbers: Numbers, sizes: Counts, found: Mapping[str, Counts]) -> Table:
    """Over all images, seeds averaged."""
    rows = []
    for name, places in _classes(sizes):
        whole = sizes[places].sum()
        shares = {
            model: 100 * float(hits[:, places].sum() / len(hits) / whole)
            for model, hits in found.items()
        }
        rows.append(
            Row(
                cells=(
                    name,
                    int(whole),
                    *(shares.get(model.name) for model in numbers.order),
                ),
                role="total" if name == EVERYTHING else "",
            )
        )
    return Table(
        name="cells-by-size",
        caption="Of all true cells of these images, found in percent",
        columns=(
            Column(label="Diameter", kind="text"),
            Column(label="True cells", kind="count"),
            *(Column(label=model.name, digits=1) for model in numbers.order),
        ),
        rows=tuple(rows),
    )
