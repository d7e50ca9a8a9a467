"""What the models cost in time and memory, and which of them another one beats in every respect."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.ticker import LogLocator, NullLocator

from evaluator.report import drawing
from evaluator.report.data import Model
from evaluator.report.drawing import Figure
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import MODEL, Column, Estimate, Row, Table, Value, compact
from evaluator.statistics.growth import Growth, growth
from evaluator.statistics.paired import Verdict

MEGA = 1_000_000
EXPLANATION = (
    "Times are those that the model took for an image, loading left out. The first image of a"
    " prediction stands apart, since much is set up then; for each other image the median over"
    " seeds is taken, then the median over images. Memory is the highest that any seed needed,"
    " with all that the program itself takes, so that it does not follow from the size of the"
    " images alone. Training time is the mean over seeds."
)
GROWTH = (
    "Fixed and per megapixel: a straight line through the times of the images but the first, robust"
    " against single slow ones; what lies beyond the sizes of these images is not known."
)
ONE_SIZE = (
    "How time grows with the size of an image is not said: these are too few, or the largest has"
    " less than twice the pixels of the smallest."
)
DOMINATED = (
    "A model is dominated when another one needs no more time (median) and memory of prediction, is"
    " settled as better in F1 or as equivalent (see Certainty), and gains something by it. Time and"
    " memory were measured once for each seed, on this machine."
)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One model's cost; None where nothing was measured."""

    model: Model
    f1: float | None
    first_seconds: float | None
    """Of the first image of a prediction, the median over seeds."""
    seconds: float | None
    """Median over the other images, by predictions.jsonl: loading is left out."""
    growth: Growth | None
    """Of these seconds over megapixels."""
    predict_bytes: int | None
    train_seconds: float | None
    """Mean over the seeds."""
    train_bytes: int | None
    vram_bytes: int | None


def section(numbers: Numbers) -> Section | None:
    """None when nothing was measured."""
    found = costs(numbers)
    if all(cost.predict_bytes is None and cost.train_seconds is None for cost in found):
        return None
    timed = any(cost.seconds is not None for cost in found)
    grows = any(cost.growth is not None for cost in found)
    notes = [EXPLANATION, *([GROWTH if grows else ONE_SIZE] if timed else []), DOMINATED]
    return Section(
        id="cost",
        title="Cost",
        blocks=blocks(_table(numbers, found), _figure(numbers, found), note(*notes)),
    )


def costs(numbers: Numbers) -> list[Cost]:
    """The cost of every model, best first; memory is the highest of any seed."""
    megapixels = {
        name: header.height * header.width / MEGA for name, header in numbers.headers.items()
    }
    result = []
    for model in numbers.order:
        train = [run.train_usage for run in model.runs if run.train_usage]
        predict = [run.predict_usage for run in model.runs if run.predict_usage]
        first, others = _times(model)
        seconds = {name: statistics.median(own) for name, own in others.items()}
        sized = [name for name in seconds if name in megapixels]
        result.append(
            Cost(
                model=model,
                f1=numbers.mean_f1.get(model.name),
                first_seconds=statistics.median(first) if first else None,
                seconds=statistics.median(seconds.values()) if seconds else None,
                growth=growth(
                    np.array([megapixels[name] for name in sized]),
                    np.array([seconds[name] for name in sized]),
                ),
                predict_bytes=_largest([use.peak_memory_bytes for use in predict]),
                train_seconds=statistics.fmean(use.seconds for use in train) if train else None,
                train_bytes=_largest([use.peak_memory_bytes for use in train]),
                vram_bytes=_largest([use.peak_vram_bytes for use in (*train, *predict)]),
            )
        )
    return result


def _times(model: Model) -> tuple[list[float], dict[str, list[float]]]:
    """Seconds of each seed's first image, and of the others by name."""
    first: list[float] = []
    others: dict[str, list[float]] = {}
    for run in model.runs:
        timed = [
            (str(line["image"]), float(line["seconds"]))
            for line in run.predictions
            if line.get("outcome") == "predicted" and isinstance(line.get("seconds"), int | float)
        ]
        first += [seconds for _, seconds in timed[:1]]
        for name, seconds in timed[1:]:
            others.setdefault(name, []).append(seconds)
    return first, others


def dominating(
    cost: Cost, others: Sequence[Cost], verdicts: Mapping[tuple[str, str], Verdict]
) -> list[str]:
    """The models that need no more time and memory, and are settled as no worse in F1.

    `verdicts` are on the first of two names. One must gain something: a better F1, less time or
    less memory. Controls neither dominate nor are dominated; a model without all three numbers is
    left out.
    """
    mine = _respects(cost)
    if mine is None:
        return []
    found = []
    for other in others:
        theirs = _respects(other)
        if theirs is None or other is cost:
            continue
        verdict = verdicts.get((other.model.name, cost.model.name), "undecided")
        if verdict not in ("better", "equivalent"):
            continue
        no_more = all(a <= b for a, b in zip(theirs, mine, strict=True))
        if no_more and (verdict == "better" or theirs != mine):
            found.append(other.model.name)
    return found


def _verdicts(numbers: Numbers) -> dict[tuple[str, str], Verdict]:
    """What is settled about the first of every two contenders, both ways round."""
    turned: dict[Verdict, Verdict] = {"better": "worse", "worse": "better"}
    found: dict[tuple[str, str], Verdict] = {}
    for pair in numbers.pairs:
        found[pair.first, pair.second] = pair.verdict
        found[pair.second, pair.first] = turned.get(pair.verdict, pair.verdict)
    return found


def _table(numbers: Numbers, found: Sequence[Cost]) -> Table:
    rows = []
    verdicts = _verdicts(numbers)
    for cost in found:
        cells: tuple[Value, ...] = (
            cost.model.name,
            cost.f1,
            cost.first_seconds,
            cost.seconds,
            cost.growth.fixed if cost.growth and cost.growth.fixed >= 0 else None,
            Estimate(cost.growth.slope, cost.growth.interval.low, cost.growth.interval.high)
            if cost.growth
            else None,
            cost.predict_bytes,
            cost.train_seconds,
            cost.train_bytes,
            cost.vram_bytes,
            ", ".join(dominating(cost, found, verdicts)),
        )
        rows.append(Row(cells=cells, role="control" if cost.model.is_control else ""))
    return compact(
        name="cost",
        caption="Cost against quality",
        columns=(
            MODEL,
            Column(label="Mean F1"),
            Column(label="First image, s", digits=2, optional=True),
            Column(label="Each other image, s (median)", digits=2, optional=True),
            Column(label="Fixed part of it, s", digits=2, optional=True),
            Column(label="Per megapixel, s, 95 % interval", digits=2, optional=True),
            Column(label="Prediction memory", kind="memory"),
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
        ("seconds", 1.0, "prediction, seconds per image"),
        ("predict_bytes", 1e-6, "peak memory of prediction, MB"),
    )
    points = [(cost, cost.f1) for cost in found if cost.f1 is not None and cost.seconds]
    if len(points) < 2:
        return None
    look = drawing.looks(numbers.data.models)
    verdicts = _verdicts(numbers)
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
                hollow = dominating(cost, found, verdicts)
                axes.plot(
                    [value],
                    [f1],
                    linestyle="",
                    marker=look[cost.model.name]["marker"],
                    markersize=9,
                    color=colour,
                    markerfacecolor="none" if hollow else colour,
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
            "Mean F1 over time and memory of prediction. Hollow: dominated by another model.",
        )


def _respects(cost: Cost) -> tuple[float, float] | None:
    """Time and memory, smaller being better."""
    if cost.model.is_control or cost.f1 is None:
        return None
    if cost.seconds is None or cost.predict_bytes is None:
        return None
    return cost.seconds, float(cost.predict_bytes)


def _largest(values: list[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
