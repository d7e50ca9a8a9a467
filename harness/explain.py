"""Why a step of a run would be reused or done again."""

from pathlib import Path

from contract import CallError
from evaluator.runfolder import RunFolder, StepName
from harness.dataset import load_dataset, split_training
from harness.predicting import prediction_step
from harness.record import read_run
from harness.registry import choose_models
from harness.runners.choose import choose_runner
from harness.steps import Step
from harness.training import split_hash, training_step, weights_of


def explain_step(root: Path, model_name: str, step_name: StepName, seed: int) -> list[str]:
    """Lines for people: what the next run-all would do with this step, and each changed input.

    Raises CallError when the folder holds no run or the model is not in it.
    """
    run = RunFolder(root.resolve())
    record = read_run(run)
    if record is None:
        raise CallError(f"No run in {root}.", do="give the folder that run-all wrote")
    if model_name not in record.models or seed not in record.models[model_name].seeds:
        raise CallError(
            f"{root} holds no {model_name} with seed {seed}.",
            do=f"choose one of: {', '.join(record.models)}",
        )
    step = _present_step(run, record.profile, record.dataset.path, model_name, step_name, seed)
    decision = step.decide()
    words = {
        "reuse": "the next run-all reuses it",
        "resume": "the next run-all goes on where it stopped",
        "redo": "the next run-all does it again",
    }
    head = f"{model_name} seed {seed} {step_name}: {words[decision.action]}"
    return [head, *(f"  {reason}" for reason in decision.reasons)]


def _present_step(
    run: RunFolder, profile: str, data: str, model_name: str, step_name: StepName, seed: int
) -> Step:
    dataset = load_dataset(Path(data))
    earlier = read_run(run)
    chosen = choose_runner(earlier.runner if earlier else "auto")
    model = choose_models([model_name])[0]
    learns = "train" in model.card.verbs
    if step_name == "train" and not learns:
        raise CallError(f"{model_name} does not learn, so it has no step train.")
    train = (
        training_step(
            run,
            model,
            seed,
            runner=chosen.runner,
            profile=profile,
            dataset=dataset,
            split_sha256=split_hash(split_training(dataset.train)),
        )
        if learns
        else None
    )
    if train is not None and step_name == "train":
        return train
    weights = weights_of(train) if train is not None else None
    return prediction_step(run, model, seed, runner=chosen.runner, dataset=dataset, weights=weights)
