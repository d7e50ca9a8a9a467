"""How sure the report can be of a difference, given the images that were scored.

A percentile bootstrap over images: the images are drawn again with replacement, 2000 times, from
a fixed seed.  For the difference of two models the draw keeps their images paired.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from evaluator.report.summary import image_means

DRAWS = 2000
FEWEST = 5
"""Below this number of images no interval is given."""


class Interval(NamedTuple):
    """The 2.5th and 97.5th percentile of the bootstrap distribution."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def mean_interval(values: np.ndarray) -> Interval | None:
    """The 95 % bootstrap interval of the mean of one value per image; None below 5 images."""
    if len(values) < FEWEST:
        return None
    generator = np.random.default_rng(0)
    means = np.empty(DRAWS)
    for draw in range(DRAWS):
        means[draw] = values[generator.integers(0, len(values), len(values))].mean()
    low, high = np.percentile(means, (2.5, 97.5))
    return Interval(float(low), float(high))


def f1_interval(rows: pd.DataFrame, model: str) -> Interval | None:
    """The interval of a model's mean F1 from rows at one threshold, seeds averaged per image."""
    means = image_means(rows[rows["model"] == model])
    return mean_interval(means["f1"].to_numpy(dtype=float))


def difference_interval(rows: pd.DataFrame, first: str, second: str) -> Interval | None:
    """The interval of the mean paired difference in F1, first minus second."""
    means = image_means(rows).pivot(index="image", columns="model", values="f1")
    pairs = means[[first, second]].dropna()
    return mean_interval((pairs[first] - pairs[second]).to_numpy(dtype=float))
