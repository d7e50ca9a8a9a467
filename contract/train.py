"""The verb train: settings, data, one call of the model, and the record of it."""

import shutil
import time
from pathlib import Path
from typing import Any

from contract.dataset import pairs_sha256, training_pairs
from contract.errors import unwritable, within_memory
from contract.events import Events
from contract.files import append_line, read_lines, sha256_json, sha256_tree, write_json, write_text
from contract.metering import peak_memory_bytes
from contract.profiles import DEMONSTRATION
from contract.protocol import TrainCall
from contract.schema import ModelCard, TrainingRecord, TrainingSummary
from contract.settings import declared, read_settings
from contract.start import Start, find_start
from contract.version import __version__
from contract.written import Written

DEMONSTRATION_TXT = "demonstration.txt"
"""Among weights of the profile that is a demonstration: they keep it wherever they go."""
DEMONSTRATION_SAYS = (
    f"a demonstration: the profile {DEMONSTRATION} trains for less than a minute, only to show that"
    " everything works; the masks claim nothing"
)
KEPT = "the weights are those that the training started from"
OUTPUTS = ("checkpoint/", "weights/", "history.jsonl", "training.json")


def train(
    segmenter: type[Any],
    card: ModelCard,
    folder: Path,
    *,
    source: Path,
    out: Path,
    profile: str,
    seed: int,
    overrides: list[str],
    threads: int,
    events: Events,
) -> None:
    """Trains `segmenter` on `source` and writes weights/, history.jsonl and training.json.

    A checkpoint left in `out` by a killed call with the same settings, seed and data is taken
    up; anything else there is replaced. training.json appears last, when all is done.

    Raises CallError, with nothing written, for a profile, setting or data folder that is not
    there and for an output folder that cannot be written or holds such files of somebody else;
    OutOfMemory when the model runs out.
    """
    settings = read_settings(folder / "profiles", profile, overrides, declared(segmenter))
    began = find_start(settings, folder)
    events.emit("started")
    start = time.monotonic()
    pairs, warnings = training_pairs(source, seed)
    for warning in warnings:
        events.say(f"warning: {warning}")
    data_sha256 = pairs_sha256(pairs)
    earlier_seconds = _prepare(
        out,
        sha256_json(
            [card.name, __version__, settings, profile, seed, data_sha256]
            + ([sha256_tree(began.folder)] if began else [])
        ),
        events,
    )
    events.emit("loaded")
    call = TrainCall(
        pairs=pairs,
        weights=out / "weights",
        out=out,
        profile=profile,
        settings=settings,
        seed=seed,
        threads=threads,
        start=began,
        progress=lambda done, total, message: events.progress("train", done, total, message),
    )
    with within_memory(
        f"{card.name} ran out of memory while training",
        "the batch or the crops are too large for the memory given",
        "give more memory, or lower it with --set batch_size=…",
    ):
        summary: TrainingSummary = segmenter(None, threads).train(call)
    if profile == DEMONSTRATION:
        write_text(call.weights / DEMONSTRATION_TXT, f"{DEMONSTRATION_SAYS}\n")
    record = TrainingRecord(
        **{
            **summary.model_dump(),
            "architecture": summary.architecture or card.architecture,
            "pretrained": began.told if began else summary.pretrained,
        },
        model=card.name,
        version=__version__,
        source=card.source,
        repository=card.repository,
        licence=card.licence,
        profile=profile,
        remark=_remark(profile, began, summary),
        overrides=", ".join(overrides) or None,
        seed=seed,
        train_images=sum(pair.subset == "train" for pair in pairs),
        val_images=sum(pair.subset == "val" for pair in pairs),
        data_sha256=data_sha256,
        seconds=round(earlier_seconds + time.monotonic() - start, 2),
        peak_memory_bytes=peak_memory_bytes(),
    )
    write_json(out / "training.json", record.model_dump())
    shutil.rmtree(call.checkpoint, ignore_errors=True)


def _remark(profile: str, start: Start | None, summary: TrainingSummary) -> str | None:
    """What should be known of the weights."""
    said = [DEMONSTRATION_SAYS] if profile == DEMONSTRATION else []
    if start is not None and summary.best_epoch == 0:
        said.append(f"{KEPT}: no later ones did better on the validation images")
    return "; ".join(said) or None


def demonstration(weights: Path | None) -> str:
    """What weights say of themselves that are a demonstration; "" for any others."""
    if weights is None or not (weights / DEMONSTRATION_TXT).is_file():
        return ""
    return f"the weights are {DEMONSTRATION_SAYS}"


def _prepare(out: Path, key: str, events: Events) -> float:
    """Clears what another training left in `out`; returns seconds already spent on this one."""
    checkpoint = out / "checkpoint"
    try:
        Written(out).claim(OUTPUTS)
        marker = checkpoint / "call.json"
        resumes = not (out / "training.json").exists() and read_lines(marker) == [{"key": key}]
        if not resumes:
            shutil.rmtree(checkpoint, ignore_errors=True)
            shutil.rmtree(out / "weights", ignore_errors=True)
            for name in ("history.jsonl", "training.json"):
                (out / name).unlink(missing_ok=True)
            checkpoint.mkdir()
            append_line(marker, {"key": key})
        (out / "weights").mkdir(exist_ok=True)
    except OSError as error:
        raise unwritable(out, error) from error
    if not resumes:
        return 0.0
    events.say("taking up an interrupted training")
    seconds = [line.get("seconds", 0.0) for line in read_lines(out / "history.jsonl")]
    return float(seconds[-1]) if seconds else 0.0
