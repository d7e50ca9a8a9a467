"""What a trial consists of: its arms and their names, and what all trainings have in common."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from contract import CallError
from contract.profiles import parse_override
from contract.schema import Subset
from evaluator.runs.trial import ArmRecord, GeneratorRecord, Role, TrialRecord, percent
from harness.datasets.folder import Dataset, Pair
from harness.models.describe import describe
from harness.models.overrides import Overrides, parse_overrides
from harness.models.registry import Model
from harness.work.request import Request
from harness.work.trial.shares import share_of

UNTIMED = ("max_seconds", "patience")
"""Settings that end a training by something else than its steps."""
EPOCHS = 10
"""Lines of history of a training whose profile counts passes over the images."""


@dataclass(frozen=True, kw_only=True)
class TrialRequest:
    """What a trial is asked to do.

    `base` has the one model to train, and everything else that run-all is asked too.
    """

    base: Request
    generators: Sequence[Model]
    """With the controls among them, which bracket the others and are tried at the primary share
    only; none: only shares of real images are compared."""
    shares: tuple[float, ...]
    primary_share: float
    ratio: float
    margin: float

    @property
    def model(self) -> Model:
        """The model that is trained in every arm."""
        (model,) = self.base.models
        return model

    @cached_property
    def generator_settings(self) -> Mapping[str, Overrides]:
        """By generator what was asked of it, and that the clock does not end its training."""
        return {generator.name: _untimed(self.base, generator) for generator in self.generators}

    @property
    def everything(self) -> Request:
        """The request with all models that must be ready to run."""
        return replace(self.base, models=[self.model, *self.generators])


def planned(asked: TrialRequest, dataset: Dataset, split: Mapping[str, Subset]) -> TrialRecord:
    """The arms of a trial and what they have in common.

    Raises CallError when the shares leave no images, or when nothing can make the arms equally
    long.
    """
    numbers = {share: len(share_of(dataset.train, split, share)) for share in asked.shares}
    every = len([pair for pair in dataset.train if split[pair.name] == "train"])
    arms: dict[str, ArmRecord] = {}
    for share in asked.shares:
        real = numbers[share]
        arms[arm_name(asked.model.name, "real", share)] = ArmRecord(
            role="real", share=share, real=real
        )
        for generator in asked.generators:
            control = is_control(generator)
            primary = share == asked.primary_share
            count = max(1, round(asked.ratio * real))
            if generator.card.needs_held:
                # The real images that the share leaves out are all it has.
                count = min(count, every - real)
            if (control and not primary) or count < 1:
                continue
            roles: tuple[Role, ...] = ("with", "only") if primary and not control else ("with",)
            for role in roles:
                arms[arm_name(asked.model.name, role, share, generator.name)] = ArmRecord(
                    role=role, share=share, real=real, generator=generator.name, synthetic=count
                )
    used = {arm.generator for arm in arms.values()}
    return TrialRecord(
        model=asked.model.name,
        shares=asked.shares,
        primary_share=asked.primary_share,
        margin=asked.margin,
        ratio=asked.ratio,
        seeds=asked.base.seeds,
        generators={
            generator.name: GeneratorRecord(
                title=generator.card.title,
                verbs=generator.card.verbs,
                control=is_control(generator),
                settings=tuple(one.text for one in asked.generator_settings[generator.name]),
                sources_sha256=generator.sources_sha256(),
            )
            for generator in asked.generators
            if generator.name in used
        },
        arms=arms,
        asked=_equal_length(asked, max(arm.train_images for arm in arms.values())),
    )


def is_control(generator: Model) -> bool:
    """Whether a generator is there to bracket the others."""
    return generator.card.kind == "control"


def arm_name(model: str, role: Role, share: float, generator: str | None = None) -> str:
    """What an arm is called in scores.csv and in the run folder."""
    match role:
        case "real":
            return f"{model}@{percent(share)}"
        case "with":
            return f"{model}@{percent(share)}+{generator}"
        case "only":
            return f"{model}@only-{generator}-{percent(share)}"


def arm_models(trial: TrialRecord, model: Model) -> list[Model]:
    """The model once for each arm, under the arm's name."""
    return [
        replace(
            model,
            called=name,
            card=model.card.model_copy(update={"title": arm_title(model.card.title, arm)}),
        )
        for name, arm in trial.arms.items()
    ]


def arm_title(model: str, arm: ArmRecord) -> str:
    """What an arm's name stands for."""
    real = f"{percent(arm.share)} of the real images"
    match arm.role:
        case "real":
            return f"{model} on {real}"
        case "with":
            return f"{model} on {real} and {arm.synthetic} by {arm.generator}"
        case "only":
            return f"{model} on {arm.synthetic} by {arm.generator} alone, made from {real}"


def training_set(
    dataset: Dataset, split: Mapping[str, Subset], arm: ArmRecord, synthetic: Sequence[Pair]
) -> tuple[Dataset, dict[str, Subset]]:
    """What an arm is trained on, and its split: all real validation images, in every arm."""
    real = () if arm.role == "only" else share_of(dataset.train, split, arm.share)
    validation = tuple(pair for pair in dataset.train if split[pair.name] == "val")
    train = (*real, *synthetic)
    subsets: dict[str, Subset] = {
        **{pair.name: "train" for pair in train},
        **{pair.name: "val" for pair in validation},
    }
    return replace(dataset, train=(*train, *validation)), subsets


def _equal_length(asked: TrialRequest, images: int) -> dict[str, str]:
    """Settings that make every training of the model as long, whatever it is trained on."""
    model, request = asked.model, asked.base
    known = settings_of(model, request.profile)
    values = dict(model.profile(request.profile))
    given = {one.key: parse_override(one.text)[1] for one in request.settings.get(model.name, ())}
    values |= given
    steps, epochs, pass_steps = values.get("steps"), values.get("epochs"), values.get("epoch_steps")
    if steps is None and epochs is not None:
        batch = values.get("batch_size")
        if pass_steps is None and isinstance(batch, int):
            pass_steps = math.ceil(images / batch)
        steps = None if pass_steps is None else int(epochs) * int(pass_steps)
    if steps is None:
        raise CallError(
            f"The profile {request.profile} of {model.name} does not say how many steps it trains.",
            "every arm must have as many optimiser steps, whatever the number of its images",
            "give them with --set steps=N --set epochs=null",
        )
    equal = {
        "steps": str(steps),
        "epochs": "null",
        "epoch_steps": str(pass_steps or max(1, int(steps) // EPOCHS)),
        **dict.fromkeys(UNTIMED, "null"),
    }
    return {key: value for key, value in equal.items() if key in known}


def arm_settings(asked: TrialRequest, trial: TrialRecord) -> Request:
    """The request whose models are the arms, each with the settings that make them equal."""
    models = arm_models(trial, asked.model)
    request = asked.base
    given = [one.text for one in request.settings.get(asked.model.name, ())]
    texts = [*given, *(f"{key}={value}" for key, value in trial.asked.items())]
    one = parse_overrides(texts, {asked.model.name: None})[asked.model.name]
    settings = {model.name: one for model in models}
    settings |= {place: asked.generator_settings[name] for place, name, _ in trial.makings()}
    return replace(request, models=models, settings=settings)


def _untimed(request: Request, generator: Model) -> Overrides:
    own = request.settings.get(generator.name, ())
    if not generator.learns or "max_seconds" not in settings_of(generator, request.profile):
        return own
    untimed = parse_overrides(["max_seconds=null"], {generator.name: None})
    return (*own, *untimed[generator.name])


def settings_of(model: Model, profile: str) -> set[str]:
    """The keys that can be set of a model, those of its profile when it does not say."""
    card = describe(model)
    return set(card.settings["properties"] if card and card.settings else model.profile(profile))
