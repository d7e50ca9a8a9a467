"""How the ranking changes with rules that evaluators disagree on."""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal, get_args

import numpy as np

from evaluator.metrics.f1 import f1
from evaluator.overlap.matching import match_cells
from evaluator.scores.rescore import StoredTable

Average = Literal["mean", "median", "pooled", "mean rank"]
TIE = 1e-9
"""F1 that differs by less is equal, whatever the order in which it was summed up."""
Empty = Literal["scores 0", "scores 1", "left out"]


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """One choice for each rule that evaluators disagree on."""

    border: bool
    """Whether cells that touch the outer 2 rows or columns are dropped, as the challenge does."""
    strict: bool
    """Whether a pair needs IoU above the threshold; else at least the threshold."""
    average: Average
    """Over images: mean or median of their F1, F1 of all cells pooled, or the mean of the ranks
    that the models have on each image."""
    empty: Empty | None
    """What an image without cells on either side does; None when pooled, where it has no part."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The models under one set of rules."""

    rules: RuleSet
    scores: Mapping[str, float]
    """Model → F1 in [0, 1], best first; NaN (last) when no image is left. For mean ranks, the share
    of the other models that it beats on an image, in the mean, a tie being half: 1 is first on all
    images."""


RULE_SETS = tuple(
    RuleSet(border=border, strict=strict, average=average, empty=empty)
    for border, strict, average in product((False, True), (False, True), get_args(Average))
    for empty in ((None,) if average == "pooled" else get_args(Empty))
)
"""All 40 combinations; pooling knows no empty images."""


def rankings(tables: Iterable[StoredTable], threshold: float) -> list[Ranking]:
    """The ranking of the models under each of RULE_SETS, at one IoU `threshold`.

    `tables` come from `stored_tables`. A pair that failed counts 0 under all rules, its true cells
    as missed. Images are never tiled or rounded. Seeds of a model are averaged. With a single model
    there are no ranks to average, and those rules are left out. Source for the ways to aggregate:
    Maier-Hein et al., Nature Communications 9, 5217 (2018).
    """
    cells: dict[tuple[str, int], dict[tuple[bool, bool], dict[str, _Cells]]] = {}
    for stored in tables:
        found = cells.setdefault((stored.model, stored.seed), {})
        for border in (False, True):
            table = stored.table.without_border() if border else stored.table
            for strict in (False, True):
                match = match_cells(table, threshold, strict=strict)
                failed = stored.outcome != "scored"
                found.setdefault((border, strict), {})[stored.image] = _Cells(
                    true_cells=match.true_cells,
                    predicted_cells=0 if failed else match.predicted_cells,
                    tp=0 if failed else match.tp,
                    failed=failed,
                )
    models = list(dict.fromkeys(model for model, _ in cells))
    scored: dict[tuple[bool, bool, Empty], _Scores] = {}
    for border, strict, empty in product((False, True), (False, True), get_args(Empty)):
        scored[border, strict, empty] = {
            key: {image: _score(one, empty) for image, one in found[border, strict].items()}
            for key, found in cells.items()
        }
    result = []
    for rules in RULE_SETS:
        if rules.empty is None:
            runs = {key: _pooled(found[rules.border, rules.strict]) for key, found in cells.items()}
            scores = _over_seeds(models, runs)
        elif rules.average == "mean rank":
            if len(models) < 2:
                continue
            scores = _shares_beaten(models, scored[rules.border, rules.strict, rules.empty])
        else:
            by_run = scored[rules.border, rules.strict, rules.empty]
            runs = {key: _average(found, rules.average) for key, found in by_run.items()}
            scores = _over_seeds(models, runs)
        order = sorted(scores, key=lambda model: (-_low_if_nan(scores[model]), model))
        result.append(Ranking(rules=rules, scores={model: scores[model] for model in order}))
    return result


def surviving(found: Iterable[Ranking]) -> list[tuple[str, str]]:
    """The pairs (ahead, behind) that hold under every one of the rankings, without ties."""
    found = list(found)
    models = list(found[0].scores) if found else []
    return [
        pair
        for first, second in combinations(models, 2)
        for pair in ((first, second), (second, first))
        if all(one.scores[pair[0]] > one.scores[pair[1]] for one in found)
    ]


@dataclass(frozen=True, kw_only=True)
class _Cells:
    true_cells: int
    predicted_cells: int
    tp: int
    failed: bool


_Scores = dict[tuple[str, int], dict[str, float]]
"""F1 by model and seed, then by image; NaN where the rules leave an image out."""


def _pooled(images: Mapping[str, _Cells]) -> float:
    cells = images.values()
    return f1(
        true_cells=sum(one.true_cells for one in cells),
        predicted_cells=sum(one.predicted_cells for one in cells),
        tp=sum(one.tp for one in cells),
    )


def _average(images: Mapping[str, float], average: Average) -> float:
    values = np.array(list(images.values()))
    values = values[~np.isnan(values)]
    if not len(values):
        return math.nan
    return float(np.median(values) if average == "median" else values.mean())


def _over_seeds(models: list[str], runs: Mapping[tuple[str, int], float]) -> dict[str, float]:
    return {
        model: statistics.fmean(value for (name, _), value in runs.items() if name == model)
        for model in models
    }


def _score(one: _Cells, empty: Empty) -> float:
    """F1 of one image; NaN where the rules leave it out."""
    if one.true_cells == one.predicted_cells == 0 and empty == "left out":
        return math.nan
    return f1(
        true_cells=one.true_cells,
        predicted_cells=one.predicted_cells,
        tp=one.tp,
        empty=1.0 if empty == "scores 1" and not one.failed else 0.0,
    )


def _shares_beaten(models: list[str], runs: _Scores) -> dict[str, float]:
    """The mean over images of the share of the other models that each one beats."""
    images = list(dict.fromkeys(image for found in runs.values() for image in found))
    means = np.array(
        [
            np.mean(
                [
                    [found.get(image, math.nan) for image in images]
                    for (name, _), found in runs.items()
                    if name == model
                ],
                axis=0,
            )
            for model in models
        ]
    )
    scores = means[:, ~np.isnan(means).any(axis=0)]
    if not scores.shape[1]:
        return dict.fromkeys(models, math.nan)
    others = scores[None] - scores[:, None]
    beaten = (others < -TIE).sum(axis=1) + (np.abs(others) <= TIE).sum(axis=1) / 2 - 0.5
    return dict(zip(models, (beaten.mean(axis=1) / (len(models) - 1)).tolist(), strict=True))


def _low_if_nan(score: float) -> float:
    return score if score == score else -1.0
