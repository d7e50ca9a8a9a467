"""What the features of cells say: distances of distributions, neighbourhoods, single features."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from evaluator.synthetic.cells import Sample
from evaluator.synthetic.distances import (
    NEIGHBOURS,
    Rows,
    correlation_difference,
    frechet,
    kernel_distance,
    kolmogorov,
    neighbourhoods,
    wasserstein,
)
from evaluator.synthetic.floor import Asked, cluster_interval, judge
from evaluator.synthetic.result import FeatureDistance, Measure

COMPONENTS = 20
"""Principal components that distances and neighbourhoods are measured in."""
FURTHEST = 5.0
"""Interquartile ranges from the median beyond which a value counts as this."""
NEIGHBOUR_NAMES = ("precision", "density", "recall", "coverage")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Where the real cells lie: fitted to them alone."""

    middle: npt.NDArray[np.float64]
    """(features,) medians."""
    spread: npt.NDArray[np.float64]
    """(features,) interquartile ranges, above 0."""
    axes: Rows
    """(features, components) of the real cells' scaled values."""
    centre: npt.NDArray[np.float64]
    """(features,) means of these values."""

    def components(self, rows: Rows) -> Rows:
        """(rows, components) of (rows, features)."""
        return np.asarray((self._scaled(rows) - self.centre) @ self.axes)

    def _scaled(self, rows: Rows) -> Rows:
        return np.clip((rows - self.middle) / self.spread, -FURTHEST, FURTHEST)


def fit_scale(rows: Rows) -> Scale:
    """Medians, interquartile ranges and principal components of real cells, (cells, features)."""
    if not len(rows):
        nothing = np.zeros(rows.shape[1])
        axes = np.zeros((len(nothing), 0))
        return Scale(middle=nothing, spread=nothing, axes=axes, centre=nothing)
    low, middle, high = np.percentile(rows, [25, 50, 75], axis=0)
    plain = Scale(middle=middle, spread=high - low, axes=np.eye(0), centre=np.zeros(0))
    scaled = plain._scaled(rows)
    centre = scaled.mean(axis=0)
    _, _, axes = np.linalg.svd(scaled - centre, full_matrices=False)
    return replace(plain, axes=axes[:COMPONENTS].T, centre=centre)


def in_components(sample: Sample, scale: Scale) -> Sample:
    """The sample's cells by their principal components."""
    names = tuple(f"component {place}" for place in range(scale.axes.shape[1]))
    return replace(sample, features=names, rows=scale.components(sample.rows))


def distance_measures(real: Sample, synthetic: Sample, features: str) -> tuple[Measure, ...]:
    """`fd_<features>` and `kd_<features>`: Fréchet and kernel distance of the rows."""

    def statistic(first: Rows, second: Rows) -> Mapping[str, float]:
        return {
            f"fd_{features}": frechet(first, second),
            f"kd_{features}": kernel_distance(first, second),
        }

    names = (f"fd_{features}", f"kd_{features}")
    asked = Asked(
        statistic=statistic,
        names=names,
        topic="distance",
        better="low",
        signed=frozenset({f"kd_{features}"}),
    )
    return judge(real, synthetic, asked)


def neighbour_measures(real: Sample, synthetic: Sample) -> tuple[Measure, ...]:
    """Precision, density, recall and coverage, with intervals over images of the averaged side.

    The neighbourhoods stay those of all rows in every draw: an image drawn twice would be its own
    nearest neighbour.
    """

    def statistic(first: Rows, second: Rows) -> Mapping[str, float]:
        found = neighbourhoods(first, second)
        means = (found.precise, found.dense, found.recalled, found.covered)
        return {name: float(one.mean()) for name, one in zip(NEIGHBOUR_NAMES, means, strict=True)}

    asked = Asked(
        statistic=statistic, names=NEIGHBOUR_NAMES, topic="neighbours", better="high", draws=0
    )
    measures = judge(real, synthetic, asked)
    if measures[0].withheld:
        return measures
    found = neighbourhoods(real.rows, synthetic.rows, NEIGHBOURS)
    intervals = {
        "precision": cluster_interval(found.precise, synthetic.unit),
        "density": cluster_interval(found.dense, synthetic.unit),
        "recall": cluster_interval(found.recalled, real.unit),
        "coverage": cluster_interval(found.covered, real.unit),
    }
    return tuple(replace(one, interval=intervals[one.name]) for one in measures)


def feature_measures(real: Sample, synthetic: Sample, scale: Scale) -> tuple[Measure, ...]:
    """By group of features, medians of W1 in interquartile ranges and of KS; and correlations.

    Each is a median over the group's features of the distance between real and generated cells.
    """
    groups = np.array([name.split("/")[0] for name in real.features])
    every = tuple(dict.fromkeys(groups.tolist()))

    def statistic(first: Rows, second: Rows) -> Mapping[str, float]:
        ranges, shares = wasserstein(first, second) / scale.spread, kolmogorov(first, second)
        found = {"correlation": correlation_difference(first, second)}
        for group in every:
            found[f"W1/IQR, {group}"] = float(np.median(ranges[groups == group]))
            found[f"KS, {group}"] = float(np.median(shares[groups == group]))
        return found

    names = (*(f"{kind}, {group}" for group in every for kind in ("W1/IQR", "KS")), "correlation")
    asked = Asked(statistic=statistic, names=names, topic="features", better="low", draws=50)
    return judge(real, synthetic, asked)


def feature_table(real: Sample, synthetic: Sample, scale: Scale) -> tuple[FeatureDistance, ...]:
    """Every feature by itself, the one that is furthest off first; empty without cells."""
    if not len(real.rows) or not len(synthetic.rows):
        return ()
    ranges = wasserstein(real.rows, synthetic.rows) / scale.spread
    shares = kolmogorov(real.rows, synthetic.rows)
    other = np.median(synthetic.rows, axis=0)
    return tuple(
        FeatureDistance(
            feature=real.features[place],
            wasserstein=float(ranges[place]),
            kolmogorov=float(shares[place]),
            real_median=float(scale.middle[place]),
            synthetic_median=float(other[place]),
        )
        for place in np.argsort(-ranges, kind="stable")
    )
