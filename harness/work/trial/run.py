"""Carrying out a trial: every arm trained, predicted and scored, and shown to be as long."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from contract import CallError, CellbenchError
from contract.schema import Subset
from evaluator.runs.read import read_training
from evaluator.runs.trial import ArmRecord, TrialRecord, percent
from evaluator.trial.equal import inequalities
from harness.datasets.folder import split_training
from harness.models.registry import Model
from harness.runners.choose import Chosen
from harness.work.claim import refuse_foreign
from harness.work.courses import NO_TESTS, course
from harness.work.crew import Course, Crew, InTurn
from harness.work.items import Context, Done
from harness.work.progress import Display
from harness.work.request import ready
from harness.work.run_all import (
    Result,
    Scores,
    context_of,
    folder_of,
    simulated,
    tell,
    work_through,
)
from harness.work.training import TrainItem
from harness.work.trial.arms import arm_context, generate_item, made_for
from harness.work.trial.plan import TrialRequest, arm_settings, planned


class UnequalArms(CellbenchError):
    """The arms of a trial differ in more than their training images."""


def run_trial(
    asked: TrialRequest, chosen: Chosen, show: Display, crew: Crew | None = None
) -> Result:
    """Carries out a trial in its run folder, as run-all does: valid at any moment, resumable.

    Raises CallError before any work for a call that is wrong, and UnequalArms as soon as two
    trainings have differed in steps, batch or validation images.
    """
    request = asked.base
    refuse_foreign(request.folder)
    dataset = ready(asked.everything, chosen, show)
    with folder_of(request, chosen, show) as run:
        dataset = dataset or simulated(run, show)
        split = split_training(dataset.train)
        _refuse_unvalidated(split)
        trial = planned(asked, dataset, split)
        tell(dataset, show)
        trained = arm_settings(asked, trial)
        context = context_of(run, trained, chosen, dataset, trial)
        tell_plan(trial, show)
        models = {model.name: model for model in trained.models}
        generators = {generator.name: generator for generator in asked.generators}
        courses: dict[tuple[str, int], Callable[[], Course[Scores]]] = {}
        for seed in trial.seeds:
            for name, arm in trial.arms.items():
                if arm.role == "real":
                    courses[name, seed] = partial(_real, context, models[name], arm, seed)
            for place, name, share in trial.makings():
                courses[place, seed] = partial(
                    _synthetic, context, trial, generators[name], share, seed, models
                )
        due = [(name, seed) for name in trial.arms for seed in trial.seeds]
        look = partial(_assert_equal, context)
        return work_through(context, trained.models, courses, due, show, crew or InTurn(show), look)


def tell_plan(trial: TrialRecord, show: Display) -> None:
    """Says what is compared, and what was declared."""
    show.say(
        f"trial of {trial.model}: {len(trial.arms)} arms of {len(trial.seeds)} trainings each,"
        f" {trial.asked.get('steps', 'as many')} steps in all of them"
    )
    for name, arm in trial.arms.items():
        show.say(f"  {name}: {arm.train_images} images to train on")
    show.say(
        f"declared: difference in mean F1 at {percent(trial.primary_share)} of the real images,"
        f" margin {trial.margin:g}"
    )


def _refuse_unvalidated(split: dict[str, Subset]) -> None:
    if "val" not in split.values():
        raise CallError(
            "There is no image to validate on.",
            "one training image in ten is for validation, the same in every arm",
            "give two training images or more",
        )


def _real(context: Context, model: Model, arm: ArmRecord, seed: int) -> Course[Scores]:
    """A training on real images alone."""
    rows = yield from course(arm_context(context, arm), model, seed)
    return {(model.name, seed): rows}


def _synthetic(
    context: Context,
    trial: TrialRecord,
    generator: Model,
    share: float,
    seed: int,
    models: Mapping[str, Model],
) -> Course[Scores]:
    """A generator trained, if it learns, its images made, and every arm that needs them.

    Without images the arms have failed, as they would if their own training had.
    """
    making = generate_item(context, trial, generator, share, seed)
    done = Done(outcome="done")
    if generator.learns:
        done = yield TrainItem(
            context=making.context.narrowed(NO_TESTS), model=making.model, seed=seed
        )
    if done.outcome == "done":
        done = yield replace(making, context=making.context.narrowed(NO_TESTS))
    scores: Scores = {}
    for name, arm in trial.of(generator.name, share):
        made = made_for(context, trial, arm, seed) if done.outcome == "done" else ()
        own = arm_context(context, arm, made)
        rows = yield from course(own, models[name], seed, before=done)
        scores[name, seed] = rows
    return scores


def _assert_equal(context: Context, _: Scores) -> None:
    """Raises UnequalArms; arms of earlier calls are looked at too."""
    trainings = {
        (name, seed): facts
        for name, model in context.record.models.items()
        for seed in model.seeds
        if (facts := read_training(context.run.step(name, seed, "train")).fields)
    }
    if found := inequalities(trainings):
        raise UnequalArms(
            f"The arms of this trial are not alike: {'; '.join(found)}.",
            "what differs besides the training images could be the reason of any difference",
            "remove the folders of the trainings that differ, or choose another folder with --out",
        )
