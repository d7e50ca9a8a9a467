"""The verb train: settings, data, one call of the model, and the record of it."""

import difflib
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from contract.dataset import pairs_sha256, training_pairs
from contract.errors import CallError, OutOfMemory, is_out_of_memory, unwritable
from contract.events import Events
from contract.files import append_line, read_lines, sha256_json, write_json
from contract.metering import peak_memory_bytes
from contract.protocol import TrainCall
from contract.schema import ModelCard, TrainingRecord, TrainingSummary
from contract.version import __version__
from contract.written import Written

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
    events.emit("started")
    start = time.monotonic()
    settings = load_settings(folder / "profiles", profile, overrides)
    pairs, warnings = training_pairs(source, seed)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    data_sha256 = pairs_sha256(pairs)
    earlier_seconds = _prepare(
        out, sha256_json([card.name, __version__, settings, profile, seed, data_sha256])
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
        progress=lambda done, total, message: events.progress("train", done, total, message),
    )
    try:
        summary: TrainingSummary = segmenter(None, threads).train(call)
    except Exception as error:
        if is_out_of_memory(error):
            raise OutOfMemory(
                f"{card.name} ran out of memory while training: {error}",
                "the batch or the crops are too large for the memory given",
                "give more memory, or lower it with --set batch_size=…",
            ) from error
        raise
    record = TrainingRecord(
        **{
            **summary.model_dump(),
            "architecture": summary.architecture or card.architecture,
        },
        model=card.name,
        version=__version__,
        source=card.source,
        repository=card.repository,
        licence=card.licence,
        profile=profile,
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


def load_settings(profiles: Path, profile: str, overrides: list[str]) -> Mapping[str, Any]:
    """The profile's settings with `key=value` overrides, whose values are read as YAML.

    A key is known when one of the model's profiles has it. Raises CallError for an unknown
    profile or key, with the nearest one.
    """
    names = sorted(path.stem for path in profiles.glob("*.yaml"))
    if profile not in names:
        close = difflib.get_close_matches(profile, names, n=1)
        raise CallError(
            f"No profile {profile!r}{f'; did you mean {close[0]!r}?' if close else '.'}",
            do=f"choose one of: {', '.join(names)}",
        )
    by_profile: dict[str, dict[str, Any]] = {
        name: _yaml((profiles / f"{name}.yaml").read_text(encoding="utf-8")) for name in names
    }
    settings = dict(by_profile[profile])
    known = set().union(*by_profile.values())
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals or key not in known:
            close = difflib.get_close_matches(key, sorted(known), n=1)
            raise CallError(
                f"--set {override}: no setting {key!r}"
                f"{f'; did you mean {close[0]!r}?' if close else '.'}",
                "settings are written key=value, and the key must be in one of the profiles",
                f"choose one of: {', '.join(sorted(known))}",
            )
        try:
            settings[key] = _yaml(value)
        except yaml.YAMLError as error:
            raise CallError(
                f"--set {override}: the value is no YAML: {' '.join(str(error).split())}",
                do="quote what is meant as text, write lists as [1, 2]",
            ) from error
    return settings


def _yaml(text: str) -> Any:
    """YAML, with 1e-4 read as the number that people mean and YAML 1.1 takes for a text."""
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader


class _Loader(yaml.SafeLoader):
    """SafeLoader with numbers like 1e-4, 2E5 and 1.5e3."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def _prepare(out: Path, key: str) -> float:
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
    print("taking up an interrupted training", file=sys.stderr)
    seconds = [line.get("seconds", 0.0) for line in read_lines(out / "history.jsonl")]
    return float(seconds[-1]) if seconds else 0.0
