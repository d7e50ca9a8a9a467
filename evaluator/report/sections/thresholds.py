"""Mean F1 of every model at every IoU threshold."""

from evaluator.report import drawing
from evaluator.report.drawing import Figure
from evaluator.report.numbers import Numbers, lookup
from evaluator.report.section import Section, blocks
from evaluator.report.tables import MODEL, Column, Row, Table


def section(numbers: Numbers) -> Section:
    return Section(
        id="thresholds",
        title="IoU thresholds",
        blocks=blocks(_table(numbers), _figure(numbers)),
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
