"""What the models cost in time and memory, and which of them another one beats in every respect."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from evaluator.report.data import Model, ReportData
from evaluator.report.facts import ImageFacts
from evaluator.report.tables import Column, Row, Table, Value, compact

MEGA = 1_000_000


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


def costs(
    data: ReportData,
    summary: pd.DataFrame,
    facts: Mapping[str, ImageFacts],
    order: list[Model],
) -> list[Cost]:
    """The cost of every model, in the given order; memory is the highest of any seed."""
    score = dict(zip(summary["model"], summary["mean_f1"], strict=True))
    sizes = [fact.height * fact.width / MEGA for fact in facts.values()]
    largest = max(sizes, default=None)
    result = []
    for model in order:
        train = [run.train_usage for run in model.runs if run.train_usage]
        predict = [run.predict_usage for run in model.runs if run.predict_usage]
        rates = [
            line["seconds"] / (facts[line["image"]].height * facts[line["image"]].width / MEGA)
            for run in model.runs
            for line in run.predictions
            if line.get("outcome") == "predicted"
            and line.get("image") in facts
            and isinstance(line.get("seconds"), int | float)
        ]
        peak = _largest([use.peak_memory_bytes for use in predict])
        result.append(
            Cost(
                model=model,
                f1=score.get(model.name),
                seconds_per_megapixel=statistics.median(rates) if rates else None,
                predict_bytes=peak,
                bytes_per_megapixel=peak / largest if peak and largest else None,
                train_seconds=statistics.fmean(use.seconds for use in train) if train else None,
                train_bytes=_largest([use.peak_memory_bytes for use in train]),
                vram_bytes=_largest([use.peak_vram_bytes for use in (*train, *predict)]),
            )
        )
    return result


def dominating(cost: Cost, others: list[Cost]) -> list[str]:
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


def cost_table(found: list[Cost]) -> Table | None:
    """Time and memory against quality, None when nothing was measured."""
    if all(cost.predict_bytes is None and cost.train_seconds is None for cost in found):
        return None
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
            Column(label="Model", kind="text"),
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


def _respects(cost: Cost) -> tuple[float, float, float] | None:
    """What is compared, smaller being better."""
    if cost.model.is_control or cost.f1 is None:
        return None
    if cost.seconds_per_megapixel is None or cost.predict_bytes is None:
        return None
    return (-cost.f1, cost.seconds_per_megapixel, float(cost.predict_bytes))


def _largest(values: list[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
