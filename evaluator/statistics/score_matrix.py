"""Scores as arrays of seeds by images, one per model, on one common list of images."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
import numpy.typing as npt

from evaluator.scores.rows import ScoreRow
from evaluator.scores.summaries import Score

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ScoreMatrix:
    """One score at one threshold."""

    images: tuple[str, ...]
    by_seed: Mapping[str, Values]
    """Model → (seeds, images), each in [0, 1]; a pair that failed is 0, one that was never tried
    NaN. Models by their mean, best first."""
    groups: tuple[str, ...] | None = None
    """Of each image the slide, patient, plate or movie that it comes from; None when images were
    chosen one by one. Images of one group count as one draw."""
    strata: tuple[str, ...] | None = None
    """Of each image the part that it is of in a mix that was fixed beforehand; None when all come
    from one lot. Redraws keep the mix."""

    @classmethod
    def of_images(
        cls,
        images: Sequence[str],
        by_seed: Mapping[str, Values],
        *,
        groups: Mapping[str, str] | None = None,
        strata: Mapping[str, str] | None = None,
    ) -> "ScoreMatrix":
        """With the group and the stratum of each image by its name, as `score_matrix` has them."""
        return cls(
            images=tuple(images),
            by_seed=by_seed,
            groups=None if groups is None else tuple(groups.get(image, image) for image in images),
            strata=None if strata is None else tuple(strata.get(image, "") for image in images),
        )

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models, best mean first."""
        return tuple(self.by_seed)

    def values(self, model: str) -> Values:
        """(images,) of a model, seeds averaged; NaN where a seed has no score."""
        return np.asarray(self.by_seed[model].mean(axis=0))

    def of(self, models: Iterable[str]) -> "ScoreMatrix":
        """The same for some of the models, in their order here."""
        wanted = set(models)
        return replace(
            self, by_seed={name: own for name, own in self.by_seed.items() if name in wanted}
        )

    def at(self, images: Iterable[str]) -> "ScoreMatrix":
        """The same for some of the images, in their order here; the order of models stays."""
        wanted = set(images)
        keep = np.array([image in wanted for image in self.images], dtype=np.bool_)
        return ScoreMatrix(
            images=tuple(compress(self.images, keep)),
            by_seed={model: values[:, keep] for model, values in self.by_seed.items()},
            groups=kept(self.groups, keep),
            strata=kept(self.strata, keep),
        )


def score_matrix(
    rows: Iterable[ScoreRow],
    *,
    threshold: float = 0.5,
    score: Score = "f1",
    groups: Mapping[str, str] | None = None,
    strata: Mapping[str, str] | None = None,
) -> ScoreMatrix:
    """The matrix of `score` at `threshold` from rows of scores.csv.

    `groups` names the group of each image; one that it leaves out stands for itself. `strata`
    names the part of each in a mix that was fixed beforehand. Images come in the order in which the
    rows first name them. Raises ValueError when a model, seed and image come twice, or when there
    is no row at that threshold.
    """
    found: dict[tuple[str, int], dict[str, float]] = {}
    images: dict[str, None] = {}
    for row in rows:
        if row.threshold != threshold:
            continue
        images.setdefault(row.image)
        values = found.setdefault((row.model, row.seed), {})
        if row.image in values:
            raise ValueError(f"{row.model}, seed {row.seed}, has two scores for {row.image}")
        values[row.image] = getattr(row, score)
    if not found:
        raise ValueError(f"there is no score at threshold {threshold:g}")
    by_model: dict[str, list[list[float]]] = {}
    for (model, _), values in sorted(found.items()):
        by_model.setdefault(model, []).append([values.get(image, np.nan) for image in images])
    arrays = {model: np.array(seeds) for model, seeds in by_model.items()}
    order = sorted(arrays, key=lambda model: (-_mean(arrays[model]), model))
    by_seed = {model: arrays[model] for model in order}
    return ScoreMatrix.of_images(tuple(images), by_seed, groups=groups, strata=strata)


def kept(names: tuple[str, ...] | None, keep: npt.NDArray[np.bool_]) -> tuple[str, ...] | None:
    """The names of the images that are kept, where there are names."""
    return None if names is None else tuple(compress(names, keep))


def unit_sums(values: Values, groups: Sequence[str] | None) -> tuple[Values, Values]:
    """(images, k) numbers summed over each group, and how many images each sum is of.

    Both (units, k). A NaN is left out of both; without groups every image is a unit.
    """
    seen = ~np.isnan(values)
    filled = np.where(seen, values, 0.0)
    if groups is None:
        return filled, seen.astype(np.float64)
    _, places = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    sums, sizes = (np.zeros((int(places.max(initial=-1)) + 1, values.shape[1])) for _ in range(2))
    np.add.at(sums, places, filled)
    np.add.at(sizes, places, seen)
    return sums, sizes


def _mean(values: Values) -> float:
    tried = values[~np.isnan(values)]
    return float(tried.mean())
