"""The calls of the package stardist, and what is put in and kept of them."""

import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # which depends on the processor
os.environ.setdefault("TQDM_DISABLE", "1")

import keras
import numpy as np
import tensorflow as tf
from csbdeep.utils import normalize
from stardist.models import Config2D, StarDist2D

from containers.base.segmentation.plain import Plain, foreign, origin, read_plain
from containers.stardist.settings import CHANNELS, Settings
from contract import (
    CallError,
    HistoryLine,
    TrainCall,
    TrainingSummary,
    append_line,
    take,
    write_aside,
)

CONFIG, THRESHOLDS = "config.json", "thresholds.json"
WEIGHTS = "weights_best.*h5"
"""As the package names the weights with the lowest validation loss."""
PERCENTILES = 1, 99.8
"""Between which the package's examples stretch each channel."""
LARGEST = 512
"""Side in pixels of the part of a validation image on which thresholds are chosen."""


def train(call: TrainCall) -> TrainingSummary:
    """Trains on the images in memory, and lets the package choose its two thresholds.

    Nothing of it can be resumed: interrupted, it begins anew. Raises CallError when no training
    image has a cell, and for a checkpoint that does not fit the network.
    """
    settings = take(call.settings, Settings)
    _threads(call.threads)
    keras.utils.set_random_seed(call.seed)
    images = read_plain(call.pairs, "train")
    held_out = read_plain(call.pairs, "val")
    held_out = held_out if held_out.images else images
    model = StarDist2D(Config2D(**settings.arguments), name="model", basedir=str(call.checkpoint))
    if settings.checkpoint is not None:
        _start_from(model, settings.checkpoint)
    model.prepare_for_training()
    epochs = _Epochs(call, settings)
    model.callbacks.append(epochs)
    history = model.train(
        *_prepared(images, settings.crop),
        validation_data=_prepared(held_out, settings.crop),
        seed=call.seed,
    ).history
    middles = _middles(held_out)
    model.optimize_thresholds(*_prepared(middles, settings.crop))
    for path in _files(Path(model.logdir)):
        _keep(path, call.weights / path.name)
    return TrainingSummary(
        parameters=model.keras_model.count_params(),
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        input_size=f"{settings.crop}x{settings.crop}",
        optimizer="adam",
        scheduler="halved when the validation loss has not fallen for 40 epochs",
        loss="cross-entropy of the object probability and absolute error of the distances",
        epochs=settings.epochs,
        steps=settings.epochs * settings.epoch_steps,
        final_loss=float(history["loss"][-1]),
        best_epoch=int(np.argmin(history["val_loss"])) + 1,
        pretrained=origin(settings.checkpoint),
        device="cpu",
        precision="fp32",
        stopped="finished",
    )


def load(weights: Path, threads: int) -> Any:
    """The StarDist2D of a folder: of a training here, or one that the package has written."""
    _threads(threads)
    if not (weights / CONFIG).is_file() or not any(weights.glob("*h5")):
        raise CallError(
            f"{weights} holds no StarDist model.",
            f"a model is a folder with {CONFIG}, {THRESHOLDS} and weights as .h5",
            "name the weights/ of a training, or the folder of a model, not of its .zip",
        )
    if not any(weights.glob(WEIGHTS)):
        print(foreign(min(weights.glob("*h5"))), file=sys.stderr)
    try:
        return StarDist2D(None, name=weights.resolve().name, basedir=str(weights.resolve().parent))
    except Exception as error:
        raise CallError(
            f"{weights} holds no StarDist model that can be read: {str(error).splitlines()[0]}",
            "its files belong to another version, or to different models",
        ) from error


def segment(model: Any, pixels: np.ndarray) -> np.ndarray:
    """H×W labels of H×W×3 pixels, at the defaults of `predict_instances`.

    A model of one channel, such as those for fluorescence, sees grey values.
    """
    if model.config.n_channel_in == 1:
        pixels = pixels.mean(axis=2)
    labels, _ = model.predict_instances(normalised(pixels), show_tile_progress=False)
    return np.asarray(labels, np.int32)


def normalised(pixels: np.ndarray) -> np.ndarray:
    """Pixels as the package's examples prepare them, each channel by itself."""
    return np.asarray(normalize(pixels.astype(np.float32), *PERCENTILES, axis=(0, 1)))


def _threads(threads: int) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()


def _prepared(images: Plain, side: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Images and labels, those smaller than a patch with a rim of background."""
    lists: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for pixels, labels in zip(images.images, images.labels, strict=True):
        missing = [(0, max(0, side - size)) for size in labels.shape]
        lists[0].append(np.pad(normalised(pixels), (*missing, (0, 0))))
        lists[1].append(np.pad(labels, missing))
    return lists


def _middles(images: Plain) -> Plain:
    windows = [tuple(_middle(size) for size in labels.shape) for labels in images.labels]
    return Plain(
        images=[one[window] for one, window in zip(images.images, windows, strict=True)],
        labels=[one[window] for one, window in zip(images.labels, windows, strict=True)],
    )


def _middle(size: int) -> slice:
    start = max(0, (size - LARGEST) // 2)
    return slice(start, start + LARGEST)


def _start_from(model: Any, checkpoint: str) -> None:
    try:
        model.keras_model.load_weights(checkpoint)
    except Exception as error:
        raise CallError(
            f"{checkpoint} does not fit the network: {str(error).splitlines()[0]}",
            "it holds no weights of Keras, or those of another layout",
            f"give weights of a model with {CHANNELS} channels, and its rays, grid, depth, features"
            " and features_after",
        ) from error


def _files(folder: Path) -> Sequence[Path]:
    return [folder / CONFIG, folder / THRESHOLDS, *folder.glob(WEIGHTS)]


def _keep(path: Path, kept: Path) -> None:
    write_aside(kept, lambda aside: shutil.copyfile(path, aside))


class _Epochs(keras.callbacks.Callback):
    """Writes history.jsonl and reports progress as the package's training goes on."""

    def __init__(self, call: TrainCall, settings: Settings) -> None:
        super().__init__()
        self._call, self._settings, self._started = call, settings, time.monotonic()
        (call.out / "history.jsonl").unlink(missing_ok=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        known = logs or {}
        line = HistoryLine(
            epoch=epoch + 1,
            step=(epoch + 1) * self._settings.epoch_steps,
            loss=float(known["loss"]),
            lr=known.get("learning_rate"),
            seconds=round(time.monotonic() - self._started, 2),
        )
        append_line(self._call.out / "history.jsonl", line.model_dump())
        total = self._settings.epochs * self._settings.epoch_steps
        self._call.progress(line.step, total, f"epoch {line.epoch}")
