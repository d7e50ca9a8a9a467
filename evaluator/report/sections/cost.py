"""What the models cost in time and memory, and which of them another one beats in every respect."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import LogLocator, NullLocator

from evaluator.report import drawing
from evaluator.report.data import Model
from evaluator.report.drawing import Figure
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import MODEL, Column, Row, Table, Value, compact

MEGA = 1_000_000
EXPLANATION = (
    "Seconds per megapixel: the median over images, loading left out. Memory: the highest that any"
    " seed needed; per megapixel, of the largest image. Training time: the mean over seeds. A model"
    " is dominated when another one is no worse in F1, time and memory of prediction, and better in"
    " one of them."
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One model's cost; None where nothing was measured."""

    model: Model
    f1: float | None
    seconds_per_megapixel: float | None
    """Median over the predicted images of all seeds, by predictions.jsonl: loading is left out."""
    predict_bytes: int | None
    bytes_per_megapixel: float | None
    """The peak over the megapixels of the largest image, which is the one that needs most."""
    train_seconds: float | None
    """Mean over the seeds."""
    train_bytes: int | None
    vram_bytes: int | None


def section(numbers: Numbers) -> Section | None:
    """None when nothing was measured."""
    found = costs(numbers)
    if all(cost.predict_bytes is None and cost.train_seconds is None for cost in found):
        return None
    return Section(
        id="cost",
        title="Cost",
        blocks=blocks(_table(found), _figure(numbers, found), note(EXPLANATION)),
    )


def costs(numbers: Numbers) -> list[Cost]:
    """The cost of every model, best first; memory is the highest of any seed."""
    megapixels = {
        name: header.height * header.width / MEGA for name, header in numbers.headers.items()
    }
    largest = max(megapixels.values(), default=None)
    result = []
    for model in numbers.order:
        train = [run.train_usage for run in model.runs if run.train_usage]
        predict = [run.predict_usage for run in model.runs if run.predict_usage]
        rates = [
            line["seconds"] / megapixels[line["image"]]
            for run in model.runs
            for line in run.predictions
            if line.get("outcome") == "predicted"
            and line.get("image") in megapixels
            and isinstance(line.get("seconds"), int | float)
        ]
        peak = _largest([use.peak_memory_bytes for use in predict])
        result.append(
            Cost(
                model=model,
                f1=numbers.mean_f1.get(model.name),
                seconds_per_megapixel=statistics.median(rates) if rates else None,
                predict_bytes=peak,
                bytes_per_megapixel=peak / largest if peak and largest else None,
                train_seconds=statistics.fmean(use.seconds for use in train) if train else None,
                train_bytes=_largest([use.peak_memory_bytes for use in train]),
                vram_bytes=_largest([use.peak_vram_bytes for use in (*train, *predict)]),
            )
        )
    return result


def dominating(cost: Cost, others: Sequence[Cost]) -> list[str]:
    """The models that are no worse in F1, time and memory of prediction, and better in one of them.

    Controls neither dominate nor are dominated; a model without all three numbers is left out.
    """
    mine = _respects(cost)
    if mine is None:
        return []
    found = []
    for other in others:
        theirs = _respects(other)
        if theirs is None or theirs == mine:
            continue
        if all(a <= b for a, b in zip(theirs, mine, strict=True)):
            found.append(other.model.name)
    return found


def _table(found: Sequence[Cost]) -> Table:
    rows = []
    for cost in found:
        cells: tuple[Value, ...] = (
            cost.model.name,
            cost.f1,
            cost.seconds_per_megapixel,
            cost.predict_bytes,
            cost.bytes_per_megapixel,
            cost.train_seconds,
            cost.train_bytes,
            cost.vram_bytes,
            ", ".join(dominating(cost, found)),
        )
        rows.append(Row(cells=cells, role="control" if cost.model.is_control else ""))
    return compact(
        name="cost",
        caption="Cost against quality",
        columns=(
            MODEL,
            Column(label="Mean F1"),
            Column(label="Prediction, s per megapixel", digits=2),
            Column(label="Prediction memory", kind="memory"),
            Column(label="The same per megapixel", kind="memory", optional=True),
            Column(label="Training time", kind="duration"),
            Column(label="Training memory", kind="memory"),
            Column(label="GPU memory", kind="memory", optional=True),
            Column(label="Dominated by", kind="text", optional=True),
        ),
        rows=tuple(rows),
    )


def _figure(numbers: Numbers, found: Sequence[Cost]) -> Figure | None:
    """Mean F1 over time and memory; a model that another one dominates is hollow."""
    fields = (
        ("seconds_per_megapixel", 1.0, "prediction, seconds per megapixel"),
        ("bytes_per_megapixel", 1e-6, "peak memory, MB per megapixel"),
    )
    points = [
        (cost, cost.f1) for cost in found if cost.f1 is not None and cost.seconds_per_megapixel
    ]
    if len(points) < 2:
        return None
    look = drawing.looks(numbers.data.models)
    with drawing.style():
        canvas, panels = drawing.pair_of_axes(height=3.6, sharey=True)
        for axes, (field, unit, label) in zip(panels, fields, strict=True):
            known = [
                (cost, f1, getattr(cost, field) * unit)
                for cost, f1 in points
                if getattr(cost, field)
            ]
            for cost, f1, value in known:
                colour = look[cost.model.name]["color"]
                axes.plot(
                    [value],
                    [f1],
                    linestyle="",
                    marker=look[cost.model.name]["marker"],
                    markersize=9,
                    color=colour,
                    markerfacecolor="none" if dominating(cost, found) else colour,
                    label=cost.model.name,
                )
            axes.set_xscale("log")
            if known:
                values = [value for *_, value in known]
                axes.set_xlim(min(values) / 2.5, max(values) * 2.5)
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_ylim(-0.02, 1.02)
            axes.set_xlabel(label)
        panels[0].set_ylabel("mean F1")
        drawing.legend_above(canvas, panels[0], columns=4)
        return drawing.finished(
            canvas,
            "cost_against_quality",
            "Mean F1 over time and memory of prediction. Hollow: another model is no worse in F1,"
            " time and memory, and better in one of them.",
        )


def _respects(cost: Cost) -> tuple[float, float, float] | None:
    """What is compared, smaller being better."""
    if cost.model.is_control or cost.f1 is None:
        return None
    if cost.seconds_per_megapixel is None or cost.predict_bytes is None:
        return None
    return (-cost.f1, cost.seconds_per_megapixel, float(cost.predict_bytes))


def _largest(values: list[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
