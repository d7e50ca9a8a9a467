"""The best-of bound: what a perfect choice among the models, image by image, would reach."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluator.statistics.score_matrix import ScoreMatrix


@dataclass(frozen=True, kw_only=True)
class BestOf:
    """Over the images that every model was tried on."""

    images: int
    mean: float
    """Mean of each image's best score, in [0, 1]; NaN without images."""
    best_model: str
    best_mean: float
    """The best single model and its mean: what lies between the two means is what models could
    learn from each other."""
    wins: Mapping[str, int]
    """Model → images on which it alone has the best score."""


def best_of(scores: ScoreMatrix) -> BestOf:
    """The bound from scores of several models, seeds averaged. Raises ValueError without models.

    The maximum of noisy scores is high by chance too, the more so the more models there are.
    """
    if not scores.models:
        raise ValueError("no model is given")
    values = np.array([scores.values(model) for model in scores.models]).T
    values = values[~np.isnan(values).any(axis=1)]
    best = values.max(axis=1, keepdims=True)
    leads = values == best
    alone = leads & (leads.sum(axis=1, keepdims=True) == 1)
    means = values.mean(axis=0) if len(values) else np.full(len(scores.models), np.nan)
    leader = int(means.argmax())
    return BestOf(
        images=len(values),
        mean=float(best.mean()) if len(values) else float("nan"),
        best_model=scores.models[leader],
        best_mean=float(means[leader]),
        wins={model: int(alone[:, place].sum()) for place, model in enumerate(scores.models)},
    )
