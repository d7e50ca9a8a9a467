"""The report's numbers: each is computed when a section first asks for it, and kept."""

import math
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract import UnreadableImage
from contract.guarded import read_header
from contract.images import ImageHeader
from evaluator.report import summary
from evaluator.report.cells import ImageCells, RunCells
from evaluator.report.data import SCORED, Model, ReportData, SeedRun
from evaluator.report.followed import followed_part, told_part
from evaluator.report.frames import frame_matrix, records
from evaluator.report.read.published import Published
from evaluator.report.run_tables import cells_of_truth, stored_tables
from evaluator.report.tables import Estimate, Value
from evaluator.runs.words import GROUP, STRATUM
from evaluator.scores.rescore import StoredTable
from evaluator.scores.strata import SIZE_CLASSES, size_places
from evaluator.statistics.intervals import Interval, Share, median_interval
from evaluator.statistics.means import ModelMean, model_means
from evaluator.statistics.paired import (
    MARGIN,
    Comparison,
    StratumComparisons,
    compare_models,
    compare_within,
)
from evaluator.statistics.ranks import RankStability, rank_stability
from evaluator.statistics.score_matrix import ScoreMatrix


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """What all sections are made from.

    The base is the threshold of the summary, `data.base`. A contender is a model that can be
    best: no control, with at least one scored image.
    """

    data: ReportData
    published: Published | None = None
    margin: float = MARGIN
    """Difference in mean F1 below which two models are equivalent."""

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The rows of scores.csv at the base."""
        return self.data.scores[self.data.scores["threshold"] == self.data.base]

    @cached_property
    def summary(self) -> pd.DataFrame:
        """What `summary.by_model` says of the base, in the order of scores.csv."""
        return summary.by_model(self.rows)

    @cached_property
    def of_model(self) -> Mapping[str, Mapping[str, Any]]:
        """The columns of `summary` by model; models without scores are not in it."""
        return {str(row["model"]): row for row in records(self.summary)}

    @cached_property
    def mean_f1(self) -> Mapping[str, float]:
        return {model: row["mean_f1"] for model, row in self.of_model.items()}

    @cached_property
    def thresholds(self) -> pd.DataFrame:
        return summary.by_threshold(self.data.scores)

    @cached_property
    def count_ranges(self) -> pd.DataFrame:
        return summary.by_count_range(self.rows)

    @cached_property
    def extremes(self) -> pd.DataFrame:
        return summary.extremes(self.rows)

    @cached_property
    def image_means(self) -> pd.DataFrame:
        return summary.image_means(self.rows)

    @cached_property
    def true_cells(self) -> pd.Series:
        """True cells of each scored image, by its name."""
        return self.rows.groupby("image")["true_cells"].max()

    @cached_property
    def failed_share(self) -> float:
        return summary.failed_share(self.rows)

    @cached_property
    def order(self) -> tuple[Model, ...]:
        """Models by mean F1, best first; models without scores after them, controls last."""

        def place(model: Model) -> tuple[bool, float, str]:
            return model.is_control, -self.mean_f1.get(model.name, -1.0), model.name

        return tuple(sorted(self.data.models, key=place))

    @cached_property
    def ranking(self) -> tuple[Model, ...]:
        """The models of `order` that have scores and are no controls, which never win."""
        return tuple(
            model for model in self.order if model.name in self.mean_f1 and not model.is_control
        )

    @cached_property
    def with_masks(self) -> tuple[str, ...]:
        """The models of which at least one image was scored; of the others only that is said."""
        return tuple(model for model, row in self.of_model.items() if row["scored"] > 0)

    @cached_property
    def contenders(self) -> tuple[Model, ...]:
        return tuple(model for model in self.ranking if model.name in self.with_masks)

    @cached_property
    def contender_rows(self) -> pd.DataFrame:
        """The rows of the contenders at the base, or all when there is none."""
        names = [model.name for model in self.contenders]
        return self.rows[self.rows["model"].isin(names)] if names else self.rows

    @cached_property
    def groups(self) -> Mapping[str, str] | None:
        """The slide, patient, plate or movie of each image, from the manifest's column `group`."""
        named = {image.name: image.strata.get(GROUP, "") for image in self.data.images}
        if not any(named.values()):
            return None
        return {image: group or image for image, group in named.items()}

    @cached_property
    def fixed_mix(self) -> Mapping[str, str] | None:
        """The part of each image in a mix fixed beforehand, from the manifest's `stratum`."""
        named = {image.name: image.strata.get(STRATUM, "") for image in self.data.images}
        return named if len(set(named.values())) > 1 else None

    def matrix_of(
        self, rows: pd.DataFrame, models: Iterable[str], score: str = "f1"
    ) -> ScoreMatrix:
        """The scores of `models`, those with rows, in that order; rows are at one threshold."""
        return frame_matrix(rows, models, score, groups=self.groups, strata=self.fixed_mix)

    @cached_property
    def matrix(self) -> ScoreMatrix:
        """F1 of the contenders at the base."""
        names = [model.name for model in self.contenders]
        return self.matrix_of(self.rows, names)

    @cached_property
    def pairs(self) -> tuple[Comparison, ...]:
        """Every two contenders in their order, p and intervals of all of them together."""
        return compare_models(self.matrix, margin=self.margin)

    def pairs_within(self, strata: Mapping[str, str]) -> tuple[StratumComparisons, ...]:
        """Every two contenders inside each stratum; `strata` names that of each image."""
        return compare_within(self.matrix, strata, margin=self.margin)

    @cached_property
    def ranks(self) -> tuple[RankStability, ...]:
        """How firm each contender's rank is; empty for fewer than two or too few images."""
        if len(self.matrix.models) < 2:
            return ()
        return rank_stability(self.matrix, self.pairs)

    @cached_property
    def headers(self) -> Mapping[str, ImageHeader]:
        """What the headers of the test images say, by name; unreadable ones are left out."""
        found = {}
        for image in self.data.images:
            if image.image is not None:
                with suppress(UnreadableImage):
                    found[image.name] = read_header(image.image)
        return found

    def estimate(
        self,
        model: str,
        value: float | None,
        score: str = "f1",
        *,
        threshold: float | None = None,
        images: Collection[str] | None = None,
    ) -> Value:
        """A model's mean with its 95 % interval, over images and, with two seeds, trainings.

        The interval is over `images`, all of them when left out, at `threshold`, the base when
        left out. There is none without a scored image among them, or with fewer than 5 images.
        """
        found = self.means(score, threshold=threshold, images=images).get(model)
        if value is None or found is None or found.interval is None:
            return value
        return Estimate(value, found.interval.low, found.interval.high)

    def means(
        self,
        score: str = "f1",
        *,
        threshold: float | None = None,
        images: Collection[str] | None = None,
    ) -> Mapping[str, ModelMean]:
        """The models that have a scored image, with the uncertainty of their mean of `score`."""
        threshold = self.data.base if threshold is None else threshold
        key = (score, threshold, None if images is None else frozenset(images))
        if key not in self._means:
            rows = self._at.get(threshold, self.rows)
            if images is not None:
                rows = rows[rows["image"].isin(images)]
            names = dict.fromkeys(rows.loc[rows["outcome"] == SCORED, "model"])
            matrix = self.matrix_of(rows, names, score)
            self._means[key] = {one.model: one for one in model_means(matrix)}
        return self._means[key]

    def signed_means(self, values: pd.Series) -> Mapping[str, ModelMean]:
        """As `means`, of numbers in [−1, 1], such as differences of scores; one for each of `rows`.

        Where one is NaN its image is left out for that model.
        """
        # The interval for bounded scores asks for a scale from 0 to 1.
        rows = self.rows.assign(scaled=(values + 1) / 2)
        matrix = self.matrix_of(rows, self.with_masks, "scaled")
        return {
            one.model: replace(
                one,
                mean=2 * one.mean - 1,
                interval=one.interval
                and Interval(low=2 * one.interval.low - 1, high=2 * one.interval.high - 1),
            )
            for one in model_means(matrix)
        }

    @cached_property
    def count_bias(self) -> Mapping[str, ModelMean]:
        """Predicted minus true cells over the larger of the two, on scored images, in [−1, 1]."""
        return self.signed_means(self.count_share)

    @property
    def count_share(self) -> pd.Series:
        """The same row by row; NaN where the image was not scored."""
        rows = self.rows
        larger = rows[["true_cells", "predicted_cells"]].max(axis=1)
        share = (rows["predicted_cells"] - rows["true_cells"]) / larger.where(larger > 0)
        return share.fillna(0.0).where(rows["outcome"] == SCORED)

    def median(self, model: str) -> Value:
        """A model's median F1 at the base with its interval over images, seeds averaged.

        No interval where images belong together: order statistics take them one by one.
        """
        known = self.of_model.get(model)
        if known is None:
            return None
        value = float(known["median_f1"])
        single = model in self.with_masks and self.groups is None
        found = median_interval(self._image_f1(model)) if single else None
        if found is None:
            return value
        return Estimate(value, min(value, found.low), max(value, found.high))

    def zeros(self, model: str, threshold: float) -> Share | None:
        """On how many images a model has F1 0 at a threshold; None without a scored image."""
        found = self.means(threshold=threshold).get(model)
        return None if found is None else found.zeros

    def _image_f1(self, model: str) -> npt.NDArray[np.float64]:
        rows = self.image_means
        return rows.loc[rows["model"] == model, "f1"].to_numpy(dtype=float)

    def on_image(self, model: str, image: str) -> tuple[tuple[str, ...], float]:
        """How a model's seeds ended on an image, at the base, and their mean F1.

        No outcomes and NaN when none was scored yet.
        """
        found = self._by_image.get((model, image), [])
        outcomes = tuple(outcome for outcome, _ in found)
        return outcomes, float(np.mean([f1 for _, f1 in found])) if found else math.nan

    @cached_property
    def followed(self) -> "Numbers":
        """The same of the images whose cells are followed, all of them unless they are many."""
        part = followed_part(self.data)
        return self if part is self.data else replace(self, data=part)

    @property
    def follows(self) -> str:
        """A sentence about which images' cells are followed; empty when all are."""
        return told_part(self.followed.data, self.data)

    def cells(self, model: Model, run: SeedRun) -> RunCells:
        """The cells of one seed of a model at the base."""
        return self._cells.setdefault(
            (model.name, run.seed), RunCells(run, self.data.base, self.data.protocol)
        )

    @cached_property
    def truth(self) -> Mapping[str, ImageCells]:
        """By image the cells of the truth, beside those of some model; see `cells_of_truth`."""
        return cells_of_truth(self.data, self.cells)

    @cached_property
    def image_sizes(self) -> Mapping[str, str]:
        """By image the size class of its median counted true cell; images without one left out."""
        areas = {
            name: np.concatenate([part.truth.areas for part in cells.counted])
            for name, cells in self.truth.items()
        }
        return {
            name: SIZE_CLASSES[int(size_places(np.median(own)))]
            for name, own in areas.items()
            if len(own)
        }

    @cached_property
    def scored_pairs(self) -> frozenset[tuple[str, int, str]]:
        """Model, seed and image of what was scored."""
        rows = self.rows[self.rows["outcome"] == SCORED]
        return frozenset(zip(rows["model"], rows["seed"], rows["image"], strict=True))

    @cached_property
    def tables(self) -> tuple[StoredTable, ...] | None:
        """The overlap tables of the contenders on all images; None when one is not there."""
        return stored_tables(self.data, self.contenders, self.rows, self.cells, self.truth)

    def state(self, model: Model) -> str:
        """How far a model got, in words: the first step that did not end well, or nothing."""
        for run in model.runs:
            where = f"seed {run.seed}: " if len(model.runs) > 1 else ""
            for name, usage in (("training", run.train_usage), ("prediction", run.predict_usage)):
                if usage is not None and usage.outcome != "done":
                    return f"{where}{name} {ENDINGS[usage.outcome]}"
        return "" if model.name in self.names_with_scores else "no scores yet"

    @cached_property
    def names_with_scores(self) -> frozenset[str]:
        """Models with rows at any threshold."""
        return frozenset(self.data.scores["model"])

    @cached_property
    def _at(self) -> dict[Any, pd.DataFrame]:
        """The rows of scores.csv by threshold."""
        return dict(tuple(self.data.scores.groupby("threshold")))

    @cached_property
    def _by_image(self) -> dict[tuple[str, str], list[tuple[str, float]]]:
        """Outcome and F1 of every seed, by model and image."""
        found: dict[tuple[str, str], list[tuple[str, float]]] = {}
        columns = (self.rows[name] for name in ("model", "image", "outcome", "f1"))
        for model, image, outcome, f1 in zip(*columns, strict=True):
            found.setdefault((model, image), []).append((outcome, f1))
        return found

    @cached_property
    def _means(self) -> dict[Any, Mapping[str, ModelMean]]:
        return {}

    @cached_property
    def _cells(self) -> dict[tuple[str, int], RunCells]:
        return {}


ENDINGS = {
    "missing": "not possible: it comes with no weights",
    "crashed": "crashed",
    "out_of_memory": "ran out of memory",
    "timeout": "ran into its time-out",
}
"""What is said of a step that ended otherwise than done."""
