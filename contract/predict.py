"""The verb predict: a mask and a line for every image, whatever happens to single ones."""

import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.answer import ask
from contract.by_region import find
from contract.diameters import Diameters
from contract.errors import (
    CallError,
    ExitCode,
    UnreadableImage,
    broken_off,
    is_out_of_memory,
    unwritable,
    within_memory,
)
from contract.events import Events
from contract.files import ASIDE, append_line, write_text
from contract.images import read_picture
from contract.joining import Joined
from contract.large import is_large_file, open_large
from contract.masks import write_mask
from contract.names import (
    label_name,
    label_stem,
    list_images,
    list_labels,
    normal,
    passed_over,
    refuse_shared_stems,
    too_long,
)
from contract.names import stem as stem_of
from contract.protocol import Image, Segmenter
from contract.schema import PredictionLine, PredictOutcome
from contract.shown import shown
from contract.written import RECORD, Written

LINES = "predictions.jsonl"


@dataclass(frozen=True)
class _Ending:
    outcome: PredictOutcome
    cells: int | None = None
    message: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


class _DiskRefusesError(Exception):
    """A mask cannot be written: this ends the call, whereas a model's own OSError does not."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


def predict(
    segmenter: type[Any],
    *,
    source: Path,
    out: Path,
    weights: Path | None,
    truth: Path | None,
    threads: int,
    events: Events,
    cell_diameter: float | None = None,
) -> ExitCode:
    """Segments every image in `source` (or `source`/images) and returns the exit code.

    Writes `out`/<stem>_label.tiff and, as each image is finished, a line of
    `out`/predictions.jsonl; both replace those of an earlier call for these images. Returns 0
    when every image has a mask and 3 when some failed. `cell_diameter` is handed to the model with
    every image for which the folder's table does not say another; see `contract.diameters`.

    Raises CallError before any work for an empty or missing folder, two images with one stem, an
    output folder that cannot be written, or a mask that would replace a file which no earlier call
    wrote;
    OutOfMemory when the model does not fit; and stops with what the system says when the disk is
    full: the lines before stand.
    """
    events.emit("started")
    images = find_images(source)
    diameters = Diameters(images[0].parent, cell_diameter)
    if left := passed_over(images[0].parent):
        events.say(f"note: {left}")
    _refuse_overwriting(images, out)
    written = Written(out)
    written.refuse_others([*(label_name(image.name) for image in images), LINES])
    _refuse_unwritable(out)
    truths = {normal(label_stem(path.name)): path for path in list_labels(truth)} if truth else {}
    model = _load(segmenter, weights, threads)
    lines = _fresh_lines(written, images)
    events.emit("loaded")
    failed = cells = 0
    for done, path in enumerate(images):
        events.emit("image", image=path.name)
        start = time.monotonic()
        ending = _one(
            model,
            path,
            written,
            truths.get(normal(stem_of(path.name))),
            diameters.of(path.name),
            partial(_tell_region, events, done, len(images), path.name),
        )
        line = PredictionLine(
            image=path.name,
            mask=label_name(path.name) if ending.outcome == "predicted" else None,
            outcome=ending.outcome,
            cells=ending.cells,
            seconds=round(time.monotonic() - start, 4),
            message=ending.message,
            counts=dict(ending.counts),
        )
        append_line(lines, line.model_dump())
        cells += ending.cells or 0
        if ending.outcome != "predicted":
            failed += 1
            events.say(f"{path.name}: {ending.outcome}: {shown(ending.message)}")
        events.progress("predict", done + 1, len(images), path.name)
    events.say(
        f"{len(images) - failed} of {len(images)} images have a mask: {out}/<name>_label.tiff, each"
        f" number one cell, {cells:,} in all; {out}/{LINES} says how each image ended"
    )
    return ExitCode.FAILURES if failed else ExitCode.DONE


def _tell_region(
    events: Events, done: int, images: int, name: str, region: int, regions: int
) -> None:
    if region < regions:
        events.progress("predict", done, images, f"{name}: region {region} of {regions}")


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
            passed_over(source) or "the folder is empty",
            "give the folder that holds the images",
        )
    refuse_shared_stems(images)
    return images


def _refuse_unwritable(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        for left in out.glob(f"{ASIDE}*"):
            left.unlink()
        with tempfile.TemporaryFile(dir=out):
            pass
        for name in (LINES, RECORD):
            if (out / name).exists():
                (out / name).open("ab").close()
    except OSError as error:
        raise unwritable(out, error) from error


def _refuse_overwriting(images: list[Path], out: Path) -> None:
    names = {path.name for path in images}
    lost = [path.name for path in images if label_name(path.name) in names]
    if lost and out.samefile(images[0].parent):
        raise CallError(
            f"The mask of {lost[0]} would replace the image {label_name(lost[0])}.",
            "the input and the output folder are the same",
            "give another output folder",
        )


def _load(segmenter: type[Any], weights: Path | None, threads: int) -> Segmenter:
    with within_memory(
        "Loading the model ran out of memory",
        "the model needs more than this machine or container was given",
        "give more memory",
    ):
        model: Segmenter = segmenter(weights, threads)
    return model


def _fresh_lines(written: Written, images: list[Path]) -> Path:
    """Removes what an earlier call wrote for these images, and its lines."""
    for image in images:
        with suppress(OSError):
            (written.folder / label_name(image.name)).unlink()
    written.note(LINES)
    write_text(written.folder / LINES, "")
    return written.folder / LINES


def _one(
    model: Segmenter,
    path: Path,
    written: Written,
    truth: Path | None,
    cell_diameter: float | None,
    progress: Callable[[int, int], None],
) -> _Ending:
    if reason := too_long(path.name):
        return _Ending("unreadable", message=reason)
    try:
        if is_large_file(path):
            return _large(model, path, written, truth, cell_diameter, progress)
        picture = read_picture(path)
        image = Image(
            name=path.name,
            pixels=picture.pixels,
            truth=truth,
            pixel_size_um=picture.pixel_size_um,
            cell_diameter=cell_diameter,
        )
        said = ask(model, image)
        _write(written, label_name(path.name), lambda mask: write_mask(mask, said.labels))
        message = "; ".join(filter(None, [*picture.remarks, said.message]))
        return _Ending("predicted", _count_cells(said.labels), message, said.counts)
    except UnreadableImage as error:
        return _Ending("unreadable", message=error.what)
    except _DiskRefusesError as refusal:
        raise broken_off(refusal.error) from refusal.error
    except (Exception, SystemExit) as error:  # a model may do anything; the others go on
        traceback.print_exc()
        if is_out_of_memory(error):
            return _Ending("out_of_memory", message=f"no memory for {path.name}: {error}")
        return _Ending("crashed", message=f"{type(error).__name__}: {error}")


def _large(
    model: Segmenter,
    path: Path,
    written: Written,
    truth: Path | None,
    cell_diameter: float | None,
    progress: Callable[[int, int], None],
) -> _Ending:
    with ExitStack() as stack:
        try:
            picture = stack.enter_context(open_large(path, written.folder))
            joined = stack.enter_context(closing(Joined(picture.shape, written.folder)))
        except OSError as error:
            raise _DiskRefusesError(error) from error
        found = find(
            model,
            picture,
            joined,
            name=path.name,
            truth=truth,
            cell_diameter=cell_diameter,
            progress=progress,
        )
        _write(written, label_name(path.name), found.write)
        message = "; ".join([*picture.remarks, *found.messages])
        return _Ending("predicted", found.cells, message, found.counts)


def _write(written: Written, name: str, write: Callable[[Path], None]) -> None:
    try:
        written.note(name)
        write(written.folder / name)
        written.note(name, final=True)
    except OSError as error:
        raise _DiskRefusesError(error) from error


def _count_cells(labels: npt.NDArray[np.integer]) -> int:
    ids = np.unique(labels)
    return int(np.count_nonzero(ids))
