"""The tables of the report: what each shows, in which words, from the numbers of `summary`."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from evaluator.report.certainty import estimate
from evaluator.report.data import Model, ReportData, SeedRun
from evaluator.report.facts import ImageFacts, counted
from evaluator.report.published import published_f1
from evaluator.report.summary import by_seed, image_means
from evaluator.report.tables import Column, Row, Table, Value, compact

F1 = Column(label="Mean F1")
MODEL = Column(label="Model", kind="text")


def ranked(data: ReportData, summary: pd.DataFrame) -> list[Model]:
    """Models by mean F1, best first; models without scores after them, controls last."""
    score = dict(zip(summary["model"], summary["mean_f1"], strict=True))
    return sorted(
        data.models, key=lambda model: (model.is_control, -score.get(model.name, -1.0), model.name)
    )


def role(model: Model) -> str:
    """What stands beside a model's name."""
    return {"control": "control", "foreign": "foreign image"}.get(model.kind, "")


def state(data: ReportData, model: Model) -> str:
    """How far a model got, in words: the first step that did not end well, or nothing."""
    for run in model.runs:
        where = f"seed {run.seed}: " if len(model.runs) > 1 else ""
        for name, usage in (("training", run.train_usage), ("prediction", run.predict_usage)):
            if usage is not None and usage.outcome != "done":
                ending = {
                    "crashed": "crashed",
                    "out_of_memory": "ran out of memory",
                    "timeout": "ran into its time-out",
                }[usage.outcome]
                return f"{where}{name} {ending}"
    if model.name not in set(data.scores["model"]):
        return "no scores yet"
    return ""


def summary_table(data: ReportData, summary: pd.DataFrame) -> Table:
    columns = (
        MODEL,
        Column(label="Role", kind="text", optional=True),
        F1,
        Column(label="Median F1"),
        Column(label="SD of F1"),
        Column(label="Mean foreground Dice"),
        Column(label="Mean precision"),
        Column(label="Mean recall"),
        Column(label="Images scored"),
        Column(label="Mean F1, scored only"),
        Column(label="Published F1", optional=True),
        Column(label="Remark", kind="text", optional=True),
    )
    known = summary.set_index("model").to_dict("index")
    rows = []
    for model in ranked(data, summary):
        numbers: Mapping[Any, Any] = known.get(model.name, {})
        remark = state(data, model)

        def mean(score: str, model: Model = model, numbers: Mapping[Any, Any] = numbers) -> Value:
            return estimate(data.at_base, model.name, numbers.get(f"mean_{score}"), score)

        cells: tuple[Value, ...] = (
            model.name,
            role(model),
            mean("f1"),
            numbers.get("median_f1"),
            numbers.get("std_f1"),
            mean("dice"),
            mean("precision"),
            mean("recall"),
            f"{numbers.get('scored', 0):g} of {len(data.images)}",
            numbers.get("scored_f1"),
            published_f1(model.name) if not model.is_control else None,
            remark,
        )
        rows.append(Row(cells=cells, role="control" if model.is_control else _failed(remark)))
    return compact(
        name="summary",
        caption=f"Performance at IoU {data.base:g}, with 95 % intervals",
        columns=columns,
        rows=tuple(rows),
        sortable=True,
    )


def seeds_table(data: ReportData) -> Table | None:
    """The numbers of each seed, when any model has more than one."""
    if all(len(model.runs) < 2 for model in data.models):
        return None
    columns = (
        MODEL,
        Column(label="Seed", kind="text"),
        F1,
        Column(label="Median F1"),
        Column(label="SD of F1"),
        Column(label="Mean foreground Dice"),
        Column(label="Mean precision"),
        Column(label="Mean recall"),
        Column(label="Images", kind="count"),
    )
    numbers = ["mean_f1", "median_f1", "std_f1", "mean_dice", "mean_precision", "mean_recall"]
    several = {model.name for model in data.models if len(model.runs) > 1}
    table = by_seed(data.at_base)
    rows = tuple(
        Row(cells=(str(row["model"]), str(row["seed"]), *(row[n] for n in numbers), row["images"]))
        for row in table.to_dict("records")
        if row["model"] in several
    )
    return Table(
        name="seeds", caption=f"Each seed at IoU {data.base:g}", columns=columns, rows=rows
    )


def thresholds_table(data: ReportData, thresholds: pd.DataFrame, order: list[Model]) -> Table:
    """Mean F1 of every model at every threshold."""
    values = lookup(thresholds, "threshold", "mean_f1")
    return Table(
        name="thresholds",
        caption="Mean F1 over the IoU thresholds, with 95 % intervals",
        columns=(MODEL, *(Column(label=f"IoU {value:g}") for value in data.thresholds)),
        rows=tuple(
            Row(
                cells=(
                    model.name,
                    *(
                        estimate(
                            data.scores[data.scores["threshold"] == t],
                            model.name,
                            values.get((model.name, t)),
                        )
                        for t in data.thresholds
                    ),
                ),
                role="control" if model.is_control else "",
            )
            for model in order
        ),
        sortable=True,
    )


def images_table(data: ReportData, order: list[Model]) -> Table:
    """F1 of every model on every image, the mean over its seeds."""
    rows_at_base = data.at_base
    means = image_means(rows_at_base)
    values = lookup(means, "image", "f1")
    cells = rows_at_base.groupby("image")["true_cells"].max().to_dict()
    modality = any(image.modality for image in data.images)
    rows = [
        Row(
            cells=(
                image.name,
                *([image.modality] if modality else []),
                cells.get(image.name),
                *(values.get((model.name, image.name)) for model in order),
            )
        )
        for image in data.images
    ]
    return Table(
        name="images",
        caption=f"F1 at IoU {data.base:g} on every image",
        columns=(
            Column(label="Image", kind="text"),
            *([Column(label="Modality", kind="text")] if modality else []),
            Column(label="True cells", kind="count"),
            *(Column(label=model.name) for model in order),
        ),
        rows=tuple(rows),
        sortable=True,
        filterable=True,
    )


def model_thresholds_table(model: Model, thresholds: pd.DataFrame) -> Table:
    """One model's means at each threshold; Dice is not here, since no threshold enters it."""
    rows = thresholds[thresholds["model"] == model.name].to_dict("records")
    numbers = ("mean_f1", "mean_precision", "mean_recall", "images")
    return Table(
        name=f"thresholds-{model.name}",
        caption=f"{model.name} over the thresholds",
        columns=(
            Column(label="IoU", kind="text"),
            F1,
            Column(label="Mean precision"),
            Column(label="Mean recall"),
            Column(label="Images", kind="count"),
        ),
        rows=tuple(Row(cells=(f"{r['threshold']:g}", *(r[n] for n in numbers))) for r in rows),
    )


def extremes_table(model: Model, extremes: pd.DataFrame, end: str) -> Table:
    chosen = extremes[(extremes["model"] == model.name) & (extremes["end"] == end)]
    words = {"top": "highest", "bottom": "lowest"}
    return Table(
        name=f"{end}-{model.name}",
        caption=f"{model.name}: the {len(chosen)} images with the {words[end]} F1",
        columns=(
            Column(label="Image", kind="text"),
            Column(label="F1"),
            Column(label="Foreground Dice"),
        ),
        rows=tuple(
            Row(cells=(str(row["image"]), row["f1"], row["dice"]))
            for row in chosen.to_dict("records")
        ),
    )


def dataset_table(data: ReportData, facts: Mapping[str, ImageFacts]) -> Table:
    """What the dataset holds, drawn from the images and the scores."""
    cells = data.at_base.groupby("image")["true_cells"].max()
    modalities = [image.modality for image in data.images if image.modality]
    pairs: list[tuple[str, str]] = [("Test images", f"{len(data.images):,}")]
    if len(cells):
        pairs.append(("Cells in them, as counted by the protocol", f"{cells.sum():,}"))
        spread = f"{cells.min():,} to {cells.max():,}, median {cells.median():g}"
        pairs.append(("Cells per image", spread))
    if data.run is not None:
        dataset = data.run.dataset
        split = f"{dataset.train_images:,} for training, {dataset.val_images:,} for validation"
        pairs.append(("Training images", split))
    if modalities:
        pairs.append(("Modalities of the test images", counted(modalities)))
    if facts:
        sizes = [f"{fact.height}×{fact.width}" for fact in facts.values()]
        pairs.append(("Sizes (height×width)", counted(sizes)))
        pairs.append(("Formats", counted([fact.kind for fact in facts.values()])))
    if data.run is not None:
        pairs.append(("Left out because of a fault of the dataset", f"{len(data.faults):,}"))
    return facts_table("dataset", "The dataset", pairs)


def facts_table(name: str, caption: str, pairs: Iterable[tuple[str, str]]) -> Table:
    """A table of two columns, what and its value."""
    return Table(
        name=name,
        caption=caption,
        columns=(Column(label="What", kind="text"), Column(label="Value", kind="text")),
        rows=tuple(Row(cells=pair) for pair in pairs),
    )


def trained_runs(data: ReportData) -> list[tuple[str, SeedRun]]:
    """Every seed that left a training.json, with the name of its column."""
    return [
        (f"{model.name}, seed {run.seed}" if len(model.runs) > 1 else model.name, run)
        for model in data.models
        for run in model.runs
        if run.training
    ]


def _failed(remark: str) -> Any:
    return "failed" if remark else ""


def lookup(frame: pd.DataFrame, key: str, value: str) -> dict[tuple[Any, Any], float]:
    """The column *value* of a frame by (model, *key*)."""
    triples = zip(frame["model"], frame[key], frame[value], strict=True)
    return {(model, group): float(number) for model, group, number in triples}
