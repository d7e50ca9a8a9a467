"""The report's numbers: each is computed when a section first asks for it, and kept."""

import math
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from contract import UnreadableImage, read_header
from contract.images import ImageHeader
from evaluator.report import summary
from evaluator.report.cells import RunCells
from evaluator.report.data import SCORED, Model, ReportData, SeedRun
from evaluator.report.read.published import Published
from evaluator.report.tables import Estimate, Value
from evaluator.statistics.bootstrap import Interval, bootstrap_interval
from evaluator.statistics.paired import Comparison, compare_models
from evaluator.statistics.ranks import RankStability, rank_stability
from evaluator.statistics.score_matrix import ScoreMatrix

SCORES = list(summary.METRICS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbers:
    """What all sections are made from.

    The base is the threshold of the summary, `data.base`. A contender is a model that can be
    best: no control, with at least one scored image.
    """

    data: ReportData
    published: Published | None = None

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
        return {str(row["model"]): row for row in _records(self.summary)}

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
    def with_masks(self) -> frozenset[str]:
        """The models of which at least one image was scored; of the others only that is said."""
        return frozenset(model for model, row in self.of_model.items() if row["scored"] > 0)

    @cached_property
    def contenders(self) -> tuple[Model, ...]:
        return tuple(model for model in self.ranking if model.name in self.with_masks)

    @cached_property
    def contender_rows(self) -> pd.DataFrame:
        """The rows of the contenders at the base, or all when there is none."""
        names = [model.name for model in self.contenders]
        return self.rows[self.rows["model"].isin(names)] if names else self.rows

    @cached_property
    def matrix(self) -> ScoreMatrix:
        """F1 of the contenders at the base."""
        return score_matrix(self.rows, [model.name for model in self.contenders])

    @cached_property
    def pairs(self) -> tuple[Comparison, ...]:
        """Every two contenders in their order, p corrected by Holm's method over all of them."""
        return compare_models(self.matrix)

    @cached_property
    def ranks(self) -> tuple[RankStability, ...]:
        """How firm each contender's rank is; empty for fewer than two or too few images."""
        return rank_stability(self.matrix) if len(self.matrix.models) > 1 else ()

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
        """A model's mean with its 95 % interval over images, seeds averaged.

        The interval is over `images`, all of them when left out, at `threshold`, the base when
        left out. There is none without a scored image among them, or with fewer than 5 images.
        """
        key = (self.data.base if threshold is None else threshold, model)
        means = self._per_image.get(key)
        if means is None or value is None:
            return value
        if images is not None:
            means = means[means.index.isin(images)]
        if not means[SCORED].any():
            return value
        interval = self.interval(means[score].to_numpy(dtype=float))
        return Estimate(value, interval.low, interval.high) if interval else value

    def interval(self, values: npt.NDArray[np.float64]) -> Interval | None:
        """The bootstrap interval of the mean of `values`, drawn once for the same values."""
        key = values.tobytes()
        if key not in self._intervals:
            self._intervals[key] = bootstrap_interval(values)
        return self._intervals[key]

    def on_image(self, model: str, image: str) -> tuple[tuple[str, ...], float]:
        """How a model's seeds ended on an image, at the base, and their mean F1.

        No outcomes and NaN when none was scored yet.
        """
        found = self._by_image.get((model, image), [])
        outcomes = tuple(outcome for outcome, _ in found)
        return outcomes, float(np.mean([f1 for _, f1 in found])) if found else math.nan

    def cells(self, model: Model, run: SeedRun) -> RunCells:
        """The cells of one seed of a model at the base."""
        return self._cells.setdefault((model.name, run.seed), RunCells(run, self.data.base))

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
    def _per_image(self) -> dict[tuple[Any, str], pd.DataFrame]:
        """By threshold and model: each image's scores, seeds averaged, and whether one counts."""
        frame = self.data.scores
        frame = frame.assign(**{SCORED: frame["outcome"] == SCORED})
        groups = frame.groupby(["threshold", "model", "image"])
        means = groups[SCORES].mean()
        means[SCORED] = groups[SCORED].any()
        return {
            (threshold, str(model)): rows.droplevel(["threshold", "model"])
            for (threshold, model), rows in means.groupby(level=["threshold", "model"])
        }

    @cached_property
    def _by_image(self) -> dict[tuple[str, str], list[tuple[str, float]]]:
        """Outcome and F1 of every seed, by model and image."""
        found: dict[tuple[str, str], list[tuple[str, float]]] = {}
        columns = (self.rows[name] for name in ("model", "image", "outcome", "f1"))
        for model, image, outcome, f1 in zip(*columns, strict=True):
            found.setdefault((model, image), []).append((outcome, f1))
        return found

    @cached_property
    def _intervals(self) -> dict[bytes, Interval | None]:
        return {}

    @cached_property
    def _cells(self) -> dict[tuple[str, int], RunCells]:
        return {}


ENDINGS = {
    "crashed": "crashed",
    "out_of_memory": "ran out of memory",
    "timeout": "ran into its time-out",
}
"""What is said of a step that ended otherwise than done."""


def score_matrix(rows: pd.DataFrame, models: Collection[str], score: str = "f1") -> ScoreMatrix:
    """The scores of `models`, those with rows, in the given order; rows are at one threshold."""
    images = list(dict.fromkeys(rows["image"]))
    by_seed = {}
    for model in models:
        of_model = rows[rows["model"] == model]
        if len(of_model):
            table = of_model.pivot(index="seed", columns="image", values=score)
            by_seed[model] = table.reindex(columns=images).to_numpy(dtype=float)
    return ScoreMatrix(images=tuple(images), by_seed=by_seed)


def lookup(frame: pd.DataFrame, key: str, value: str) -> dict[tuple[Any, Any], float]:
    """The column `value` of a frame by (model, `key`)."""
    triples = zip(frame["model"], frame[key], frame[value], strict=True)
    return {(model, group): float(number) for model, group, number in triples}


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
