"""The report's figures as SVG, the same bytes for the same numbers."""

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from evaluator.report.certainty import estimate
from evaluator.report.cost import Cost, dominating
from evaluator.report.data import ReportData
from evaluator.report.summary import METRICS
from evaluator.report.tables import Estimate, Value

TEXT = "#24292f"
GRID = "#d0d7de"
CONTROL = "#7d8590"
# Okabe and Ito's colours, told apart by most colour-blind readers; markers differ as well.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
METRIC_NAMES = {"f1": "F1", "dice": "foreground Dice", "precision": "precision", "recall": "recall"}
MARKERS = "osD^vP*X"
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cellbench",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "legend.frameon": False,
}


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A finished figure."""

    name: str
    caption: str
    svg: str
    """A whole SVG document with a white ground."""

    @property
    def inline(self) -> str:
        """The ``<svg>`` element for a page: page's own text colour, ids made unique, no ground."""
        element = self.svg[self.svg.index("<svg") :]
        element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
        element = re.sub(r'\bid="', f'id="{self.name}-', element)
        element = re.sub(r'(href="|url\()#', rf"\1#{self.name}-", element)
        element = element.replace(TEXT, "currentColor").replace(GRID, "var(--line)")
        element = element.replace("fill: #ffffff", "fill: none")
        # The figure's caption and the tables say the same in text.
        return element.replace("<svg ", '<svg role="img" aria-hidden="true" focusable="false" ', 1)


def looks(data: ReportData) -> dict[str, dict[str, Any]]:
    """Colour, marker and line style of each model, the same in every figure."""
    result: dict[str, dict[str, Any]] = {}
    place = 0
    for number, model in enumerate(data.models):
        marker = MARKERS[number % len(MARKERS)]
        if model.is_control:
            result[model.name] = {"color": CONTROL, "marker": marker, "linestyle": "--"}
        else:
            colour = COLOURS[place % len(COLOURS)]
            result[model.name] = {"color": colour, "marker": marker, "linestyle": "-"}
            place += 1
    return result


def metrics_by_model(data: ReportData, summary: pd.DataFrame) -> Drawing | None:
    """Figure 1: mean F1, foreground Dice, precision and recall of each model."""
    if summary.empty:
        return None
    names = [str(name) for name in summary["model"]]
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(height=1.2 + 0.62 * len(names))
        thickness = 0.19
        for place, (metric, column) in enumerate(METRICS.items()):
            spots = [row + (place - 1.5) * thickness for row in range(len(names))]
            shown = [
                estimate(data.at_base, name, value, metric)
                for name, value in zip(names, summary[column], strict=True)
            ]
            axes.barh(
                spots,
                summary[column],
                height=thickness * 0.9,
                color=COLOURS[place],
                label=METRIC_NAMES[metric],
                xerr=[_arms(shown, "low"), _arms(shown, "high")],
                error_kw={"elinewidth": 1, "ecolor": TEXT},
            )
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("mean over images")
        _legend_above(figure, axes, columns=4)
        return _drawing(
            figure,
            "metrics_by_model",
            f"Mean F1, foreground Dice, precision and recall at IoU {data.base:g}, with 95 %"
            " intervals.",
        )


def f1_over_thresholds(data: ReportData, thresholds: pd.DataFrame) -> Drawing | None:
    """Figure 2: mean F1 of each model at every threshold."""
    if thresholds.empty:
        return None
    look = looks(data)
    with mpl.rc_context(STYLE):
        figure, axes = _canvas(height=3.6)
        for name, rows in thresholds.groupby("model", sort=False):
            axes.plot(rows["threshold"], rows["mean_f1"], label=str(name), **look[str(name)])
        axes.set_xticks(sorted(thresholds["threshold"].unique()))
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("IoU threshold")
        axes.set_ylabel("mean F1")
        _legend_above(figure, axes, columns=4)
        return _drawing(figure, "f1_over_thresholds", "Mean F1 over the IoU thresholds.")


def epochs_and_loss(data: ReportData) -> Drawing | None:
    """Figure 3: epochs trained and final loss of each model that was trained."""
    entries = [
        (f"{model.name}, seed {run.seed}" if len(model.runs) > 1 else model.name, run.training)
        for model in data.models
        for run in model.runs
        if run.training.get("epochs") or run.training.get("final_loss") is not None
    ]
    if not entries:
        return None
    names = [name for name, _ in entries]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 1.1 + 0.36 * len(names)), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, field, label in zip(
            panels, ("epochs", "final_loss"), ("epochs", "final loss"), strict=True
        ):
            values = [_number(training.get(field)) for _, training in entries]
            axes.barh(range(len(names)), values, height=0.6, color=COLOURS[0])
            axes.set_xlabel(label)
            axes.grid(axis="y", visible=False)
            axes.set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
        return _drawing(
            figure,
            "epochs_and_loss",
            "Epochs trained and final loss. Losses of different kinds cannot be compared.",
        )


def training_curves(data: ReportData) -> Drawing | None:
    """Loss and validation F1 by epoch, one line per model and seed."""
    look = looks(data)
    lines = [(model, run) for model in data.models for run in model.runs if len(run.history) > 1]
    if not lines:
        return None
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 3.4), layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, field, label in zip(
            panels, ("loss", "val_f1"), ("training loss", "validation F1"), strict=True
        ):
            for model, run in lines:
                points = _points(run.history, field)
                if points:
                    axes.plot(
                        [epoch for epoch, _ in points],
                        [value for _, value in points],
                        label=model.name,
                        color=look[model.name]["color"],
                        linestyle=("-", "--", ":", "-.")[model.seeds.index(run.seed) % 4],
                    )
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.set_xlabel("epoch")
            axes.set_ylabel(label)
        _legend_above(figure, panels[0], columns=5)
        return _drawing(
            figure,
            "training_curves",
            "Training loss and validation F1 by epoch; further seeds of a model are dashed.",
        )


def cost_against_quality(data: ReportData, found: Sequence[Cost]) -> Drawing | None:
    """Mean F1 over time and memory; a model that another one dominates is hollow."""
    fields = (
        ("seconds_per_megapixel", 1.0, "prediction, seconds per megapixel"),
        ("bytes_per_megapixel", 1e-6, "peak memory, MB per megapixel"),
    )
    points = [cost for cost in found if cost.f1 is not None and cost.seconds_per_megapixel]
    if len(points) < 2:
        return None
    look = looks(data)
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(7.6, 3.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for axes, (field, unit, label) in zip(panels, fields, strict=True):
            known = [(cost, getattr(cost, field) * unit) for cost in points if getattr(cost, field)]
            for cost, value in known:
                colour = look[cost.model.name]["color"]
                axes.plot(
                    [value],
                    [cost.f1],
                    linestyle="",
                    marker=look[cost.model.name]["marker"],
                    markersize=9,
                    color=colour,
                    markerfacecolor="none" if dominating(cost, list(found)) else colour,
                    label=cost.model.name,
                )
            axes.set_xscale("log")
            if known:
                values = [value for _, value in known]
                axes.set_xlim(min(values) / 2.5, max(values) * 2.5)
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_ylim(-0.02, 1.02)
            axes.set_xlabel(label)
        panels[0].set_ylabel("mean F1")
        _legend_above(figure, panels[0], columns=4)
        return _drawing(
            figure,
            "cost_against_quality",
            "Mean F1 over time and memory of prediction. Hollow: another model is no worse in F1,"
            " time and memory, and better in one of them.",
        )


def all_figures(
    data: ReportData, summary: pd.DataFrame, thresholds: pd.DataFrame, found: Sequence[Cost]
) -> tuple[Drawing, ...]:
    drawn = (
        metrics_by_model(data, summary),
        f1_over_thresholds(data, thresholds),
        epochs_and_loss(data),
        training_curves(data),
        cost_against_quality(data, found),
    )
    return tuple(drawing for drawing in drawn if drawing is not None)


def _points(history: Sequence[Mapping[str, Any]], field: str) -> list[tuple[float, float]]:
    points = [
        (_number(line.get("epoch", line.get("step"))), _number(line.get(field))) for line in history
    ]
    return [point for point in points if all(math.isfinite(value) for value in point)]


def _arms(shown: Sequence[Value], end: str) -> list[float]:
    """How far each interval reaches below or above its mean; 0 where there is none."""
    return [
        abs(getattr(value, end) - value.value) if isinstance(value, Estimate) else 0.0
        for value in shown
    ]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.6, height), layout="constrained")
    return figure, figure.add_subplot()


def _legend_above(figure: Figure, axes: Axes, columns: int) -> None:
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if unique:
        figure.legend(
            list(unique.values()), list(unique), loc="outside upper center", ncols=columns
        )


def _drawing(figure: Figure, name: str, caption: str) -> Drawing:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return Drawing(name=name, caption=caption, svg=buffer.getvalue())
