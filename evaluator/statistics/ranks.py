"""How firm a ranking is when other images of the same kind might have been drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluator.statistics.bootstrap import DRAWS, FEWEST
from evaluator.statistics.score_matrix import ScoreMatrix, Values


@dataclass(frozen=True, kw_only=True)
class RankStability:
    """One model's rank by mean score, 1 being the best; equal means share the better rank."""

    model: str
    rank: int
    """On the images as they are."""
    low: int
    high: int
    """Best and worst rank in the middle 95 % of the draws."""
    first_share: float
    """Share of the draws in which it is ahead of every other model, in [0, 1]."""
    same_share: float
    """Share of the draws in which it has the rank that it has here, in [0, 1]."""


def rank_stability(
    scores: ScoreMatrix, *, draws: int = DRAWS, seed: int = 0
) -> tuple[RankStability, ...]:
    """The ranks of all models over bootstrap draws of images, best first.

    All models share each draw; only images on which every model was tried take part. Empty below
    5 such images or 2 models. Source: Wiesenfarth et al., Scientific Reports 11, 2369 (2021).
    """
    values = np.array([scores.values(model) for model in scores.models]).T
    values = values[~np.isnan(values).any(axis=1)]
    images, models = values.shape
    if images < FEWEST or models < 2:
        return ()
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(images, np.full(images, 1 / images), size=draws)
    drawn = _ranks(weights @ values / images)
    here = _ranks(values.mean(axis=0)[None])[0]
    alone = (drawn == 1).sum(axis=1) == 1
    low, high = np.percentile(drawn, (2.5, 97.5), axis=0, method="nearest")
    found = [
        RankStability(
            model=model,
            rank=int(here[place]),
            low=int(low[place]),
            high=int(high[place]),
            first_share=float(((drawn[:, place] == 1) & alone).mean()),
            same_share=float((drawn[:, place] == here[place]).mean()),
        )
        for place, model in enumerate(scores.models)
    ]
    return tuple(sorted(found, key=lambda one: (one.rank, one.model)))


def _ranks(means: Values) -> npt.NDArray[np.int64]:
    """(draws, models) → ranks; means that differ by rounding alone are equal."""
    better = means[:, None, :] > means[:, :, None] + 1e-12
    ranks: npt.NDArray[np.int64] = 1 + np.count_nonzero(better, axis=2)
    return ranks
