"""Mean F1 of every model at every IoU threshold."""

from evaluator.report import drawing
from evaluator.report.drawing import Figure
from evaluator.report.numbers import Numbers, lookup
from evaluator.report.section import Section, Text, blocks, note
from evaluator.report.tables import MODEL, Column, Row, Table
from evaluator.statistics.intervals import Share

ZEROS = (
    "Where most images score 0, a mean rests on a few images, and a mean of 0 is no proof that the"
    " model never finds a cell: the intervals above allow for that."
)


def section(numbers: Numbers) -> Section:
    return Section(
        id="thresholds",
        title="IoU thresholds",
        blocks=blocks(_table(numbers), *_zeros(numbers), _figure(numbers)),
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


def _figure(numbers: Numbers) -> Figure | None:
    thresholds = numbers.thresholds
    if thresholds.empty:
        return None
    look = drawing.looks(numbers.data.models)
    with drawing.style():
        canvas, axes = drawing.canvas(height=3.6)
        for name, rows in thresholds.groupby("model", sort=False):
            axes.plot(rows["threshold"], rows["mean_f1"], label=str(name), **look[str(name)])
        axes.set_xticks(sorted(thresholds["threshold"].unique()))
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("IoU threshold")
        axes.set_ylabel("mean F1")
        drawing.legend_above(canvas, axes, columns=4)
        return drawing.finished(canvas, "f1_over_thresholds", "Mean F1 over the IoU thresholds.")
