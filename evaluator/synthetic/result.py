"""What a comparison of generated with real images found, and the file that keeps it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from contract import CallError, write_json
from evaluator.runs.folder import SYNTHETIC_JSON
from evaluator.statistics.intervals import Interval

Topic = Literal["distance", "neighbours", "features", "memory"]
Better = Literal["low", "high"]


@dataclass(frozen=True, kw_only=True)
class Floor:
    """The same number between two halves of the real images, over repeated splits."""

    middle: float
    """The median."""
    low: float
    high: float
    """Between them lie 95 % of the splits."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number about the generated images, beside its floor."""

    name: str
    topic: Topic
    better: Better
    real_images: int
    synthetic_images: int
    real_rows: int
    """Cells or crops."""
    synthetic_rows: int
    value: float | None = None
    """Of all images."""
    interval: Interval | None = None
    """95 %, bootstrap over images."""
    equal: float | None = None
    """Median over draws with as many images and rows as the halves of the floor have."""
    floor: Floor | None = None
    withheld: str = ""
    """Why there is no number; "" where there is one."""

    @property
    def verdict(self) -> Literal["as real", "beyond the floor", ""]:
        """Whether generated images differ from real ones as these do among themselves.

        By the number at equal size, since many of these depend on how many rows there are.
        """
        if self.equal is None or self.floor is None:
            return ""
        if self.better == "low":
            return "beyond the floor" if self.equal > self.floor.high else "as real"
        return "beyond the floor" if self.equal < self.floor.low else "as real"


@dataclass(frozen=True, kw_only=True)
class FeatureDistance:
    """How far apart one feature's values of generated and of real cells are."""

    feature: str
    wasserstein: float
    """In interquartile ranges of the real cells."""
    kolmogorov: float
    real_median: float
    synthetic_median: float
    """In the feature's own units."""


@dataclass(frozen=True, kw_only=True)
class PairScore:
    """How alike an image and its real partner are, as the mean over all pairs of one way."""

    way: str
    """`synthetic`, or the baseline."""
    metric: str
    pairs: int
    value: float | None = None
    interval: Interval | None = None
    difference: float | None = None
    """Mean over pairs of the synthetic one's value less this way's."""
    difference_interval: Interval | None = None
    withheld: str = ""


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """A generated image and the real one that is most like it."""

    synthetic: str
    real: str
    """Stems."""
    distance: float
    """1 − correlation of the two at 32×32 pixels, over the eight orientations; in [0, 2]."""
    picture: str
    """File beside synthetic.json: the generated image on the left, the real one on the right."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The network that gave the features that FID and KID are of."""

    file: str
    sha256: str
    known: str
    """What a published sum says of the file; "" when none does."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Everything about one folder of generated images."""

    real: str
    synthetic: str
    """Folders, by name."""
    methods: tuple[str, ...]
    real_images: int
    synthetic_images: int
    features: int
    """Features of cells that were compared."""
    measures: tuple[Measure, ...]
    by_feature: tuple[FeatureDistance, ...] = ()
    pairs: tuple[PairScore, ...] = ()
    nearest: tuple[Nearest, ...] = ()
    weights: Weights | None = None
    notes: tuple[str, ...] = ()
    version: str = ""
    """Of cellbench."""


_SCHEMA = TypeAdapter(Comparison)


def write_comparison(comparison: Comparison, folder: Path) -> None:
    """Writes synthetic.json."""
    write_json(folder / SYNTHETIC_JSON, _finite(_SCHEMA.dump_python(comparison, mode="json")))


def read_comparison(folder: Path) -> Comparison:
    """Reads synthetic.json; raises CallError when it is none."""
    path = folder / SYNTHETIC_JSON
    try:
        return _SCHEMA.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise CallError(
            f"{path} is no result of `evaluator synthetic`.",
            "it is missing, damaged, or of another version",
            "make it again",
        ) from error


def _finite(value: Any) -> Any:
    """The document with null in place of numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
