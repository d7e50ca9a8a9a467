"""Reads what there is of a run folder, or of a folder that holds only scores.csv, for the report.

A run may be unfinished, a model may have failed and a file may be damaged: whatever is absent
becomes a sentence in `ReportData.notes`, never an exception. Only a folder without both
run.json and scores.csv is refused.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel

from contract import CallError
from evaluator.report.data import (
    PAIR,
    DatasetImage,
    Model,
    ReportData,
    Rules,
    SeedRun,
    complete,
    score_frame,
)
from evaluator.runs.folder import (
    HISTORY_JSONL,
    SCORE_JSON,
    STEP_JSON,
    TRAINING_JSON,
    USAGE_JSON,
    RunFolder,
)
from evaluator.runs.read import (
    UnusableRecord,
    load_record,
    read_history,
    read_leakage,
    read_predictions,
    read_record,
    read_seen,
    read_training,
)
from evaluator.runs.records import (
    Fault,
    ModelRecord,
    RunRecord,
    ScoreRecord,
    StepRecord,
    Usage,
)
from evaluator.runs.remarks import remarks
from evaluator.runs.words import DEFAULT_THRESHOLDS, Metrics, Protocol
from evaluator.scores.rescore import rescore_folder
from evaluator.scores.rows import MalformedScores, read_scores

RecordT = TypeVar("RecordT", bound=BaseModel)


def load_report(
    source: Path, protocol: Protocol | None = None, metrics: Metrics | None = None
) -> ReportData:
    """Reads a run folder, or a folder that holds scores.csv.

    Raises CallError when the folder holds neither run.json nor scores.csv, and CellbenchError when
    another protocol or further metrics are asked for and an overlap table is not there.
    """
    folder = RunFolder(source)
    if not folder.run_json.is_file() and not folder.scores_csv.is_file():
        raise CallError(
            f"{source} is neither a run nor a folder of scores.",
            why="it holds neither run.json nor scores.csv",
            do="name the folder that `harness run-all` or `evaluator score` wrote",
        )
    notes: list[str] = []
    run = _read_record(folder.run_json, RunRecord, notes)
    rules = _rules(source, run)
    other = protocol is not None and rules.protocol != protocol
    if other or (metrics == "all" and rules.metrics != "all"):
        # Without a run.json or score.json nothing is known, so that re-scoring is the safe way.
        rules = replace(rules, metrics=metrics or rules.metrics)
        if other:
            rules = replace(rules, protocol=protocol or "", border=False)
        rows = rescore_folder(
            source,
            thresholds=rules.thresholds or DEFAULT_THRESHOLDS,
            protocol="plain" if rules.protocol == "plain" else "challenge",
            border=rules.border,
            metrics=rules.metrics,
        )
        scores = score_frame(rows)
    else:
        scores = _scores(folder.scores_csv, notes)
    models = _models(folder, run, scores, notes)
    notes += remarks(source)
    data = assemble(
        title=run.dataset.name if run else source.resolve().name,
        source=source,
        run=run,
        rules=rules,
        scores=scores,
        models=models,
        images=_images(run, scores),
        notes=notes,
    )
    return replace(data, leakage=read_leakage(source), seen=read_seen(source))


def assemble(
    *,
    title: str,
    source: Path | None,
    run: RunRecord | None,
    rules: Rules,
    scores: pd.DataFrame,
    models: tuple[Model, ...],
    images: tuple[DatasetImage, ...],
    notes: list[str],
) -> ReportData:
    """The report's data from its parts.

    The list of images with a complete truth is the denominator: rows of other images are left out,
    and pairs that a finished run lacks count as missing.
    """
    known = scores["image"].isin([image.name for image in images])
    if not known.all():
        strangers = scores.loc[~known, "image"].nunique()
        notes.append(f"Images in scores.csv that the run does not list, left out: {strangers}.")
        scores = scores[known]
    # Of images that nobody scored yet only the record tells that they are sparse.
    listed = {one.image for one in run.dataset.images if one.sparse} if run else set[str]()
    sparse = listed | set(scores.loc[scores["f1"].isna(), "image"])
    thresholds = rules.thresholds or tuple(sorted(scores["threshold"].unique()))
    finished = run.finished if run else True
    if finished:
        scores, filled = complete(scores, models, images, thresholds)
        if filled:
            notes.append(f"Pairs of model and image without scores, counted as missing: {filled}.")
    else:
        notes.insert(0, "The run had not finished when this report was made.")
        notes.extend(_pending(scores, models, images))
    return ReportData(
        title=title,
        source=source,
        run=run,
        finished=finished,
        protocol=rules.label,
        thresholds=thresholds,
        scores=scores[~scores["image"].isin(sparse)],
        sparse=scores[scores["image"].isin(sparse)],
        models=models,
        images=tuple(image for image in images if image.name not in sparse),
        faults=run.dataset.faults if run else rules.faults,
        notes=tuple(notes),
    )


def _rules(source: Path, run: RunRecord | None) -> Rules:
    """How scores.csv was made, from run.json, or from score.json of `evaluator score`."""
    if run is not None:
        return Rules(
            protocol=run.protocol,
            thresholds=tuple(sorted(run.thresholds)),
            metrics=run.metrics,
        )
    record = read_record(source / SCORE_JSON, ScoreRecord)
    if record is None:
        return Rules()
    return Rules(
        protocol=record.protocol,
        border=record.border and record.protocol == "plain",
        thresholds=tuple(sorted(record.thresholds)),
        metrics=record.metrics,
        faults=tuple(
            Fault(image=name, part="truth", reason=reason) for name, reason in record.faults.items()
        ),
    )


def _scores(path: Path, notes: list[str]) -> pd.DataFrame:
    """The frame of scores.csv; absent or damaged, an empty one and a note."""
    if not path.is_file():
        notes.append("There is no scores.csv yet, so there are no scores to show.")
        return score_frame([])
    try:
        return score_frame(read_scores(path))
    except MalformedScores as error:
        notes.append(f"scores.csv is not used: {error.what}")
        return score_frame([])


def _pending(
    scores: pd.DataFrame, models: tuple[Model, ...], images: tuple[DatasetImage, ...]
) -> list[str]:
    notes = []
    done = scores.drop_duplicates(PAIR).groupby(["model", "seed"]).size()
    for model in models:
        for seed in model.seeds:
            count = int(done.get((model.name, seed), 0))
            if count < len(images):
                notes.append(
                    f"{model.name}, seed {seed}: {count} of {len(images)} images scored so far."
                )
    return notes


def _images(run: RunRecord | None, scores: pd.DataFrame) -> tuple[DatasetImage, ...]:
    if run is None:
        known = scores.drop_duplicates("image").sort_values("image")
        pairs = zip(known["image"], known["modality"], strict=True)
        return tuple(DatasetImage(name=name, modality=modality) for name, modality in pairs)
    return tuple(
        DatasetImage(
            name=entry.image,
            image=Path(entry.image_path),
            label=Path(entry.label_path),
            modality=entry.modality,
            pixel_size_um=entry.pixel_size_um,
            strata=entry.strata,
        )
        for entry in run.dataset.images
    )


def _models(
    folder: RunFolder, run: RunRecord | None, scores: pd.DataFrame, notes: list[str]
) -> tuple[Model, ...]:
    recorded: dict[str, ModelRecord | None] = {
        name: record
        for name, record in (run.models.items() if run else ())
        if record.kind != "generator"
    }
    for name in scores["model"].unique():
        recorded.setdefault(str(name), None)
    models = []
    for name, record in recorded.items():
        scored = sorted(int(seed) for seed in scores.loc[scores["model"] == name, "seed"].unique())
        seeds = record.seeds if record else tuple(scored)
        models.append(
            Model(
                name=name,
                title=record.title if record else name,
                kind=record.kind if record else "unknown",
                runs=tuple(_seed_run(folder, name, seed, notes) for seed in seeds),
                record=record,
            )
        )
    return tuple(models)


def _seed_run(folder: RunFolder, model: str, seed: int, notes: list[str]) -> SeedRun:
    train = folder.step(model, seed, "train")
    predict = folder.step(model, seed, "predict")
    overlaps = folder.overlaps(model, seed)
    history = read_history(train)
    if history.faults:
        counted = f"{len(history.faults)} lines are" if len(history.faults) > 1 else "a line is"
        notes.append(
            f"{_short(train / HISTORY_JSONL)}: {counted} not used: {history.faults[0]}"
            f"{' and so on' if len(history.faults) > 1 else ''}."
        )
    return SeedRun(
        seed=seed,
        training=_read_training(train, notes),
        history=tuple(line.model_dump() for line in history.records),
        train_usage=_read_record(train / USAGE_JSON, Usage, notes),
        predict_usage=_read_record(predict / USAGE_JSON, Usage, notes),
        predictions=tuple(line.model_dump() for line in read_predictions(predict).records),
        masks=predict if predict.is_dir() else None,
        overlaps=overlaps if overlaps.is_dir() else None,
        weights_sha256=_weights(predict / STEP_JSON, notes),
    )


def _weights(path: Path, notes: list[str]) -> str | None:
    step = _read_record(path, StepRecord, notes)
    found = step.inputs.get("weights") if step else None
    return None if found == "none" else found


def _read_record(path: Path, schema: type[RecordT], notes: list[str]) -> RecordT | None:
    """The document at `path`, None when it is absent; one that does not fit gives a note."""
    try:
        return load_record(path, schema)
    except UnusableRecord as error:
        notes.append(f"{_short(path)} is not used: {error.reason}.")
        return None


def _read_training(step: Path, notes: list[str]) -> Mapping[str, Any]:
    """training.json as a mapping: a model of another author may leave fields out or add some."""
    training = read_training(step)
    unused = "does not count in part" if training.fields else "is not used"
    notes.extend(f"{_short(step / TRAINING_JSON)} {unused}: {fault}." for fault in training.faults)
    return training.fields


def _short(path: Path) -> str:
    """The last folders of a path inside a run, which tell model, seed and step."""
    return "/".join(path.parts[-4:]) if path.name != "run.json" else path.name
