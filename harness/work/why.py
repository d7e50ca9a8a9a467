"""Why a step of a run would be reused or done again."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

from contract import CallError
from contract.schema import Freedom
from evaluator.runs.folder import RunFolder
from evaluator.runs.records import ModelRecord, RunRecord
from evaluator.runs.words import StepName
from harness.datasets.folder import Dataset, load_dataset, split_training
from harness.models.overrides import parse_overrides
from harness.models.registry import Model, choose_models
from harness.runners.choose import choose_runner
from harness.runners.job import Limits, Runner
from harness.work.items import Context
from harness.work.predicting import PredictItem
from harness.work.record import earlier_run
from harness.work.shipped import learned
from harness.work.steps import Decision
from harness.work.trial.arms import arm_context, made_for
from harness.work.trial.explain import generator_decision

NONE_NEEDED = Limits(memory=0, timeout=0, cores=0)
"""Nothing is run here."""


def explain_step(root: Path, model_name: str, step_name: StepName, seed: int) -> list[str]:
    """Lines for people: what the next call would do with this step, and each changed input.

    Raises CallError when the folder holds no run or the model is not in it.
    """
    run = RunFolder(root.resolve())
    record = earlier_run(run)
    if record is None:
        raise CallError(f"No run in {root}.", do="give the folder that run-all wrote")
    trial, name = record.trial, f"{model_name} seed {seed} {step_name}"
    call = "the next run-synthetic" if trial else "the next run-all"
    made = [(place, trial.seeds) for place, _, _ in trial.makings()] if trial else []
    there = [(model, facts.seeds) for model, facts in record.models.items()] + made
    if not any(model_name == one and seed in seeds for one, seeds in there):
        raise CallError(
            f"{root} holds no {model_name} with seed {seed}.",
            f"{call.removeprefix('the next ')} was not asked for it, or models that do not learn"
            " ran once, as seed 0",
            "choose one of: "
            + ", ".join(f"{one} --seed {number}" for one, seeds in there for number in seeds),
        )
    dataset = load_dataset(Path(record.dataset.path))
    lines = []
    if dataset.sha256 != record.dataset.sha256:
        lines.append(f"the dataset has changed since: {call} refuses this folder")
    if trial and model_name in dict(made):
        (generator,) = choose_models([trial.made_by(model_name)[0]])
        context = _context(run, record, dataset, generator)
        decision = generator_decision(context, trial, generator, model_name, step_name, seed)
        return [*lines, *_words(call, name, decision)]
    arm = trial.arms[model_name] if trial else None
    model = _model(trial.model if trial else model_name, record.models[model_name])
    context = _context(run, record, dataset, model)
    if trial and arm:
        model = replace(model, called=model_name)
        context = arm_context(context, arm, made_for(context, trial, arm, seed))
    given = record.models[model_name].settings
    context = replace(context, settings=parse_overrides(given, {model_name: None}))
    if step_name == "generate" or (step_name == "train" and not model.learns):
        does = "learn" if step_name == "train" else "generate"
        raise CallError(f"{model_name} does not {does}, so it has no step {step_name}.")
    if model.learns:
        decision = learned(context, model, seed).decide()
        if step_name == "train":
            return [*lines, *_words(call, name, decision)]
        if decision.action != "reuse":
            first = f"{name}: {call} trains first, and does it again if the weights differ"
            return [*lines, first, *_words(call, f"{model_name} seed {seed} train", decision)]
    predict = PredictItem(context=context, model=model, seed=seed)
    return [*lines, *_words(call, name, predict.decide())]


def _context(run: RunFolder, record: RunRecord, dataset: Dataset, model: Model) -> Context:
    return Context(
        run=run,
        record=record,
        runner=_any_runner(model),
        dataset=dataset,
        split=split_training(dataset.train),
        settings={},
        limits=NONE_NEEDED,
    )


def _words(call: str, name: str, decision: Decision) -> list[str]:
    words = {
        "reuse": f"{call} reuses it",
        "resume": f"{call} goes on where it stopped",
        "redo": f"{call} does it again",
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
