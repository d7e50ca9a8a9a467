"""The calls of the package cellpose, and what is put in and kept of them."""

import json
import logging
import os
import re
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")  # bars are for terminals

import numpy as np
import torch
from cellpose import models
from cellpose import train as training

from containers.base.segmentation.plain import foreign, origin, read_plain
from containers.cellpose.settings import Settings
from contract import (
    CallError,
    HistoryLine,
    TrainCall,
    TrainingSummary,
    append_line,
    take,
    write_aside,
    write_json,
)

FILE, FACTS = "cellpose_model", "facts.json"
"""In a weights folder: what the package saves, and with which channels it was trained."""
SMALLEST = 32
"""Side in pixels below which an image is continued by its edge: the package drops sides of one."""
REPORTED = re.compile(r"(?P<epoch>\d+), train_loss=(?P<loss>\S+), test_loss=\S+, LR=(?P<lr>[^,]+)")
"""How the package's log tells of an epoch."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that predicts, and the channels that it looks at."""

    model: models.CellposeModel
    channels: list[int]


def train(call: TrainCall) -> TrainingSummary:
    """Trains on the images in memory; the package keeps the weights of the last epoch.

    Nothing of it can be resumed: interrupted, it begins anew. Raises CallError when no training
    image holds enough cells, and for a checkpoint that is no Cellpose model.
    """
    settings = take(call.settings, Settings)
    torch.set_num_threads(call.threads)
    torch.manual_seed(call.seed)
    images, held_out = read_plain(call.pairs, "train"), read_plain(call.pairs, "val")
    cells = [int(labels.max()) for labels in images.labels]
    _refuse_few_cells(max(cells), settings.fewest_cells)
    model = _open(settings.checkpoint, settings.diameter)
    steps = settings.steps(cells)
    log = _Epochs(call, settings.epochs, steps)
    history = logging.getLogger(training.__name__)
    history.setLevel(logging.INFO)
    history.addHandler(log)
    saved, losses, _ = training.train_seg(
        model.net,
        train_data=images.images,
        train_labels=images.labels,
        test_data=held_out.images or None,
        test_labels=held_out.labels or None,
        **settings.arguments,
        save_path=call.checkpoint,
        model_name=FILE,
    )
    history.removeHandler(log)
    write_aside(call.weights / FILE, lambda path: shutil.copyfile(saved, path))
    write_json(call.weights / FACTS, {"channels": settings.channels})
    return TrainingSummary(
        parameters=sum(weight.numel() for weight in model.net.parameters()),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        input_size=f"{settings.crop}x{settings.crop}",
        optimizer=settings.optimiser,
        scheduler="ten epochs of warm-up, then constant"
        + ("; halved ten times at the end" if settings.epochs > 100 else ""),
        loss="squared error of the flows and cross-entropy of the cell probability",
        epochs=settings.epochs,
        steps=settings.epochs * steps,
        final_loss=float(losses[-1]),
        pretrained=origin(settings.checkpoint),
        device=model.device.type,
        precision="fp32",
        stopped="finished",
    )


def load(weights: Path, threads: int) -> Loaded:
    """The model of a weights folder: of a training here, or one file that Cellpose 3 has saved."""
    torch.set_num_threads(threads)
    facts = weights / FACTS
    channels = json.loads(facts.read_text())["channels"] if facts.is_file() else [0, 0]
    return Loaded(model=_open(str(_model_file(weights)), 30.0), channels=channels)


def segment(loaded: Loaded, pixels: np.ndarray) -> np.ndarray:
    """H×W labels of H×W×3 pixels, at the defaults of `CellposeModel.eval`.

    Without a diameter the package rescales every image as the mean training image was.
    """
    height, width = pixels.shape[:2]
    rim = [(0, max(0, SMALLEST - size)) for size in (height, width)]
    padded = np.pad(pixels, (*rim, (0, 0)), mode="edge")
    masks, _, _ = loaded.model.eval(padded, channels=loaded.channels, channel_axis=2)
    return np.asarray(masks, np.int32).reshape(padded.shape[:2])[:height, :width]


def _open(path: str | None, diameter: float) -> models.CellposeModel:
    """A new network, or that of a file; the package downloads where a path does not exist."""
    if path is not None and not Path(path).is_file():
        raise CallError(f"There is no file {path}.")
    try:
        return models.CellposeModel(
            gpu=torch.cuda.is_available(), pretrained_model=path or False, diam_mean=diameter
        )
    except Exception as error:
        if path is None:
            raise
        raise CallError(
            f"{path} is no model of Cellpose 3: {str(error).splitlines()[0]}",
            "the file was saved by another program, or by another version of Cellpose",
        ) from error


def _model_file(weights: Path) -> Path:
    if (weights / FILE).is_file():
        return weights / FILE
    files = [
        path for path in sorted(weights.iterdir()) if path.suffix not in {".json", ".txt", ".md"}
    ]
    if len(files) != 1:
        raise CallError(
            f"{weights} holds {len(files)} files that could be a Cellpose model.",
            do=f"name the weights/ of a training, or a folder with one model, such as {FILE}",
        )
    print(foreign(files[0]), file=sys.stderr)
    return files[0]


def _refuse_few_cells(most: int, fewest: int) -> None:
    if most < fewest:
        raise CallError(
            f"No training image has {fewest} cells; the one with the most has {most}.",
            "Cellpose leaves out training images with fewer",
            "lower it with --set fewest_cells=1",
        )


class _Epochs(logging.Handler):
    """Turns the package's log of epochs into history.jsonl and reports of progress."""

    def __init__(self, call: TrainCall, epochs: int, steps: int) -> None:
        super().__init__()
        self._call, self._epochs, self._steps = call, epochs, steps
        self._started = time.monotonic()
        (call.out / "history.jsonl").unlink(missing_ok=True)

    def emit(self, record: logging.LogRecord) -> None:
        found: Any = REPORTED.match(record.getMessage())
        if found is None:
            return
        epoch = int(found["epoch"]) + 1
        line = HistoryLine(
            epoch=epoch,
            step=epoch * self._steps,
            loss=float(found["loss"]),
            lr=float(found["lr"]),
            seconds=round(time.monotonic() - self._started, 2),
        )
        append_line(self._call.out / "history.jsonl", line.model_dump())
        self._call.progress(line.step, self._epochs * self._steps, f"epoch {epoch}")
