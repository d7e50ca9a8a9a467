"""Frames of scores in the shapes that statistics and tables ask for."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from evaluator.statistics.score_matrix import ScoreMatrix


def frame_matrix(
    rows: pd.DataFrame,
    models: Iterable[str],
    score: str = "f1",
    *,
    groups: Mapping[str, str] | None = None,
    strata: Mapping[str, str] | None = None,
) -> ScoreMatrix:
    """The scores of `models`, those with rows, in the given order; rows are at one threshold.

    `groups` and `strata` as in `score_matrix`, which takes rows one by one and orders the models.
    """
    images = list(dict.fromkeys(rows["image"]))
    by_seed = {}
    for model in models:
        of_model = rows[rows["model"] == model]
        if len(of_model):
            table = of_model.pivot(index="seed", columns="image", values=score)
            by_seed[model] = table.reindex(columns=images).to_numpy(dtype=float)
    return ScoreMatrix.of_images(images, by_seed, groups=groups, strata=strata)


def lookup(frame: pd.DataFrame, key: str, value: str) -> dict[tuple[Any, Any], float]:
    """The column `value` of a frame by (model, `key`)."""
    triples = zip(frame["model"], frame[key], frame[value], strict=True)
    return {(model, group): float(number) for model, group, number in triples}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Its rows by the names of its columns."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
