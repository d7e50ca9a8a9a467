"""Why a step of a run would be reused or done again."""

from pathlib import Path
from typing import get_args

from contract import CallError
from contract.schema import Freedom
from evaluator.runs.folder import RunFolder
from evaluator.runs.records import ModelRecord
from evaluator.runs.words import StepName
from harness.datasets.folder import load_dataset, split_training
from harness.models.overrides import parse_overrides
from harness.models.registry import Model, choose_models
from harness.runners.choose import choose_runner
from harness.runners.job import Limits, Runner
from harness.work.items import Context
from harness.work.predicting import PredictItem
from harness.work.record import earlier_run
from harness.work.shipped import learned
from harness.work.steps import Decision

NONE_NEEDED = Limits(memory=0, timeout=0, cores=0)
"""Nothing is run here."""


def explain_step(root: Path, model_name: str, step_name: StepName, seed: int) -> list[str]:
    """Lines for people: what the next run-all would do with this step, and each changed input.

    Raises CallError when the folder holds no run or the model is not in it.
    """
    run = RunFolder(root.resolve())
    record = earlier_run(run)
    if record is None:
        raise CallError(f"No run in {root}.", do="give the folder that run-all wrote")
    if model_name not in record.models or seed not in record.models[model_name].seeds:
        there = [
            f"{name} --seed {number}"
            for name, facts in record.models.items()
            for number in facts.seeds
        ]
        raise CallError(
            f"{root} holds no {model_name} with seed {seed}.",
            "run-all was not asked for it, or models that do not learn ran once, as seed 0",
            f"choose one of: {', '.join(there)}",
        )
    model = _model(model_name, record.models[model_name])
    if step_name == "train" and not model.learns:
        raise CallError(f"{model_name} does not learn, so it has no step train.")
    dataset = load_dataset(Path(record.dataset.path))
    given = record.models[model_name].settings
    context = Context(
        run=run,
        record=record,
        runner=_any_runner(model),
        dataset=dataset,
        split=split_training(dataset.train),
        settings=parse_overrides(given, {model_name: None}),
        limits=NONE_NEEDED,
    )
    name = f"{model_name} seed {seed} {step_name}"
    lines = []
    if dataset.sha256 != record.dataset.sha256:
        lines.append("the dataset has changed since: the next run-all refuses this folder")
    if model.learns:
        decision = learned(context, model, seed).decide()
        if step_name == "train":
            return [*lines, *_words(name, decision)]
        if decision.action != "reuse":
            first = (
                f"{name}: the next run-all trains first, and does it again if the weights differ"
            )
            return [*lines, first, *_words(f"{model_name} seed {seed} train", decision)]
    predict = PredictItem(context=context, model=model, seed=seed)
    return [*lines, *_words(name, predict.decide())]


def _words(name: str, decision: Decision) -> list[str]:
    words = {
        "reuse": "the next run-all reuses it",
        "resume": "the next run-all goes on where it stopped",
        "redo": "the next run-all does it again",
    }
    return [f"{name}: {words[decision.action]}", *(f"  {reason}" for reason in decision.reasons)]


def _model(name: str, facts: ModelRecord) -> Model:
    """The model as it is now; an image that was named is known by its own name alone."""
    (model,) = choose_models([facts.image if facts.kind == "foreign" and facts.image else name])
    if model.is_built_here:
        return model
    return model.relaxed(one for one in get_args(Freedom) if one in facts.relax)


def _any_runner(model: Model) -> Runner:
    """A runner that knows the identity of the model's code: an engine only where it must be."""
    return choose_runner("docker" if model.code_sha256() is None else "local").runner
