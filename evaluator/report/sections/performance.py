"""The models' means at the base threshold, beside published ones where a file names them."""

from collections.abc import Mapping
from typing import Any, Literal

from evaluator.report import drawing
from evaluator.report.data import Model
from evaluator.report.drawing import COLOURS, TEXT, Figure
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, Text, blocks, note
from evaluator.report.summary import METRICS, by_seed
from evaluator.report.tables import MODEL, Column, Estimate, Row, Table, Value, compact

STORED = [
    "model",
    "images",
    "mean_f1",
    "median_f1",
    "std_f1",
    "mean_dice",
    "mean_precision",
    "mean_recall",
]
"""The columns of tables/summary.csv."""
METRIC_NAMES = {"f1": "F1", "dice": "foreground Dice", "precision": "precision", "recall": "recall"}
MEANS = (
    Column(label="Mean F1"),
    Column(label="Median F1"),
    Column(label="SD of F1"),
    Column(label="Mean foreground Dice"),
    Column(label="Mean precision"),
    Column(label="Mean recall"),
)
EXPLANATION = (
    "Means run over all images of the dataset; an image that was not scored counts as 0. The column"
    " “scored only” leaves such images out. A model's number is the mean over its seeds. SD is the"
    " standard deviation over images (n − 1). Intervals are over images, and over trainings where a"
    " model has two seeds; with one seed they are about this training. Foreground Dice compares"
    " cell pixels with background and does not depend on the threshold."
)


def section(numbers: Numbers) -> Section:
    return Section(
        id="performance",
        title="Performance",
        blocks=blocks(
            _summary(numbers),
            note(EXPLANATION),
            _published(numbers),
            _figure(numbers),
            _seeds(numbers),
        ),
        files={"summary": numbers.summary[STORED].to_csv(index=False)},
    )


def _summary(numbers: Numbers) -> Table:
    published = numbers.published.fitting(numbers.data) if numbers.published else {}
    rows = []
    for model in numbers.order:
        known: Mapping[str, Any] = numbers.of_model.get(model.name, {})
        remark = numbers.state(model)

        def mean(score: str, name: str = model.name, known: Mapping[str, Any] = known) -> Value:
            return numbers.estimate(name, known.get(f"mean_{score}"), score)

        cells: tuple[Value, ...] = (
            model.name,
            model.role,
            mean("f1"),
            numbers.median(model.name),
            known.get("std_f1"),
            mean("dice"),
            mean("precision"),
            mean("recall"),
            f"{known.get('scored', 0):g} of {len(numbers.data.images)}",
            known.get("scored_f1"),
            known.get("seed_std_f1") if known.get("seeds", 1) > 1 else None,
            published[model.name].f1 if model.name in published else None,
            remark,
        )
        rows.append(Row(cells=cells, role=_row_role(model, remark)))
    return compact(
        name="summary",
        caption=f"Performance at IoU {numbers.data.base:g}, with 95 % intervals",
        columns=(
            MODEL,
            Column(label="Role", kind="text", optional=True),
            *MEANS,
            Column(label="Images scored"),
            Column(label="Mean F1, scored only"),
            Column(label="SD of mean F1 between trainings", optional=True),
            Column(label="Published F1", optional=True),
            Column(label="Remark", kind="text", optional=True),
        ),
        rows=tuple(rows),
        sortable=True,
        stored=False,
    )


def _row_role(model: Model, remark: str) -> Literal["", "control", "failed"]:
    if model.is_control:
        return "control"
    return "failed" if remark else ""


def _published(numbers: Numbers) -> Text | None:
    """Where the published scores come from, and how many were not for these images."""
    if numbers.published is None:
        return None
    file, scores = numbers.published.file, numbers.published.scores
    if numbers.data.run is None:
        return note(
            f"Published F1: no score of {file} is shown, since without a run.json it is not known"
            " which images were scored here."
        )
    shown = numbers.published.fitting(numbers.data)
    sentences = []
    if shown:
        sources = "; ".join(f"{model}: {score.source}" for model, score in shown.items())
        sentences.append(
            f"Published F1, from {file}: for this dataset, protocol and threshold. {sources}."
        )
    rest = len(scores) - len(shown)
    if rest:
        sentences.append(
            f"{file} holds {rest} {'more ' if shown else ''}published scores of other models,"
            " datasets, protocols or thresholds, which are not shown."
        )
    return note(" ".join(sentences)) if sentences else None


def _seeds(numbers: Numbers) -> Table | None:
    """The numbers of each seed, when any model has more than one."""
    several = {model.name for model in numbers.data.models if len(model.runs) > 1}
    if not several:
        return None
    columns = ["mean_f1", "median_f1", "std_f1", "mean_dice", "mean_precision", "mean_recall"]
    table = by_seed(numbers.rows)
    rows = tuple(
        Row(cells=(str(row["model"]), str(row["seed"]), *(row[n] for n in columns), row["images"]))
        for row in table.to_dict("records")
        if row["model"] in several
    )
    return Table(
        name="seeds",
        caption=f"Each seed at IoU {numbers.data.base:g}",
        columns=(
            MODEL,
            Column(label="Seed", kind="text"),
            *MEANS,
            Column(label="Images", kind="count"),
        ),
        rows=rows,
    )


def _figure(numbers: Numbers) -> Figure | None:
    """Mean F1, foreground Dice, precision and recall of each model."""
    models = [model.name for model in numbers.order if model.name in numbers.of_model]
    if not models:
        return None
    with drawing.style():
        canvas, axes = drawing.canvas(height=1.2 + 0.62 * len(models))
        thickness = 0.19
        for place, (metric, column) in enumerate(METRICS.items()):
            means = [numbers.of_model[name][column] for name in models]
            shown = [
                numbers.estimate(name, value, metric)
                for name, value in zip(models, means, strict=True)
            ]
            axes.barh(
                [row + (place - 1.5) * thickness for row in range(len(models))],
                means,
                height=thickness * 0.9,
                color=COLOURS[place],
                label=METRIC_NAMES[metric],
                xerr=[_arms(shown, "low"), _arms(shown, "high")],
                error_kw={"elinewidth": 1, "ecolor": TEXT},
            )
        axes.set_yticks(range(len(models)), models)
        axes.invert_yaxis()
        axes.set_xlim(0, 1)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("mean over images")
        drawing.legend_above(canvas, axes, columns=4)
        return drawing.finished(
            canvas,
            "metrics_by_model",
            f"Mean F1, foreground Dice, precision and recall at IoU {numbers.data.base:g}, with"
            " 95 % intervals.",
        )


def _arms(shown: list[Value], end: str) -> list[float]:
    """How far each interval reaches below or above its mean; 0 where there is none."""
    return [
        abs(getattr(value, end) - value.value) if isinstance(value, Estimate) else 0.0
        for value in shown
    ]
