"""How sure the report can be of a mean, a difference or a rank, given the images that were scored.

A percentile bootstrap over images: they are drawn again with replacement, 2000 times, from a fixed
seed.  All models share each draw, so that differences and ranks compare them on the same images.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluator.report.summary import image_means

DRAWS = 2000
BATCH = 200  # draws held in memory at once
FEWEST = 5
"""Below this number of images no interval is given."""

Values = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """The 2.5th and 97.5th percentile of the bootstrap distribution."""

    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.low:.3f} to {self.high:.3f}"


class Difference(NamedTuple):
    """Mean F1 of *first* minus that of *second*, over the images that both have."""

    first: str
    second: str
    mean: float
    interval: Interval


class Rank(NamedTuple):
    """Where a model stands by mean F1, 1 being the best, over the bootstrap draws."""

    model: str
    first_share: float
    """Share of draws in which it is ahead of all others, in [0, 1]."""
    low: int
    high: int
    """The 2.5th and 97.5th percentile of its rank."""


def bootstrap_means(values: Values) -> Values:
    """Means of *values* (images × columns) over each draw of images: draws × columns."""
    images = len(values)
    generator = np.random.default_rng(0)
    parts = []
    for _ in range(DRAWS // BATCH):
        weights = generator.multinomial(images, np.full(images, 1 / images), size=BATCH)
        parts.append(weights @ values / images)
    return np.concatenate(parts)


def f1_interval(rows: pd.DataFrame, model: str) -> Interval | None:
    """The interval of a model's mean F1 from rows at one threshold, seeds averaged per image.

    None below 5 images.
    """
    means = image_means(rows[rows["model"] == model])["f1"].to_numpy(dtype=float)
    if len(means) < FEWEST:
        return None
    return _interval(bootstrap_means(means[:, None])[:, 0])


def differences(rows: pd.DataFrame, models: list[str]) -> list[Difference]:
    """Every two of *models*, in their order, compared on the images that both have."""
    table = image_means(rows).pivot(index="image", columns="model", values="f1")
    found = []
    for first, second in combinations(models, 2):
        pairs = table[[first, second]].dropna()
        gaps = (pairs[first] - pairs[second]).to_numpy(dtype=float)
        if len(gaps) >= FEWEST:
            interval = _interval(bootstrap_means(gaps[:, None])[:, 0])
            found.append(Difference(first, second, float(gaps.mean()), interval))
    return found


def rank_stability(rows: pd.DataFrame, models: list[str]) -> list[Rank]:
    """How firm the ranking of *models* is, on the images that all of them have."""
    table = image_means(rows).pivot(index="image", columns="model", values="f1")[models].dropna()
    if len(table) < FEWEST or len(models) < 2:
        return []
    means = bootstrap_means(table.to_numpy(dtype=float))
    ranks = 1 + (means[:, None, :] > means[:, :, None]).sum(axis=2)
    alone = (ranks == 1).sum(axis=1) == 1
    low, high = np.percentile(ranks, (2.5, 97.5), axis=0, method="nearest").astype(int)
    return [
        Rank(model, float(((ranks[:, place] == 1) & alone).mean()), low[place], high[place])
        for place, model in enumerate(models)
    ]


def _interval(draws: Values) -> Interval:
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(low), float(high))
