"""How firm a ranking is when other images of the same kind might have been drawn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluator.statistics.intervals import DRAWS, FEWEST
from evaluator.statistics.paired import Comparison
from evaluator.statistics.score_matrix import ScoreMatrix, Values, unit_sums
from evaluator.statistics.strata import redrawn_weights, unit_strata


@dataclass(frozen=True, kw_only=True)
class RankStability:
    """One model's rank by mean score, 1 being the best; equal means share the better rank."""

    model: str
    rank: int
    """On the images as they are."""
    low: int
    high: int
    """Best and worst rank that the comparisons leave open."""
    first_share: float
    """Share of redraws of the images in which it is ahead of every other model, in [0, 1]. It says
    how much hangs on single images; it is no probability that the model is best."""


def rank_stability(
    scores: ScoreMatrix,
    comparisons: Sequence[Comparison],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[RankStability, ...]:
    """The ranks of all models, best first, and what `comparisons` of them leave open.

    A model's best rank is one behind all that are settled better, its worst one ahead of all that
    are settled worse. Redraws are bootstrap draws of images (of groups where images belong
    together), shared by all models; only images on which every model was tried take part. Empty
    below 5 such images or 2 models. Source: Wiesenfarth et al., Scientific Reports 11, 2369 (2021),
    for test-based and bootstrapped rankings.
    """
    values = np.array([scores.values(model) for model in scores.models]).T
    whole = ~np.isnan(values).any(axis=1)
    if values.shape[1] < 2 or whole.sum() < FEWEST:
        return ()
    sums, sizes = unit_sums(np.where(whole[:, None], values, np.nan), scores.groups)
    seen = sizes[:, 0] > 0
    sums, sizes = sums[seen], sizes[seen]
    strata = unit_strata(scores.strata, scores.groups, len(scores.images))[seen]
    weights = redrawn_weights(np.random.default_rng(seed), strata, draws)
    drawn = _ranks(weights @ sums / (weights @ sizes))
    here = _ranks(values[whole].mean(axis=0)[None])[0]
    alone = (drawn == 1).sum(axis=1) == 1
    settled = [
        (one.first, one.second) if one.difference > 0 else (one.second, one.first)
        for one in comparisons
        if one.separable
    ]
    found = [
        RankStability(
            model=model,
            rank=int(here[place]),
            low=1 + sum(worse == model for _, worse in settled),
            high=len(scores.models) - sum(better == model for better, _ in settled),
            first_share=float(((drawn[:, place] == 1) & alone).mean()),
        )
        for place, model in enumerate(scores.models)
    ]
    return tuple(sorted(found, key=lambda one: (one.rank, one.model)))


def _ranks(means: Values) -> npt.NDArray[np.int64]:
    """(draws, models) → ranks; means that differ by rounding alone are equal."""
    better = means[:, None, :] > means[:, :, None] + 1e-12
    ranks: npt.NDArray[np.int64] = 1 + np.count_nonzero(better, axis=2)
    return ranks
