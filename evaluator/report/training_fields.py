"""The fields of training.json in words, and the runs that have one."""

from typing import Any

from evaluator.report.data import ReportData, SeedRun
from evaluator.report.units import duration, memory

FIELDS = {
    "architecture": "Architecture",
    "parameters": "Parameters",
    "profile": "Profile",
    "remark": "Remark",
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
    "start_val_f1": "Validation F1 of the start",
    "best_epoch": "Best epoch",
    "train_images": "Training images",
    "val_images": "Validation images",
    "device": "Device",
    "precision": "Precision",
    "seconds": "Time",
    "peak_memory_bytes": "Peak memory",
}
ENDS = {"finished": "its budget", "early_stop": "early stop", "time_limit": "time limit"}


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
        return ENDS.get(str(value), str(value))
    if isinstance(value, bool | str):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    return str(value)


def trained_runs(data: ReportData) -> list[tuple[str, SeedRun]]:
    """Every seed that left a training.json, with the name of its column."""
    return [
        (f"{model.name}, seed {run.seed}" if len(model.runs) > 1 else model.name, run)
        for model in data.models
        for run in model.runs
        if run.training
    ]
