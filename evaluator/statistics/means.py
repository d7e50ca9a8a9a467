"""Each model's mean over images, with all that is uncertain about it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluator.statistics.intervals import DRAWS, Interval, Share, mean_interval, share_interval
from evaluator.statistics.score_matrix import ScoreMatrix, Values, kept
from evaluator.statistics.seeds import Trainings, pooled_training_variance, widening
from evaluator.statistics.strata import mean_variance


@dataclass(frozen=True, kw_only=True)
class ModelMean:
    """The mean score of one model over the images that it was tried on, seeds averaged."""

    model: str
    mean: float
    """In [0, 1]."""
    interval: Interval | None
    """95 %, over images, and over trainings where there are two seeds; None below 5 images."""
    over_trainings: bool
    """Whether the trainings' spread is in `interval`; else it is said of these trainings."""
    seed_sd: float | None
    """Between the seeds' means; None with one seed."""
    zeros: Share
    """Images on which every seed scored 0, which say little of how far above 0 the mean lies."""


def model_means(scores: ScoreMatrix, *, draws: int = DRAWS, seed: int = 0) -> tuple[ModelMean, ...]:
    """Every model of the matrix, in its order; a model without a score is left out."""
    found = []
    for model in scores.models:
        values = scores.values(model)
        tried = ~np.isnan(values)
        if not tried.any():
            continue
        groups, strata = kept(scores.groups, tried), kept(scores.strata, tried)
        by_seed = scores.by_seed[model][:, tried]
        trainings = pooled_training_variance(scores.by_seed, model)
        found.append(
            ModelMean(
                model=model,
                mean=float(values[tried].mean()),
                interval=_interval(values[tried], groups, strata, trainings, draws, seed),
                over_trainings=trainings is not None,
                seed_sd=float(by_seed.mean(axis=1).std(ddof=1)) if len(by_seed) > 1 else None,
                zeros=share_interval(int((by_seed == 0).all(axis=0).sum()), int(tried.sum())),
            )
        )
    return tuple(found)


def independent_images(values: Values, groups: Sequence[str] | None) -> float:
    """How many images chosen one by one would say as much of the mean as these do.

    `values` is (images,) without NaN; the number lies between that of the groups that differ and
    that of the images. Source: the design effect of Kish, Survey Sampling (1965), section 5.4,
    with the variance of the mean measured with and without the groups.
    """
    images = len(values)
    if groups is None or images < 2:
        return float(images)
    together, alone = mean_variance(values, groups), mean_variance(values, None)
    units = len(set(groups))
    if units < 2 or together <= 0 or alone <= 0:
        return float(units)
    return float(np.clip(images * alone / together, min(units, images), images))


def _interval(
    values: Values,
    groups: Sequence[str] | None,
    strata: Sequence[str] | None,
    trainings: Trainings | None,
    draws: int,
    seed: int,
) -> Interval | None:
    found = mean_interval(values, groups, strata, draws=draws, seed=seed)
    if found is None or trainings is None:
        return found
    units = len(values) if groups is None else len(set(groups))
    mean = float(values.mean())
    # Where all images agree their spread says nothing; the interval does.
    images = max(mean_variance(values, groups, strata), ((found.high - found.low) / 4) ** 2)
    wider = widening(images, units - 1, trainings)
    return Interval(
        low=max(0.0, mean - wider * (mean - found.low)),
        high=min(1.0, mean + wider * (found.high - mean)),
    )
