"""Training seeds as a source of variance of their own, beside the images'."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from evaluator.statistics.score_matrix import Values


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """How much a model's mean score moves when it is trained again, on the same images."""

    seeds: int
    means: tuple[float, ...]
    """Mean over images of each seed."""
    sd: float
    """Between seeds, of those means, n − 1 in the denominator; NaN for one seed."""
    image_se: float
    """Standard error of the mean that comes from the choice of images, seeds averaged; NaN below
    two images."""


def seed_spread(by_seed: Values) -> SeedSpread:
    """The two sources of variance of one model's mean; `by_seed` is (seeds, images) without NaN."""
    seeds, images = by_seed.shape
    means = by_seed.mean(axis=1)
    per_image = by_seed.mean(axis=0)
    return SeedSpread(
        seeds=seeds,
        means=tuple(means.tolist()),
        sd=float(means.std(ddof=1)) if seeds > 1 else math.nan,
        image_se=float(per_image.std(ddof=1)) / math.sqrt(images) if images > 1 else math.nan,
    )


@dataclass(frozen=True, kw_only=True)
class Trainings:
    """Variance of a mean, or of a difference of means, that comes from training again."""

    var: float
    """In squared score units."""
    freedom: float
    """Degrees of freedom with which it is known."""


def training_variance(by_seed: Mapping[str, Values], pair: Iterable[str]) -> Trainings | None:
    """What training again adds to the variance of the difference of `pair`'s means.

    None unless both have two seeds; see `pooled_training_variance`. Degrees of freedom of the sum
    by Satterthwaite, Biometrics Bulletin 2, 110-114 (1946), but for parts that vary together: both
    hold what was pooled, so that two of them know no more than one.
    """
    parts = []
    for model in pair:
        found = pooled_training_variance(by_seed, model)
        if found is None:
            return None
        parts.append(found)
    var = sum(part.var for part in parts)
    spread = sum(part.var / math.sqrt(part.freedom) for part in parts)
    return Trainings(var=var, freedom=(var / spread) ** 2 if spread else math.inf)


def pooled_training_variance(by_seed: Mapping[str, Values], model: str) -> Trainings | None:
    """What training again adds to the variance of the mean of `model`; None below two seeds.

    Two or three seeds of one model say little of its spread, so the spread of all models with two
    seeds or more is pooled; a model that varies more than that counts with its own.
    """
    means = {
        name: np.nanmean(values, axis=1) for name, values in by_seed.items() if len(values) > 1
    }
    if model not in means:
        return None
    freedom = sum(len(values) - 1 for values in means.values())
    pooled = sum(float(((values - values.mean()) ** 2).sum()) for values in means.values())
    pooled /= freedom
    own = float(means[model].var(ddof=1))
    seeds = len(means[model])
    return Trainings(var=max(own, pooled) / seeds, freedom=seeds - 1 if own > pooled else freedom)


def widening(
    image_var: float,
    image_freedom: int,
    trainings: Trainings | None,
    *,
    confidence: float = 0.95,
) -> float:
    """How many times wider than the images' alone an interval over images and trainings is, ≥ 1.

    The images' and the trainings' variance add up, and the t of the sum's degrees of freedom
    takes the place of the images'. Source: Welch, Biometrika 34, 28-35 (1947); Owen, The pigeonhole
    bootstrap, Annals of Applied Statistics 1, 386-411 (2007), for why both must count.
    """
    if trainings is None or image_var <= 0 or image_freedom < 1:
        return 1.0
    from scipy import stats

    total = image_var + trainings.var
    spread = image_var**2 / image_freedom
    if trainings.var > 0:
        spread += trainings.var**2 / trainings.freedom
    level = (1 + confidence) / 2
    ratio = stats.t.ppf(level, total**2 / spread) / stats.t.ppf(level, image_freedom)
    return max(1.0, float(ratio) * math.sqrt(total / image_var))
