"""Mean F1 of every model at every IoU threshold."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from evaluator.explain.ceiling import DISTURBANCES, Ceiling
from evaluator.explain.proximity import MARGIN, near_threshold
from evaluator.overlap.joined import joined
from evaluator.report import drawing
from evaluator.report.drawing import Figure
from evaluator.report.frames import lookup
from evaluator.report.numbers import Numbers
from evaluator.report.reachable import Band, ceiling
from evaluator.report.section import Section, Text, blocks, note, prose
from evaluator.report.tables import MODEL, Column, Row, Table, Value, shown
from evaluator.statistics.intervals import Share

ZEROS = (
    "Where most images score 0, a mean rests on a few images, and a mean of 0 is no proof that the"
    " model never finds a cell: the intervals above allow for that."
)


CEILING = (
    "The grey band is what the truth itself scores against itself when its outlines are off by one"
    " pixel: moved one way (the mean of four), grown, or shrunk. If the truth is no more exact"
    " than that, a score inside or above the band cannot be told from a perfect one; how exact it"
    " is is not known. Small cells lose most, so it depends on the images."
)
NEAR = (
    "So many cells would no longer be found, or would be found as well, if the threshold were"
    " {margin:g} higher or lower: an F1 with many of them hangs on the threshold's very value. The"
    " cells of scored images are counted, over all seeds."
)


def section(numbers: Numbers) -> Section:
    part = numbers.followed
    band = ceiling(part)
    near = _near(part)
    return Section(
        id="thresholds",
        title="IoU thresholds",
        blocks=blocks(
            _table(numbers),
            *_zeros(numbers),
            _figure(numbers, band),
            _ceiling_table(numbers, band) if band else None,
            note(CEILING) if band else None,
            near,
            note(NEAR.format(margin=MARGIN)) if near else None,
            prose(numbers.follows) if near and numbers.follows else None,
        ),
        files={"thresholds": numbers.thresholds.to_csv(index=False)},
    )


def _table(numbers: Numbers) -> Table:
    values = lookup(numbers.thresholds, "threshold", "mean_f1")
    rows = []
    for model in numbers.order:
        name = model.name
        means = [
            numbers.estimate(name, values.get((name, threshold)), threshold=threshold)
            for threshold in numbers.data.thresholds
        ]
        rows.append(Row(cells=(name, *means), role="control" if model.is_control else ""))
    return Table(
        name="thresholds",
        caption="Mean F1 over the IoU thresholds, with 95 % intervals",
        columns=(MODEL, *(Column(label=f"IoU {value:g}") for value in numbers.data.thresholds)),
        rows=tuple(rows),
        sortable=True,
        stored=False,
    )


def _zeros(numbers: Numbers) -> list[Table | Text]:
    """How many images score 0, wherever that is the case for most of a model's images."""
    thresholds = numbers.data.thresholds
    found = {
        (model.name, threshold): numbers.zeros(model.name, threshold)
        for model in numbers.order
        for threshold in thresholds
    }
    if not any(share is not None and share.count > share.of / 2 for share in found.values()):
        return []
    rows = []
    for model in numbers.order:
        shares = [found[model.name, threshold] for threshold in thresholds]
        cells = [None if share is None else _share_text(share) for share in shares]
        rows.append(Row(cells=(model.name, *cells), role="control" if model.is_control else ""))
    table = Table(
        name="zeros",
        caption="Images with F1 0, and the 95 % interval of their share",
        columns=(MODEL, *(Column(label=f"IoU {value:g}") for value in thresholds)),
        rows=tuple(rows),
    )
    return [table, note(ZEROS)]


def _share_text(share: Share) -> str:
    low, high = share.interval.low, share.interval.high
    return f"{share.count} of {share.of} ({low:.2f} to {high:.2f})"


def _ceiling_table(numbers: Numbers, band: Band) -> Table:
    images = next(iter(band.values())).images
    of = "all" if images == len(numbers.data.images) else f"{images} evenly chosen"
    thresholds = numbers.data.thresholds
    return Table(
        name="ceiling",
        caption=f"F1 of a truth whose outlines are off by one pixel, on {of} images",
        columns=(
            Column(label="Outlines", kind="text"),
            *(Column(label=f"IoU {value:g}") for value in thresholds),
        ),
        rows=tuple(
            Row(cells=(disturbance, *(_of_truth(band[disturbance, value]) for value in thresholds)))
            for disturbance in DISTURBANCES
        ),
    )


def _of_truth(found: Ceiling) -> Value:
    return shown(found.f1, found.interval)


def _near(numbers: Numbers) -> Table | None:
    """How many cells lie close to the base; None without the overlap tables."""
    rows = []
    for model in numbers.contenders:
        found = [
            near_threshold(joined(cells.counted), numbers.data.base)
            for run in model.runs
            for image in numbers.data.images
            if (model.name, run.seed, image.name) in numbers.scored_pairs
            and (cells := numbers.cells(model, run).of(image.name)) is not None
        ]
        whole = sum(one.found for one in found)
        above, below = (sum(getattr(one, side) for one in found) for side in ("above", "below"))
        if found:
            rows.append(Row(cells=(model.name, whole, above, below)))
    if not rows:
        return None
    base = numbers.data.base
    return Table(
        name="near-threshold",
        caption=f"Cells whose IoU lies close to {base:g}",
        columns=(
            MODEL,
            Column(label=f"Found at {base:g}", kind="count"),
            Column(label=f"Lost at {base + MARGIN:g}", kind="count"),
            Column(label=f"Gained at {base - MARGIN:g}", kind="count"),
        ),
        rows=tuple(rows),
        sortable=True,
    )


def _figure(numbers: Numbers, band: Band) -> Figure | None:
    thresholds = numbers.thresholds
    if thresholds.empty:
        return None
    look = drawing.looks(numbers.data.models)
    with drawing.style():
        canvas, axes = drawing.canvas(height=3.6)
        if band:
            _draw_band(axes, band, numbers.data.thresholds)
        for name, rows in thresholds.groupby("model", sort=False):
            axes.plot(rows["threshold"], rows["mean_f1"], label=str(name), **look[str(name)])
        axes.set_xticks(sorted(thresholds["threshold"].unique()))
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("IoU threshold")
        axes.set_ylabel("mean F1")
        drawing.legend_above(canvas, axes, columns=4)
        return drawing.finished(canvas, "f1_over_thresholds", "Mean F1 over the IoU thresholds.")


def _draw_band(axes: Axes, band: Band, thresholds: Sequence[float]) -> None:
    """From the lowest to the highest of the disturbed truths."""
    spans = [[band[one, value].f1 for one in DISTURBANCES] for value in thresholds]
    axes.fill_between(
        list(thresholds),
        [min(span) for span in spans],
        [max(span) for span in spans],
        color=drawing.GRID,
        alpha=0.6,
        linewidth=0,
        label="truth, 1 px off",
    )
