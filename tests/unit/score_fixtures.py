"""Rows and matrices of scores, made up for tests of statistics."""

import numpy as np
from scipy import stats

from evaluator.scores.rows import ScoreRow
from evaluator.statistics.score_matrix import ScoreMatrix


def row(model: str, image: str, f1: float, **fields: object) -> ScoreRow:
    facts = {"seed": 0, "threshold": 0.5, "outcome": "scored", "true_cells": 9, "modality": "DIC"}
    counts = {"predicted_cells": 9, "tp": 0, "fp": 9, "fn": 9}
    scores = {"precision": f1, "recall": f1, "f1": f1, "dice": f1}
    return ScoreRow(model=model, image=image, **facts | counts | scores | fields)  # type: ignore[arg-type]


def matrix(groups: tuple[str, ...] | None = None, **models: object) -> ScoreMatrix:
    """Each model's scores, (images,) or (seeds, images)."""
    arrays = {name: np.atleast_2d(np.asarray(values, float)) for name, values in models.items()}
    images = next(iter(arrays.values())).shape[1]
    return ScoreMatrix(
        images=tuple(f"{i}.png" for i in range(images)), by_seed=arrays, groups=groups
    )


def noisy(rng: np.random.Generator, images: int, better: float = 0.0) -> np.ndarray:
    """Skewed scores of a model that is `better` in the mean."""
    return better + 0.1 * rng.gamma(2, size=images)


def false_claims(experiments: int) -> int:
    """How many a rate of 5 % yields at most, but for one such test run in a hundred."""
    return int(stats.binom.ppf(0.99, experiments, 0.05))
