"""run.json: what was asked, on what, with what; merged when a run is added to."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from contract import CallError, __version__, write_json
from contract.schema import Subset
from evaluator.runs.folder import RunFolder
from evaluator.runs.read import UnusableRecord, read_run, read_usage
from evaluator.runs.records import (
    DatasetRecord,
    LimitsRecord,
    ModelRecord,
    RunRecord,
    TestImage,
)
from evaluator.runs.trial import TrialRecord
from evaluator.runs.words import (
    CELL_DIAMETER,
    DEFAULT_METRICS,
    DEFAULT_PROTOCOL,
    DEFAULT_THRESHOLDS,
    PIXEL_SIZE,
)
from evaluator.scores.incomplete import LABELLING, SPARSE
from harness.datasets.folder import Dataset
from harness.models.provenance import commit, hardware, versions
from harness.models.registry import Model
from harness.runners.choose import Chosen
from harness.runners.habits import undeclared
from harness.work.request import Request
from harness.work.training import split_hash


def earlier_run(run: RunFolder) -> RunRecord | None:
    """The record of a run folder; None in a new one, CallError when it cannot be understood."""
    try:
        return read_run(run.root)
    except UnusableRecord as error:
        raise CallError(
            f"{run.run_json} cannot be understood: {error.reason}.",
            "it was written by another version of cellbench, or edited",
            "choose another folder with --out, or remove this one",
        ) from error


def write_run(run: RunFolder, record: RunRecord) -> None:
    """Writes run.json."""
    write_json(run.run_json, record.model_dump(mode="json"))


def new_record(
    run: RunFolder,
    request: Request,
    chosen: Chosen,
    *,
    dataset: Dataset,
    split: Mapping[str, Subset],
    trial: TrialRecord | None = None,
) -> RunRecord:
    """The record of a run that begins, with the models that an earlier call left in it.

    Raises CallError when the folder holds a run on another dataset or with another profile, or
    what it declares as a trial is not what `trial` does.
    """
    earlier = earlier_run(run)
    if earlier is not None:
        refuse_other_run(run, earlier, dataset, request.profile)
        trial = joined(run, earlier.trial, trial)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    made = commit()
    records = dict(earlier.models) if earlier else {}
    for model in request.models:
        records[model.name] = _model_record(model, request, chosen, records.get(model.name))
    return RunRecord(
        cellbench=__version__,
        commit=made.sha,
        dirty=made.dirty,
        created=earlier.created if earlier else now,
        updated=now,
        finished=False,
        command=("harness", *sys.argv[1:]),
        profile=request.profile,
        protocol=request.protocol or (earlier.protocol if earlier else DEFAULT_PROTOCOL),
        thresholds=DEFAULT_THRESHOLDS,
        metrics=request.metrics or (earlier.metrics if earlier else DEFAULT_METRICS),
        runner=chosen.runner.name,
        runner_reason=chosen.reason,
        limits=LimitsRecord(
            memory=request.memory_asked,
            timeout_seconds=request.limits.timeout,
            ignored=chosen.runner.ignored,
        ),
        hardware=hardware(),
        versions=versions(),
        dataset=_dataset_record(dataset, split),
        models=records,
        trial=trial,
    )


def refuse_other_run(run: RunFolder, earlier: RunRecord, dataset: Dataset, profile: str) -> None:
    """Raises CallError when a run folder is about other images or another profile."""
    if earlier.dataset.sha256 != dataset.sha256:
        raise CallError(
            f"{run.root} holds a run on another dataset ({earlier.dataset.path}).",
            "the folder belongs to other images, or the dataset has changed since",
            "choose another folder with --out",
        )
    if earlier.profile != profile:
        raise CallError(
            f"{run.root} holds a run with profile {earlier.profile}, not {profile}.",
            "models in one report are trained with one profile",
            "choose another folder with --out",
        )


def joined(
    run: RunFolder, earlier: TrialRecord | None, trial: TrialRecord | None
) -> TrialRecord | None:
    """A trial with the arms that an earlier call left; CallError where it declared otherwise."""
    if earlier is None and trial is None:
        return None
    if earlier is None or trial is None:
        there, asked = ("a trial", "run-synthetic") if earlier else ("no trial", "run-all")
        raise CallError(
            f"{run.root} holds {there}.",
            "a folder is either a comparison of models or a trial of synthetic images",
            f"choose another folder with --out, or call harness {asked}",
        )
    for field in ("model", "primary_share", "margin", "ratio", "asked"):
        before, now = getattr(earlier, field), getattr(trial, field)
        if before != now:
            raise CallError(
                f"{run.root} holds a trial with {field.replace('_', ' ')} {before}, not {now}.",
                "what a trial asks is declared before it begins, and its arms are alike",
                "choose another folder with --out",
            )
    return trial.model_copy(
        update={
            "shares": tuple(sorted({*earlier.shares, *trial.shares})),
            "seeds": tuple(sorted({*earlier.seeds, *trial.seeds})),
            "generators": {**earlier.generators, **trial.generators},
            "arms": {**earlier.arms, **trial.arms},
        }
    )


def _dataset_record(dataset: Dataset, split: Mapping[str, Subset]) -> DatasetRecord:
    return DatasetRecord(
        name=dataset.name,
        path=str(dataset.root),
        sha256=dataset.sha256,
        split_sha256=split_hash(split),
        train_images=sum(subset == "train" for subset in split.values()),
        val_images=sum(subset == "val" for subset in split.values()),
        faults=dataset.faults,
        remarks=dataset.remarks,
        health=dataset.health,
        images=tuple(
            TestImage(
                image=pair.name,
                image_path=str(pair.image),
                label_path=str(pair.label),
                truth_sha256=pair.truth_sha256,
                modality=pair.strata.get("modality", ""),
                sparse=pair.strata.get(LABELLING, "").lower() == SPARSE,
                pixel_size_um=pair.pixel_size_um,
                strata={
                    key: value
                    for key, value in pair.strata.items()
                    if key not in ("modality", LABELLING, PIXEL_SIZE, CELL_DIAMETER)
                },
            )
            for pair in dataset.test
        ),
    )


def _model_record(
    model: Model, request: Request, chosen: Chosen, earlier: ModelRecord | None
) -> ModelRecord:
    runner, settings = chosen.runner, request.settings.get(model.name, ())
    wanted = set(request.seeds_of(model)) | set(earlier.seeds if earlier else ())
    return ModelRecord(
        title=model.card.title,
        kind="foreign" if model.folder is None else _kind(model),
        verbs=model.card.verbs,
        seeds=tuple(sorted(wanted)),
        settings=tuple(override.text for override in settings),
        needs_truth=model.card.needs_truth,
        source=model.card.source,
        repository=model.card.repository,
        licence=model.card.licence,
        citation=model.card.citation,
        pretrained_on=model.card.pretrained_on,
        weights_licence=model.card.weights_licence if model.shipped_weights else None,
        data_licences=model.card.data_licences if model.shipped_weights else None,
        sources_sha256=model.sources_sha256(),
        image=None if runner.name == "local" else model.image,
        image_digest=runner.digest(model),
        contract=f"{model.card.contract}, not declared"
        if undeclared(model)
        else model.card.contract,
        relax=model.card.relax,
    )


def as_used(run: RunFolder, record: RunRecord) -> RunRecord:
    """The record with the images that made the masks, where those that lie there say so.

    A tag may mean another image by now, or an image may have been built anew from the same code.
    """
    models = {}
    for name, facts in record.models.items():
        usages = [read_usage(run.step(name, seed, "predict")) for seed in facts.seeds]
        ran = {usage.image_digest for usage in usages if usage and usage.image_digest}
        update = {"image_digest": ran.pop()} if len(ran) == 1 else {}
        models[name] = facts.model_copy(update=update)
    return record.model_copy(update={"models": models})


def _kind(model: Model) -> Literal["segmenter", "control", "peer", "generator"]:
    if model.generates:
        return "generator"
    if model.card.kind == "control":
        return "control"
    return "peer" if model.card.peer else "segmenter"
