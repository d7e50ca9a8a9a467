"""Two runs by their scores: whether the second is worse, not worse, or neither is settled."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Literal

import numpy as np

from evaluator.compare.comparable import Comparable, Side, comparable
from evaluator.scores.rows import ScoreRow
from evaluator.statistics.intervals import Interval
from evaluator.statistics.paired import LEVEL, MARGIN, Comparison, compare_pairs
from evaluator.statistics.power import MOST_IMAGES
from evaluator.statistics.score_matrix import ScoreMatrix, score_matrix

TWO_SIDED = 0.90
"""Level of the interval whose lower end alone is a bound with 95 % confidence."""

GateVerdict = Literal["not worse", "worse", "undecided"]


class GateCode(IntEnum):
    """How `evaluator compare` ends. A program that ran out of memory ends with 4 as well, but says
    so as an error."""

    NOT_WORSE = 0
    WORSE = 3
    UNDECIDED = 4


CODES: Mapping[GateVerdict, GateCode] = {
    "not worse": GateCode.NOT_WORSE,
    "worse": GateCode.WORSE,
    "undecided": GateCode.UNDECIDED,
}


@dataclass(frozen=True, kw_only=True)
class Means:
    """Mean F1 of a model in both runs at one threshold, in [0, 1], failed images as 0."""

    threshold: float
    a: float
    b: float

    @property
    def change(self) -> float:
        """That of B minus that of A."""
        return self.b - self.a


@dataclass(frozen=True, kw_only=True)
class ModelDifference:
    """One model in both runs, on the images of run A, seeds averaged per image."""

    model: str
    """Its name, or "a → b" when it is called differently."""
    margin: float
    images: int
    differing: int
    """Images whose score is not the same in both."""
    units: int
    """Images, or groups of images where these belong together."""
    unequal: int
    """Units on which the two runs differ."""
    primary: Means
    """At the threshold that decides."""
    others: tuple[Means, ...]
    """At the other thresholds, which decide nothing."""
    largest_loss: float
    """The most that one image lost; 0 or below where none did."""
    interval: Interval | None
    """Of the change, B minus A: each end is a bound with 95 % confidence for all models together.
    None where fewer than 6 units differ or there are fewer than 5."""
    over_trainings: bool
    """Whether the spread between trainings is in the interval."""
    new_failures: tuple[str, ...]
    """Sentences: images that were scored in A and failed in B."""

    @property
    def same(self) -> bool:
        """Whether every image has the same score in both."""
        return self.differing == 0

    @property
    def spared(self) -> bool:
        """Whether no image lost as much as the margin, or anything at all."""
        return self.largest_loss < self.margin or self.largest_loss <= LEVEL

    @property
    def verdict(self) -> GateVerdict:
        """One-sided non-inferiority. Source: Schuirmann, Journal of Pharmacokinetics and
        Biopharmaceutics 15, 657-680 (1987), the one of his two tests that asks for the loss."""
        if self.new_failures:
            return "worse"
        if self.same or self.spared:
            return "not worse"
        if self.interval is None:
            return "undecided"
        if self.interval.low > -self.margin:
            return "not worse"
        return "worse" if self.interval.high < 0 else "undecided"

    @property
    def images_to_settle(self) -> int | None:
        """About how many units would settle it, if the change stays what it is; None where no
        number would, or fewer than 6 units differ."""
        if self.interval is None:
            return None
        half = (self.interval.high - self.interval.low) / 2
        room = max(self.primary.change + self.margin, -self.primary.change)
        if room <= 0:
            return None
        needed = math.ceil(self.units * (half / room) ** 2)
        return max(needed, self.units + 1) if needed <= MOST_IMAGES else None


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """What changed from run A to run B."""

    rules: str
    threshold: float
    """The one that decides."""
    margin: float
    differences: tuple[ModelDifference, ...]
    repaired: tuple[str, ...]
    """Sentences: images that failed in A and were scored in B."""
    notes: tuple[str, ...]
    """Sentences on what only B has, which plays no part."""
    trained: bool
    """Whether the scores are of trainings, and not of two folders."""

    @property
    def verdict(self) -> GateVerdict:
        """Worse if any model is; not worse only if every model is settled so."""
        found = {one.verdict for one in self.differences}
        if "worse" in found:
            return "worse"
        return "undecided" if "undecided" in found else "not worse"

    @property
    def code(self) -> GateCode:
        """With which the program ends."""
        return CODES[self.verdict]


def compare_runs(a: Path, b: Path, *, margin: float = MARGIN) -> RunComparison:
    """Compares run B with run A, or two folders of scores, on the images of A.

    F1 at 0.5, or at the lowest threshold that both have, decides; all models are one family.
    `margin` is the loss of mean F1, in [0, 1], that is still not worse. What is refused and how
    models are paired is told at `comparable`, whose CallErrors it raises.
    """
    both = comparable(a, b)
    names = [(f"A: {before}", f"B: {after}") for before, after in both.pairs]
    at = {threshold: _matrix(both, threshold) for threshold in both.thresholds}
    compared = compare_pairs(
        at[both.primary],
        [(after, before) for before, after in names],
        margin=margin,
        confidence=TWO_SIDED,
    )
    by_name = {one.second: one for one in compared}
    failures, repaired = _outcomes(both)
    differences = [
        _difference(pair, at, both.primary, by_name.get(pair[0]), margin, failed)
        for pair, failed in zip(names, failures, strict=True)
    ]
    return RunComparison(
        rules=both.a.source.rules,
        threshold=both.primary,
        margin=margin,
        differences=tuple(differences),
        repaired=repaired,
        notes=both.notes,
        trained=both.a.source.run is not None and both.b.source.run is not None,
    )


def _matrix(both: Comparable, threshold: float) -> ScoreMatrix:
    """The models of both sides on the images and with the seeds of A."""
    images = set(both.a.images)
    rows: list[ScoreRow] = []
    for before, after in both.pairs:
        seeds = both.a.seeds(before)
        for side, name in ((both.a, before), (both.b, after)):
            rows += [
                replace(row, model=f"{side.letter}: {name}")
                for row in side.rows
                if row.model == name and row.seed in seeds and row.image in images
            ]
    groups = {**both.b.groups, **both.a.groups}
    mix = {**both.b.fixed_mix, **both.a.fixed_mix}
    return score_matrix(rows, threshold=threshold, groups=groups or None, strata=mix or None)


def _difference(
    pair: tuple[str, str],
    at: Mapping[float, ScoreMatrix],
    primary: float,
    found: Comparison | None,
    margin: float,
    failed: tuple[str, ...],
) -> ModelDifference:
    before, after = pair
    gap = at[primary].values(after) - at[primary].values(before)
    means = {
        threshold: Means(
            threshold=threshold,
            a=float(matrix.values(before).mean()),
            b=float(matrix.values(after).mean()),
        )
        for threshold, matrix in at.items()
    }
    names = dict.fromkeys(name.partition(": ")[2] for name in pair)
    return ModelDifference(
        model=" → ".join(names),
        margin=margin,
        images=len(gap),
        differing=int((np.abs(gap) > LEVEL).sum()),
        units=found.units if found else len(gap),
        unequal=found.unequal if found else int((np.abs(gap) > LEVEL).sum()),
        primary=means.pop(primary),
        others=tuple(means.values()),
        largest_loss=float(-gap.min()),
        interval=found.interval if found else None,
        over_trainings=found.over_trainings if found else False,
        new_failures=failed,
    )


def _outcomes(both: Comparable) -> tuple[list[tuple[str, ...]], tuple[str, ...]]:
    """For each pair of models what failed anew, and for all what was repaired."""
    before, after = _by_try(both.a), _by_try(both.b)
    failures, repaired = [], []
    for name, partner in both.pairs:
        failed = []
        for (model, seed, image), outcome in before.items():
            if model != name:
                continue
            now = after[partner, seed, image]
            if outcome == "scored" != now:
                failed.append(f"{partner}, seed {seed}, {image}: {now}")
            elif now == "scored" != outcome:
                repaired.append(f"{partner}, seed {seed}, {image}: was {outcome}")
        failures.append(tuple(failed))
    return failures, tuple(repaired)


def _by_try(side: Side) -> dict[tuple[str, int, str], str]:
    rows: Iterable[ScoreRow] = side.rows
    return {(row.model, row.seed, row.image): row.outcome for row in rows}
