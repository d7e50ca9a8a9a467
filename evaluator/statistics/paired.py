"""Models compared two by two on the same images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from evaluator.statistics.intervals import (
    CONFIDENCE,
    DRAWS,
    FEWEST,
    Interval,
    mean_interval,
)
from evaluator.statistics.max_t import Family, joint, least_p
from evaluator.statistics.power import (
    ALPHA,
    FEWEST_TO_SETTLE,
    ImagesNeeded,
    images_needed,
    smallest_separable,
)
from evaluator.statistics.score_matrix import ScoreMatrix, Values, unit_sums
from evaluator.statistics.seeds import training_variance, widening
from evaluator.statistics.strata import unit_strata

MARGIN = 0.02
"""Difference in mean score below which two models are as good as each other, unless told."""

LEVEL = 1e-9
"""Scores of one image that differ by less are equal."""

Verdict = Literal["better", "worse", "equivalent", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two models on the images that both were tried on, seeds averaged per image."""

    first: str
    second: str
    images: int
    units: int
    """Images, or groups of images where these belong together."""
    unequal: int
    """Units on which the two differ."""
    difference: float
    """Mean score of `first` minus that of `second`."""
    interval: Interval | None
    """Of the difference, over images, and over trainings where both have two seeds. All the
    intervals of a family hold together with 95 % confidence, unless another level was asked for.
    None where fewer than 6 units differ or their spread says nothing."""
    p_raw: float
    """Two-sided, of the sign-flip test for this comparison alone, in (0, 1]."""
    p: float
    """The same, adjusted for all comparisons made together, in (0, 1]."""
    ahead: int
    level: int
    behind: int
    """Images on which `first` has the higher, the same and the lower score."""
    smallest_separable: float | None
    """The smallest true difference that as many images would separate 8 times in 10; None where
    they can settle nothing."""
    images_needed: ImagesNeeded | None
    """How many images, or groups, would settle the difference found; None also where trainings
    are counted, whose spread more images leave as it is."""
    over_trainings: bool
    """Whether the trainings' spread is in `interval` and p; else all is said of these trainings."""
    margin: float = MARGIN

    @property
    def verdict(self) -> Verdict:
        """What is settled about `first`: by the interval, which p must not contradict."""
        if self.interval is None:
            return "undecided"
        if self.interval.inside(self.margin):
            return "equivalent"
        if self.interval.excludes_zero and self.p <= ALPHA:
            return "better" if self.difference > 0 else "worse"
        return "undecided"

    @property
    def separable(self) -> bool:
        """Whether the data settle which of the two is ahead by more than nothing."""
        return self.verdict in ("better", "worse")

    @property
    def least_p(self) -> float:
        """No signs of so many unequal units give a smaller p, in (0, 1]."""
        return least_p(self.unequal)


@dataclass(frozen=True, kw_only=True)
class StratumComparisons:
    """All comparisons inside one group of images."""

    stratum: str
    images: int
    comparisons: tuple[Comparison, ...]
    """Empty below 5 images, which settle nothing."""


def compare_models(
    scores: ScoreMatrix, *, margin: float = MARGIN, draws: int = DRAWS, seed: int = 0
) -> tuple[Comparison, ...]:
    """Every two models, in the matrix' order, p and intervals of all of them together.

    Pairs that share fewer than 5 images are left out. The test: if two models are equally good,
    each image's difference could as well have the other sign; see `max_t.joint`. Images of one
    group flip and are drawn together.
    """
    pairs = tuple(combinations(scores.models, 2))
    return compare_pairs(scores, pairs, margin=margin, draws=draws, seed=seed)


def compare_pairs(
    scores: ScoreMatrix,
    pairs: Iterable[tuple[str, str]],
    *,
    margin: float = MARGIN,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """The given pairs of models as one family, in their order, as `compare_models` does.

    All intervals hold together with `confidence`; each end of them alone, as of a one-sided
    question to all pairs, with (1 + `confidence`) / 2. Verdicts take p at the level of 95 %.
    """
    columns = [(pair, None) for pair in pairs]
    return _compare(scores, columns, margin, draws, seed, confidence=confidence)


def compare_within(
    scores: ScoreMatrix,
    strata: Mapping[str, str],
    *,
    pairs: Iterable[tuple[str, str]] | None = None,
    margin: float = MARGIN,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[StratumComparisons, ...]:
    """Every two models, or `pairs` of them, inside each group of images.

    `strata` gives each image its group. All pairs and all groups are one family, so that one of
    many groups does not shine by chance. Groups come in the order of their first image.
    """
    members: dict[str, list[str]] = {}
    for image in scores.images:
        members.setdefault(strata[image], []).append(image)
    pairs = list(combinations(scores.models, 2) if pairs is None else pairs)
    columns = [(pair, frozenset(images)) for images in members.values() for pair in pairs]
    found = iter(_compare(scores, columns, margin, draws, seed, keep_small=True))
    result = []
    for name, images in members.items():
        own = [next(found) for _ in pairs]
        result.append(
            StratumComparisons(
                stratum=name,
                images=len(images),
                comparisons=tuple(one for one in own if one.units >= FEWEST),
            )
        )
    return tuple(result)


def sign_flip_p(differences: Values, *, seed: int = 0) -> float:
    """Two-sided p of the sign-flip test of mean difference 0; `differences` is (images,).

    Five images that all agree: 2 of the 32 ways to choose signs are as extreme.

    >>> import numpy as np
    >>> from evaluator import sign_flip_p
    >>> sign_flip_p(np.array([0.1, 0.2, 0.1, 0.3, 0.2]))
    0.0625
    """
    column = differences[:, None]
    found = joint(column, np.ones_like(column), draws=1, seed=seed)
    return float(found.p_raw(np.ones(1))[0])


_Column = tuple[tuple[str, str], frozenset[str] | None]
"""Two models and, inside a stratum, its images."""


def _compare(
    scores: ScoreMatrix,
    columns: Sequence[_Column],
    margin: float,
    draws: int,
    seed: int,
    *,
    confidence: float = CONFIDENCE,
    keep_small: bool = False,
) -> tuple[Comparison, ...]:
    gaps = np.array([_gaps(scores, column) for column in columns]).T.reshape(
        len(scores.images), len(columns)
    )
    sums, sizes = unit_sums(gaps, scores.groups)
    large = (sizes > 0).sum(axis=0) >= FEWEST
    if not keep_small:
        columns = [column for column, kept in zip(columns, large, strict=True) if kept]
        gaps, sums, sizes = gaps[:, large], sums[:, large], sizes[:, large]
        large = large[large]
    if not columns:
        return ()
    in_family = np.where(large, sizes, 0.0)
    family = joint(
        sums * (in_family > 0),
        in_family,
        draws=draws,
        seed=seed,
        confidence=confidence,
        strata=unit_strata(scores.strata, scores.groups, len(scores.images)),
    )
    return _comparisons(scores, columns, gaps, family, margin, confidence)


def _gaps(scores: ScoreMatrix, column: _Column) -> Values:
    """(images,) first minus second, NaN outside the stratum and where one was not tried."""
    (first, second), images = column
    gap = scores.values(first) - scores.values(second)
    if images is None:
        return gap
    inside = np.array([image in images for image in scores.images])
    return np.where(inside, gap, np.nan)


def _comparisons(
    scores: ScoreMatrix,
    columns: Iterable[_Column],
    gaps: Values,
    family: Family,
    margin: float,
    confidence: float,
) -> tuple[Comparison, ...]:
    over, wider = [], []
    for place, (pair, images) in enumerate(columns):
        seen = scores if images is None else scores.at(images)
        trainings = training_variance(seen.by_seed, pair)
        over.append(trainings is not None)
        units = int(family.units[place])
        image_var = float(family.se[place]) ** 2
        wider.append(widening(image_var, units - 1, trainings, confidence=confidence))
    shrunk = 1 / np.array(wider)
    beside = 1 - (1 - confidence) / len(wider)
    raw, adjusted = family.p_raw(shrunk), family.p_adjusted(shrunk)
    found = []
    for place, (pair, _) in enumerate(columns):
        gap = gaps[:, place][~np.isnan(gaps[:, place])]
        se = float(family.se[place]) * wider[place]
        mean, units = float(family.mean[place]), int(family.units[place])
        unequal = int(family.unequal[place])
        half = family.critical * se if se > 0 else 0.0
        settles = unequal >= FEWEST_TO_SETTLE and np.isfinite(half)
        found.append(
            Comparison(
                first=pair[0],
                second=pair[1],
                images=len(gap),
                units=units,
                unequal=unequal,
                difference=mean,
                interval=_interval(gap, mean, half, beside) if settles else None,
                p_raw=float(raw[place]),
                p=float(adjusted[place]),
                ahead=int((gap > LEVEL).sum()),
                level=int((np.abs(gap) <= LEVEL).sum()),
                behind=int((gap < -LEVEL).sum()),
                smallest_separable=smallest_separable(se, family.critical, units),
                images_needed=None
                if over[place]
                else images_needed(mean, se, family.critical, units),
                over_trainings=over[place],
                margin=margin,
            )
        )
    return tuple(found)


def _interval(gap: Values, mean: float, half: float, confidence: float) -> Interval | None:
    """Half a width to either side; where all differences are equal, that of bounded scores."""
    if half > 0:
        return Interval(low=max(-1.0, mean - half), high=min(1.0, mean + half))
    found = mean_interval((gap + 1) / 2, confidence=confidence)
    return None if found is None else Interval(low=2 * found.low - 1, high=2 * found.high - 1)
