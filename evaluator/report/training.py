"""How the models were trained, as their own training.json says: the training tables."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from evaluator.report.data import ReportData
from evaluator.report.sections import role, trained_runs
from evaluator.report.tables import Column, Row, Table, Value, compact
from evaluator.report.units import duration, memory

FIELDS = {
    "architecture": "Architecture",
    "parameters": "Parameters",
    "profile": "Profile",
    "overrides": "Changed settings",
    "pretrained": "Pretrained weights",
    "input_size": "Input size",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "optimizer": "Optimiser",
    "scheduler": "Schedule",
    "loss": "Loss",
    "epochs": "Epochs",
    "steps": "Steps",
    "stopped": "Ended by",
    "final_loss": "Final loss",
    "best_val_dice": "Best validation Dice",
    "best_val_f1": "Best validation F1",
    "best_epoch": "Best epoch",
    "train_images": "Training images",
    "val_images": "Validation images",
    "device": "Device",
    "precision": "Precision",
    "seconds": "Time",
    "peak_memory_bytes": "Peak memory",
}
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


def sources_table(data: ReportData) -> Table | None:
    """Where each model comes from, as its own training.json says."""
    rows = []
    for model in data.models:
        training: Mapping[str, Any] = next((r.training for r in model.runs if r.training), {})
        image = (model.record.image_digest or model.record.image) if model.record else None
        cells: tuple[Value, ...] = (
            model.name,
            role(model),
            model.title,
            training.get("version"),
            *(
                training.get(field) or getattr(model.record, field, None)
                for field in ("source", "repository", "licence")
            ),
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
            Column(label="Model", kind="text"),
            Column(label="Role", kind="text", optional=True),
            *(Column(label=label, kind="text") for label in labels),
            Column(label="Image", kind="text", optional=True),
        ),
        rows=tuple(rows),
    )


def training_table(data: ReportData) -> Table | None:
    """Every field of training.json, a row each, with a column for every trained seed."""
    runs = trained_runs(data)
    if not runs:
        return None
    rows = [
        Row(cells=(label, *(field_text(field, run.training.get(field)) for _, run in runs)))
        for field, label in FIELDS.items()
    ]
    return _by_run("training", "Architectures and training", [name for name, _ in runs], rows)


def training_frame(data: ReportData) -> pd.DataFrame:
    """The fields of training.json as they stand there, a row for every trained seed."""
    columns = ["model", "seed", *FIELDS]
    rows = [
        {"model": model.name, "seed": run.seed, **{f: run.training.get(f) for f in FIELDS}}
        for model in data.models
        for run in model.runs
        if run.training
    ]
    return pd.DataFrame(rows, columns=columns)


def fairness_table(data: ReportData) -> Table | None:
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


def field_text(field: str, value: Any) -> str | None:
    """A value of training.json in words; null stays None."""
    if value is None:
        return None
    if field == "seconds":
        return duration(float(value))
    if field == "peak_memory_bytes":
        return memory(float(value))
    if field == "learning_rate":
        return f"{value:g}"
    if field == "stopped":
        ends = {"finished": "its budget", "early_stop": "early stop", "time_limit": "time limit"}
        return ends.get(str(value), str(value))
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value)


def training_summary(data: ReportData) -> list[str]:
    """The training summary in sentences: how many, longest, best validation, what was shared."""
    runs = trained_runs(data)
    if not runs:
        return []
    models = {run.training.get("model", name) for name, run in runs}
    sentences = [f"Models trained: {len(models)}, in {len(runs)} runs."]
    for field, words in (
        ("epochs", "Most epochs"),
        ("best_val_dice", "Best validation Dice"),
        ("best_val_f1", "Best validation F1"),
    ):
        known = [(run.training[field], name) for name, run in runs if _is_number(run, field)]
        if known:
            value, name = max(known, key=lambda pair: pair[0])
            sentences.append(f"{words}: {field_text(field, value)} ({name}).")
    for field in ("optimizer", "learning_rate", "input_size"):
        texts = {field_text(field, run.training.get(field)) or "not recorded" for _, run in runs}
        ending = "the same for all" if len(texts) == 1 else "not the same for all"
        sentences.append(f"{FIELDS[field]}: {', '.join(sorted(texts))} ({ending}).")
    return sentences


def _is_number(run: Any, field: str) -> bool:
    return isinstance(run.training.get(field), int | float)


def _by_run(name: str, caption: str, runs: list[str], rows: list[Row]) -> Table:
    columns = (Column(label="Setting", kind="text"), *(Column(label=r, kind="text") for r in runs))
    return Table(name=name, caption=caption, columns=columns, rows=tuple(rows))
