"""Numbers between two samples, beside what they are between two halves of the real one.

Images are the unit everywhere: cells of one image are alike, so they are drawn together.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluator.statistics.intervals import FEWEST, Interval
from evaluator.synthetic.cells import Sample
from evaluator.synthetic.distances import Rows
from evaluator.synthetic.result import Better, Floor, Measure, Topic

SPLITS = 20
"""Of the real images into halves."""
DRAWS = 100
"""Of the bootstrap."""
FEWEST_ROWS = 50
"""Of a half: below, a distance of distributions is noise."""

Statistic = Callable[[Rows, Rows], Mapping[str, float]]
"""Real rows and others → named numbers."""
Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A family of numbers that are computed together."""

    statistic: Statistic
    names: tuple[str, ...]
    topic: Topic
    better: Better
    draws: int = DRAWS
    """0: no interval from here."""
    splits: int = SPLITS
    rows: str = "whole cells"
    """What the rows are, in sentences."""
    signed: frozenset[str] = frozenset()
    """Those of the names whose numbers may be below 0."""


def judge(real: Sample, synthetic: Sample, asked: Asked, seed: int = 0) -> tuple[Measure, ...]:
    """The numbers of all rows, their bootstrap intervals, floors, and values at equal size.

    The floor is the number between two halves of the real images, split at random SPLITS times.
    Beside it stands the number between one half and as many generated images; all are cut to the
    same number of rows, since Fréchet distances and neighbourhoods depend on it. Withheld below
    FEWEST images on a side, or FEWEST_ROWS rows in a half.
    """
    reason = too_few(real, synthetic, asked.rows)
    if reason:
        return tuple(
            _measure(name, asked, real, synthetic, withheld=reason) for name in asked.names
        )
    value = asked.statistic(real.rows, synthetic.rows)
    intervals = _bootstrap(real, synthetic, asked, value, seed) if asked.draws else {}
    floors, equals = _splits(real, synthetic, asked, seed)
    found = []
    for name in asked.names:
        low, middle, high = np.quantile(floors[name], [0.025, 0.5, 0.975])
        found.append(
            _measure(
                name,
                asked,
                real,
                synthetic,
                value=value[name],
                interval=intervals.get(name),
                equal=float(np.median(equals[name])),
                floor=Floor(middle=float(middle), low=float(low), high=float(high)),
            )
        )
    return tuple(found)


def too_few(real: Sample, synthetic: Sample, rows: str) -> str:
    """Why nothing is said of these samples; "" when they suffice."""
    for sample, side, images, least in (
        (real, "real", 2 * FEWEST, 2 * FEWEST_ROWS),
        (synthetic, "synthetic", FEWEST, FEWEST_ROWS),
    ):
        if sample.images < images:
            return f"{sample.images} {side} images with {rows}, fewer than {images}"
        if len(sample.rows) < least:
            return f"{len(sample.rows)} {rows} of {side} images, fewer than {least}"
    return ""


def cluster_interval(
    values: npt.NDArray[np.float64], unit: Indices, draws: int = 1000, seed: int = 0
) -> Interval:
    """The 95 % interval of the mean of (rows,) values when whole images are drawn again."""
    generator = np.random.default_rng(seed)
    _, places = np.unique(unit, return_inverse=True)
    sums, sizes = np.bincount(places, weights=values), np.bincount(places)
    drawn = generator.integers(0, len(sums), (draws, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return Interval(low=float(low), high=float(high))


def _splits(
    real: Sample, synthetic: Sample, asked: Asked, seed: int
) -> tuple[Mapping[str, list[float]], Mapping[str, list[float]]]:
    """By name, the numbers between halves, and between a half and as many generated images."""
    generator = np.random.default_rng([seed, 1])
    own, others = _by_image(real), _by_image(synthetic)
    floors: dict[str, list[float]] = defaultdict(list)
    equals: dict[str, list[float]] = defaultdict(list)
    for _ in range(asked.splits):
        order = generator.permutation(len(own))
        half = len(own) // 2
        images = min(len(own) - half, len(others))
        kept = _rows(own, order[:half])
        rest = _rows(own, order[half : half + images])
        drawn = _rows(others, generator.permutation(len(others))[:images])
        size = min(len(rest), len(drawn))
        rest, drawn = (generator.permutation(rows)[:size] for rows in (rest, drawn))
        base = real.rows[kept]
        for name, number in asked.statistic(base, real.rows[rest]).items():
            floors[name].append(number)
        for name, number in asked.statistic(base, synthetic.rows[drawn]).items():
            equals[name].append(number)
    return floors, equals


def _bootstrap(
    real: Sample, synthetic: Sample, asked: Asked, value: Mapping[str, float], seed: int
) -> dict[str, Interval]:
    """Percentiles over draws of whole images, moved so that their mean is the value.

    An image that is drawn twice makes a sample poorer than it is, which shifts all draws alike.
    """
    generator = np.random.default_rng([seed, 2])
    own, others = _by_image(real), _by_image(synthetic)
    drawn: dict[str, list[float]] = defaultdict(list)
    for _ in range(asked.draws):
        first = _rows(own, generator.integers(0, len(own), len(own)))
        second = _rows(others, generator.integers(0, len(others), len(others)))
        for name, number in asked.statistic(real.rows[first], synthetic.rows[second]).items():
            drawn[name].append(number)
    result = {}
    for name, numbers in drawn.items():
        low, high = np.quantile(numbers, [0.025, 0.975]) - np.mean(numbers) + value[name]
        least = -np.inf if name in asked.signed else 0.0
        result[name] = Interval(low=max(float(low), least), high=float(high))
    return result


def _by_image(sample: Sample) -> list[Indices]:
    """The places of each image's rows; images without any are left out."""
    order = np.argsort(sample.unit, kind="stable")
    _, starts = np.unique(sample.unit[order], return_index=True)
    return np.split(order, starts[1:])


def _rows(images: Sequence[Indices], chosen: Indices) -> Indices:
    return np.concatenate([images[place] for place in chosen])


def _measure(
    name: str,
    asked: Asked,
    real: Sample,
    synthetic: Sample,
    *,
    value: float | None = None,
    interval: Interval | None = None,
    equal: float | None = None,
    floor: Floor | None = None,
    withheld: str = "",
) -> Measure:
    return Measure(
        name=name,
        topic=asked.topic,
        better=asked.better,
        real_images=real.images,
        synthetic_images=synthetic.images,
        real_rows=len(real.rows),
        synthetic_rows=len(synthetic.rows),
        value=value,
        interval=interval,
        equal=equal,
        floor=floor,
        withheld=withheld,
    )
