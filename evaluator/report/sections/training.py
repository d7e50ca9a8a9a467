"""How the models were trained, as their own training.json says."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from evaluator.report import drawing
from evaluator.report.data import Model, ReportData, SeedRun
from evaluator.report.drawing import COLOURS, Figure
from evaluator.report.numbers import Numbers
from evaluator.report.section import Part, Section, Text, blocks, note
from evaluator.report.tables import MODEL, Column, Row, Table, Value, compact
from evaluator.report.training_fields import FIELDS, field_text, trained_runs
from evaluator.runs.licences import told_licences
from evaluator.runs.words import SHIPPED

# What gives one model an advantage over another, and so belongs beside their scores.
FAIRNESS = (
    "profile",
    "overrides",
    "input_size",
    "batch_size",
    "learning_rate",
    "optimizer",
    "epochs",
    "steps",
    "stopped",
    "train_images",
    "val_images",
    "pretrained",
    "parameters",
    "device",
)
DIFFERED = (
    "Scores of models that were trained under different settings compare the settings as well as"
    " the models."
)
UNTRAINED = ["No model was trained: each predicted with the weights that come with it."]
ALIKE = "All models were trained under the same settings."


def section(numbers: Numbers) -> Section:
    data = numbers.data
    sentences = tuple(_summary(data))
    fairness, part = _fairness(data), None
    files = {"training": _frame(data).to_csv(index=False)}
    if fairness is not None:
        part = Part(
            title="Fairness",
            blocks=(fairness, note(DIFFERED)) if fairness.rows else (note(ALIKE),),
        )
        files[fairness.name] = fairness.csv()
    return Section(
        id="training",
        title="Training",
        blocks=blocks(
            Text(lines=sentences, role="list") if sentences else None,
            part,
            _epochs_and_loss(data),
            _curves(data),
            _table(data) or note("No training was recorded."),
            _sources(data),
        ),
        files=files,
    )


def _fairness(data: ReportData) -> Table | None:
    """The settings in which the trained models differ, side by side."""
    runs = trained_runs(data)
    if len({run.training.get("model") for _, run in runs}) < 2:
        return None
    rows = []
    for field in FAIRNESS:
        texts = [field_text(field, run.training.get(field)) for _, run in runs]
        if len(set(texts)) > 1:
            rows.append(Row(cells=(FIELDS[field], *texts)))
    return _by_run("fairness", "What differed in training", [name for name, _ in runs], rows)


def _summary(data: ReportData) -> list[str]:
    """The training summary in sentences: how many, longest, best validation, what was shared."""
    runs = trained_runs(data)
    if not runs:
        return []
    if all(run.training.get("profile") == SHIPPED for _, run in runs):
        return UNTRAINED
    models = {run.training.get("model", name) for name, run in runs}
    sentences = [f"Models trained: {len(models)}, in {len(runs)} runs."]
    for field, words in (
        ("epochs", "Most epochs"),
        ("best_val_dice", "Best validation Dice"),
        ("best_val_f1", "Best validation F1"),
    ):
        known = [(run.training[field], name) for name, run in runs if _is_number(run, field)]
        if known:
            value = max(one for one, _ in known)
            names = ", ".join(name for one, name in known if one == value)
            sentences.append(f"{words}: {field_text(field, value)} ({names}).")
    for field in ("optimizer", "learning_rate", "input_size"):
        texts = {field_text(field, run.training.get(field)) or "not recorded" for _, run in runs}
        ending = "the same for all" if len(texts) == 1 else "not the same for all"
        sentences.append(f"{FIELDS[field]}: {', '.join(sorted(texts))} ({ending}).")
    return sentences


def _is_number(run: SeedRun, field: str) -> bool:
    return isinstance(run.training.get(field), int | float)


def _by_run(name: str, caption: str, runs: list[str], rows: list[Row]) -> Table:
    """A column for every run; the section writes the files of these tables itself."""
    columns = (Column(label="Setting", kind="text"), *(Column(label=r, kind="text") for r in runs))
    return Table(name=name, caption=caption, columns=columns, rows=tuple(rows), stored=False)


def _epochs_and_loss(data: ReportData) -> Figure | None:
    """Epochs trained and final loss of each model that was trained."""
    entries = [
        (f"{model.name}, seed {run.seed}" if len(model.runs) > 1 else model.name, run.training)
        for model in data.models
        for run in model.runs
        if run.training.get("epochs") or run.training.get("final_loss") is not None
    ]
    if not entries:
        return None
    names = [name for name, _ in entries]
    with drawing.style():
        canvas, panels = drawing.pair_of_axes(height=1.1 + 0.36 * len(names), sharey=True)
        for axes, field, label in zip(
            panels, ("epochs", "final_loss"), ("epochs", "final loss"), strict=True
        ):
            values = [_number(training.get(field)) for _, training in entries]
            axes.barh(range(len(names)), values, height=0.6, color=COLOURS[0])
            axes.set_xlabel(label)
            axes.grid(axis="y", visible=False)
            axes.set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
        return drawing.finished(
            canvas,
            "epochs_and_loss",
            "Epochs trained and final loss. Losses of different kinds cannot be compared.",
        )


def _curves(data: ReportData) -> Figure | None:
    """Loss and validation F1 by epoch, one line per model and seed."""
    look = drawing.looks(data.models)
    lines = [(model, run) for model in data.models for run in model.runs if len(run.history) > 1]
    if not lines:
        return None
    with drawing.style():
        canvas, panels = drawing.pair_of_axes(height=3.4)
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
        drawing.legend_above(canvas, panels[0], columns=5)
        return drawing.finished(
            canvas,
            "training_curves",
            "Training loss and validation F1 by epoch; further seeds of a model are dashed.",
        )


def _points(history: Sequence[Mapping[str, Any]], field: str) -> list[tuple[float, float]]:
    points = [
        (_number(line.get("epoch", line.get("step"))), _number(line.get(field))) for line in history
    ]
    return [point for point in points if all(math.isfinite(value) for value in point)]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else math.nan


def _table(data: ReportData) -> Table | None:
    """Every field of training.json, a row each, with a column for every trained seed."""
    runs = trained_runs(data)
    if not runs:
        return None
    rows = [
        Row(cells=(label, *(field_text(field, run.training.get(field)) for _, run in runs)))
        for field, label in FIELDS.items()
    ]
    names = [name for name, _ in runs]
    return _by_run("training", "Architectures and training", names, rows)


def _frame(data: ReportData) -> pd.DataFrame:
    """The fields of training.json as they stand there, a row for every trained seed."""
    columns = ["model", "seed", *FIELDS]
    rows = [
        {"model": model.name, "seed": run.seed, **{f: run.training.get(f) for f in FIELDS}}
        for model in data.models
        for run in model.runs
        if run.training
    ]
    return pd.DataFrame(rows, columns=columns)


def _sources(data: ReportData) -> Table | None:
    """Where each model comes from, as its own training.json says."""
    rows = []
    for model in data.models:
        training: Mapping[str, Any] = next((r.training for r in model.runs if r.training), {})
        image = (model.record.image_digest or model.record.image) if model.record else None
        cells: tuple[Value, ...] = (
            model.name,
            model.role,
            model.title,
            training.get("version"),
            *(
                training.get(field) or getattr(model.record, field, None)
                for field in ("source", "repository", "licence")
            ),
            _may_be_used(model),
            image,
        )
        rows.append(Row(cells=cells, role="control" if model.is_control else ""))
    if not any(model.record for model in data.models):
        return None
    labels = ("Title", "Version", "Source", "Repository", "Licence")
    return compact(
        name="sources",
        caption="Models, their sources and repositories",
        columns=(
            MODEL,
            Column(label="Role", kind="text", optional=True),
            *(Column(label=label, kind="text") for label in labels),
            Column(label="May be used", kind="text", optional=True),
            Column(label="Image", kind="text", optional=True),
        ),
        rows=tuple(rows),
    )


def _may_be_used(model: Model) -> str | None:
    record = model.record
    if record is None or record.licence is None:
        return None
    return told_licences(record.licence, record.weights_licence, record.data_licences)
