"""Why a step of a run would be reused or done again."""

from pathlib import Path

from contract import CallError
from evaluator.runs.folder import RunFolder
from evaluator.runs.records import ModelRecord
from evaluator.runs.words import StepName
from harness.datasets.folder import load_dataset, split_training
from harness.models.overrides import parse_overrides
from harness.models.registry import Model, choose_models
from harness.runners.choose import choose_runner
from harness.runners.job import Runner
from harness.work.predicting import prediction_step
from harness.work.record import earlier_run
from harness.work.steps import Decision
from harness.work.training import split_hash, training_step, weights_of


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
    learns = "train" in model.card.verbs
    if step_name == "train" and not learns:
        raise CallError(f"{model_name} does not learn, so it has no step train.")
    dataset = load_dataset(Path(record.dataset.path))
    runner = _any_runner(model)
    name = f"{model_name} seed {seed} {step_name}"
    lines = []
    if dataset.sha256 != record.dataset.sha256:
        lines.append("the dataset has changed since: the next run-all refuses this folder")
    weights = None
    if learns:
        train = training_step(
            run,
            model,
            seed,
            runner=runner,
            profile=record.profile,
            settings=parse_overrides(record.models[model_name].settings, [model])[model_name],
            dataset=dataset,
            split_sha256=split_hash(split_training(dataset.train)),
        )
        decision = train.decide()
        if step_name == "train":
            return [*lines, *_words(name, decision)]
        if decision.action != "reuse":
            first = (
                f"{name}: the next run-all trains first, and does it again if the weights differ"
            )
            return [*lines, first, *_words(f"{model_name} seed {seed} train", decision)]
        weights = weights_of(train)
    predict = prediction_step(run, model, seed, runner=runner, dataset=dataset, weights=weights)
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
    return choose_models([facts.image if facts.kind == "foreign" and facts.image else name])[0]


def _any_runner(model: Model) -> Runner:
    """A runner that knows the identity of the model's code: an engine only where it must be."""
    return choose_runner("docker" if model.code_sha256() is None else "local").runner
