"""Learning rate and length of a training as pure functions of the step."""

import math
from dataclasses import dataclass

from containers.base.segmentation.settings import Settings

POLY_POWER = 0.9
PACE_FROM, PACE_TO = 10, 40
"""The steps between which the speed of a training is measured."""
STEPS_SHARE = 0.85
"""Of the time, for steps; validation and the choice of a decoding take the rest."""
CLEARLY = 1.1
"""How many times too long the steps must take for fewer to be planned."""
WIND_DOWN_FROM = 0.7
"""Share of the time limit after which a training that cannot finish is wound down."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Optimiser steps of a training."""

    total: int
    epoch_steps: int
    """Of each epoch; the last may be shorter."""


@dataclass(frozen=True, kw_only=True)
class WindDown:
    """An early end: from step `start` on the rate falls linearly, to reach 0 at step `end`."""

    start: int
    end: int


def make_budget(settings: Settings, images: int) -> Budget:
    """The budget for that many training images."""
    epoch_steps = settings.epoch_steps or -(-images // settings.batch_size)
    if settings.steps is not None:
        return Budget(total=settings.steps, epoch_steps=epoch_steps)
    assert settings.epochs is not None, "settings have one of steps and epochs"
    return Budget(total=settings.epochs * epoch_steps, epoch_steps=epoch_steps)


def learning_rate(
    settings: Settings, step: int, budget: Budget, wind_down: WindDown | None = None
) -> float:
    """Rate of optimiser step `step` (from 0)."""
    rate = settings.learning_rate
    if step < settings.warmup_steps:
        return rate * (step + 1) / settings.warmup_steps
    left = max(1, budget.total - settings.warmup_steps)
    share = min(1.0, (step - settings.warmup_steps) / left)
    match settings.schedule:
        case "cosine":
            rate *= 0.5 * (1 + math.cos(math.pi * share))
        case "poly":
            rate *= (1 - share) ** POLY_POWER
        case "step":
            rate *= settings.decay ** (step // _decay_steps(settings, budget))
        case "constant":
            pass
    if wind_down is not None:
        rate *= max(0.0, (wind_down.end - step) / (wind_down.end - wind_down.start))
    return rate


def cosine(highest: float, step: int, steps: int, warmup: int) -> float:
    """Rate of `step` (from 0) of `steps`: it rises to `highest` and falls to 0 along a cosine."""
    rising = min(1.0, (step + 1) / warmup)
    return highest * rising * 0.5 * (1 + math.cos(math.pi * step / steps))


def _decay_steps(settings: Settings, budget: Budget) -> int:
    if settings.decay_epochs is None:
        return settings.decay_steps
    return settings.decay_epochs * budget.epoch_steps


def affordable(*, total: int, pace: float, limit: float) -> int | None:
    """The steps that fit into `limit` seconds at `pace` seconds a step; None where `total` do.

    A schedule that is shorter from the start is worth more than a longer one that is cut off.
    """
    room = STEPS_SHARE * limit
    return max(PACE_TO + 1, int(room / pace)) if total * pace > CLEARLY * room else None


def must_wind_down(*, step: int, total: int, seconds: float, limit: float) -> WindDown | None:
    """Whether the training has to end early to keep the limit, judged by its speed so far.

    `seconds` have been spent for `step` steps, of `limit` for `total`. The decision falls late
    enough to be sure of it and early enough to let the rate fall before the end.
    """
    if seconds < WIND_DOWN_FROM * limit or step == 0:
        return None
    possible = int(step * limit / seconds)
    if possible >= total:
        return None
    return WindDown(start=step, end=max(step + 1, possible))
