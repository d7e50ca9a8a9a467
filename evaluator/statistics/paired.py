"""Models compared two by two on the same images."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evaluator.statistics.bootstrap import DRAWS, FEWEST, Interval, bootstrap_interval
from evaluator.statistics.power import ALPHA, images_needed, smallest_separable
from evaluator.statistics.score_matrix import ScoreMatrix, Values
from evaluator.statistics.seeds import seed_interval

FLIPS = 10_000
"""Random sign changes where there are too many to try each one."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on the images that both were tried on, seeds averaged per image."""

    first: str
    second: str
    images: int
    difference: float
    """Mean score of `first` minus that of `second`."""
    interval: Interval | None
    """Of the difference, over images, for this comparison alone; None if all images agree."""
    p: float
    """Two-sided, of the sign-flip test, in (0, 1]."""
    p_holm: float
    """The same after Holm's correction for all comparisons made together, in (0, 1]."""
    smallest_separable: float
    """The smallest true difference that this number of images would separate 8 times in 10."""
    images_needed: int | None
    """Images that would separate the difference found; see `images_needed`."""
    seeds: Interval | None
    """Of the difference, over trainings on the same images; None unless both have two seeds."""

    @property
    def separable(self) -> bool:
        """Whether the images settle which model is ahead: p_holm ≤ 0.05, interval without 0."""
        return self.p_holm <= ALPHA and (self.interval is None or self.interval.excludes_zero)


@dataclass(frozen=True, kw_only=True)
class StratumComparisons:
    """All comparisons inside one group of images."""

    stratum: str
    images: int
    comparisons: tuple[Comparison, ...]
    """Empty below 5 images, which settle nothing."""


def compare_models(
    scores: ScoreMatrix, *, draws: int = DRAWS, seed: int = 0
) -> tuple[Comparison, ...]:
    """Every two models, in the matrix' order, p corrected over all of them.

    Pairs that share fewer than 5 images are left out. The test: if two models are equally good,
    each image's difference could as well have the other sign; p is the share of sign changes
    whose mean difference is at least as large as the one found (each of them tried up to 12
    images, else 10 000 random ones).
    """
    return _corrected(_compare(scores, _pairs(scores), draws, seed))


def compare_within(
    scores: ScoreMatrix, strata: Mapping[str, str], *, draws: int = DRAWS, seed: int = 0
) -> tuple[StratumComparisons, ...]:
    """Every two models inside each group of images; `strata` gives each image its group.

    p is corrected over all pairs and all groups together, so that one of many groups does not
    shine by chance. Groups come in the order of their first image.
    """
    groups: dict[str, list[str]] = {}
    for image in scores.images:
        groups.setdefault(strata[image], []).append(image)
    large = [name for name, images in groups.items() if len(images) >= FEWEST]
    family = _pairs(scores) * len(large)
    found = {
        name: _compare(scores.at(images), family, draws, seed) for name, images in groups.items()
    }
    corrected = iter(_corrected(pair for pairs in found.values() for pair in pairs))
    return tuple(
        StratumComparisons(
            stratum=name,
            images=len(groups[name]),
            comparisons=tuple(next(corrected) for _ in pairs),
        )
        for name, pairs in found.items()
    )


def sign_flip_p(differences: Values, *, flips: int = FLIPS, seed: int = 0) -> float:
    """Two-sided p of the sign-flip test of mean difference 0; `differences` is (images,).

    With random flips the p found counts the observed signs too, so it is never 0. Source: Fisher,
    The Design of Experiments (1935), section 21; Phipson and Smyth, Statistical Applications in
    Genetics and Molecular Biology 9 (2010), for the count.

    Five images that all agree: 2 of the 32 ways to choose signs are as extreme.

    >>> import numpy as np
    >>> from evaluator import sign_flip_p
    >>> sign_flip_p(np.array([0.1, 0.2, 0.1, 0.3, 0.2]))
    0.0625
    """
    images = len(differences)
    # Sums that are equal but for rounding must count as equal.
    limit = abs(differences.sum()) - 1e-9 * np.abs(differences).sum()
    if 2**images <= flips:
        bits = np.arange(2**images)[:, None] >> np.arange(images) & 1
        return float((np.abs((1 - 2 * bits) @ differences) >= limit).mean())
    generator = np.random.default_rng(seed)
    reached, batch = 0, max(1, 2_000_000 // images)
    for start in range(0, flips, batch):
        number = min(batch, flips - start)
        signs = 1 - 2 * generator.integers(0, 2, (number, images), dtype=np.int8)
        reached += int((np.abs(signs @ differences) >= limit).sum())
    return (1 + reached) / (1 + flips)


def holm(p: Iterable[float]) -> tuple[float, ...]:
    """Holm's step-down adjusted p values, in the order given.

    The chance of even one false claim among all stays at α, however the tests depend on each
    other. Source: Holm, Scandinavian Journal of Statistics 6, 65-70 (1979).

    >>> from evaluator import holm
    >>> holm([0.01, 0.25, 0.03])
    (0.03, 0.25, 0.06)
    """
    values = np.array(list(p), dtype=np.float64)
    order = np.argsort(values)
    steps = np.minimum(1, values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(steps) if len(values) else steps
    return tuple(adjusted.tolist())


def _pairs(scores: ScoreMatrix) -> int:
    return math.comb(len(scores.models), 2)


def _compare(scores: ScoreMatrix, family: int, draws: int, seed: int) -> list[Comparison]:
    found = []
    for first, second in combinations(scores.models, 2):
        gap = scores.values(first) - scores.values(second)
        both = ~np.isnan(gap)
        gap = gap[both]
        if len(gap) < FEWEST:
            continue
        p = sign_flip_p(gap, seed=seed)
        found.append(
            Comparison(
                first=first,
                second=second,
                images=len(gap),
                difference=float(gap.mean()),
                interval=bootstrap_interval(gap, draws=draws, seed=seed),
                p=p,
                p_holm=p,
                smallest_separable=smallest_separable(gap, comparisons=family),
                images_needed=images_needed(gap, comparisons=family),
                seeds=seed_interval(*(scores.by_seed[name][:, both] for name in (first, second))),
            )
        )
    return found


def _corrected(comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    found = list(comparisons)
    adjusted = holm(pair.p for pair in found)
    return tuple(replace(pair, p_holm=p) for pair, p in zip(found, adjusted, strict=True))
