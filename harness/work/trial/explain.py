"""Why a step of a generator in a trial would be reused or done again."""

from dataclasses import replace

from contract import CallError
from evaluator.runs.trial import TrialRecord
from evaluator.runs.words import StepName
from harness.models.overrides import parse_overrides
from harness.models.registry import Model
from harness.work.items import Context
from harness.work.steps import Decision
from harness.work.training import TrainItem
from harness.work.trial.arms import generate_item


def generator_decision(
    context: Context,
    trial: TrialRecord,
    generator: Model,
    name: str,
    step: StepName,
    seed: int,
) -> Decision:
    """What there is to do about a generator's step; `name` is that of its folder in the run.

    Raises CallError for a step that it does not have.
    """
    _, share = trial.made_by(name)
    settings = parse_overrides(trial.generators[generator.name].settings, {name: None})
    making = generate_item(replace(context, settings=settings), trial, generator, share, seed)
    if step == "generate":
        return making.decide()
    if step == "train" and generator.learns:
        return TrainItem(context=making.context, model=making.model, seed=seed).decide()
    raise CallError(f"{name} has no step {step}.", do="ask for train, if it learns, or generate")
