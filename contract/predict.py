"""The verb predict: a mask and a line for every image, whatever happens to single ones."""

import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import CallError, UnreadableImage, os_error
from contract.events import Events
from contract.files import append_line
from contract.images import read_image
from contract.masks import write_mask
from contract.names import label_name, label_stem, list_images, list_labels, refuse_shared_stems
from contract.names import stem as stem_of
from contract.protocol import Image, Segmenter
from contract.schema import PredictionLine, PredictOutcome

EXIT_ALL_PREDICTED = 0
EXIT_SOME_FAILED = 3


@dataclass(frozen=True)
class _Ending:
    outcome: PredictOutcome
    cells: int | None = None
    message: str = ""


def predict(
    segmenter: type[Any],
    *,
    source: Path,
    out: Path,
    weights: Path | None,
    truth: Path | None,
    threads: int,
    events: Events,
) -> int:
    """Segments every image in `source` (or `source`/images) and returns the exit code.

    Writes `out`/<stem>_label.tiff and, as each image is finished, a line of
    `out`/predictions.jsonl; both replace those of an earlier call. Returns 0 when every image has
    a mask and 3 when some failed.

    Raises CallError before any work for an empty or missing folder, two images with one stem, or
    an output folder that cannot be written.
    """
    events.emit("started")
    images = find_images(source)
    lines = _fresh_lines(out)
    truths = {label_stem(path.name): path for path in list_labels(truth)} if truth else {}
    model: Segmenter = segmenter(weights, threads)
    events.emit("loaded")
    failed = 0
    for done, path in enumerate(images):
        events.emit("image", image=path.name)
        start = time.monotonic()
        ending = _one(model, path, out, truths.get(stem_of(path.name)))
        line = PredictionLine(
            image=path.name,
            mask=label_name(path.name) if ending.outcome == "predicted" else None,
            outcome=ending.outcome,
            cells=ending.cells,
            seconds=round(time.monotonic() - start, 4),
            message=ending.message,
        )
        append_line(lines, line.model_dump())
        if ending.outcome != "predicted":
            failed += 1
            print(f"{path.name}: {ending.outcome}: {ending.message}", file=sys.stderr, flush=True)
        events.progress("predict", done + 1, len(images), path.name)
    print(
        f"{len(images) - failed} of {len(images)} images have a mask", file=sys.stderr, flush=True
    )
    return EXIT_SOME_FAILED if failed else EXIT_ALL_PREDICTED


def find_images(source: Path) -> list[Path]:
    """The images directly in `source`, else those in `source`/images; CallError if none."""
    if not source.is_dir():
        raise CallError(
            f"No folder {source}.",
            "it is not mounted, or the path has a typing error",
            "mount the folder of images there, e.g. -v $PWD/images:/in:ro",
        )
    images = list_images(source)
    if not images and (source / "images").is_dir():
        images = list_images(source / "images")
    if not images:
        raise CallError(
            f"No images in {source}.",
            "the folder is empty, or its files are no tif, tiff, png, bmp, jpg or jpeg",
            "give the folder that holds the images",
        )
    refuse_shared_stems(images)
    return images


def _fresh_lines(out: Path) -> Path:
    lines = out / "predictions.jsonl"
    try:
        out.mkdir(parents=True, exist_ok=True)
        lines.write_text("", encoding="utf-8")
    except OSError as error:
        raise CallError(
            f"Cannot write to {out}: {error.strerror}.",
            "the folder belongs to another user, or is mounted read-only",
            "mount a folder that this user may write to, or run as its owner (--user)",
        ) from error
    return lines


def _one(model: Segmenter, path: Path, out: Path, truth: Path | None) -> _Ending:
    mask = out / label_name(path.name)
    mask.unlink(missing_ok=True)
    try:
        pixels = read_image(path)
        labels = model.predict(Image(name=path.name, pixels=pixels, truth=truth))
        _refuse_wrong_labels(labels, pixels.shape)
    except UnreadableImage as error:
        return _Ending("unreadable", message=error.what)
    except Exception as error:
        traceback.print_exc()
        if is_out_of_memory(error):
            return _Ending("out_of_memory", message=f"no memory for {path.name}: {error}")
        return _Ending("crashed", message=f"{type(error).__name__}: {error}")
    try:
        write_mask(mask, labels)
    except OSError as error:
        raise os_error(error) from error
    return _Ending("predicted", cells=_count_cells(labels))


def _refuse_wrong_labels(labels: npt.NDArray[np.generic], shape: tuple[int, ...]) -> None:
    if labels.shape != shape[:2]:
        raise ValueError(f"the model gave labels of shape {labels.shape} for an image {shape[:2]}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"the model gave labels of type {labels.dtype}, not whole numbers")


def _count_cells(labels: npt.NDArray[np.integer]) -> int:
    ids = np.unique(labels)
    return int(np.count_nonzero(ids))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out: Python's own, or torch's on CPU and GPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and (
        "can't allocate memory" in text or "out of memory" in text.lower()
    )
