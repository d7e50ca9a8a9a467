"""What more real images buy: F1 against their number, and how far that can be said."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from evaluator.runs.trial import TrialRecord
from evaluator.statistics.intervals import Interval
from evaluator.statistics.paired import compare_pairs
from evaluator.statistics.score_matrix import ScoreMatrix

MORE = 50
"""Real images more, where the next share has as many."""


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What `more` real images would add to the mean F1 of `images` of them."""

    images: int
    more: int
    gain: float | None = None
    """None where nothing is said; `why` says why."""
    interval: Interval | None = None
    why: str = ""


def worth_of_more(
    trial: TrialRecord, matrix: ScoreMatrix | None, spoiled: Mapping[str, str]
) -> Worth:
    """What more real images buy at the primary share, from it and the next larger one.

    Between two shares F1 is taken to grow with the logarithm of the number of images; nothing is
    said beyond the largest one. The interval is that of the difference of the two, over images and
    trainings, in the same proportion. Withheld where it would not exclude 0.
    """
    here = trial.real(trial.primary_share)
    images = trial.arms[here].real
    larger = [share for share in trial.shares if share > trial.primary_share]
    if not larger:
        return Worth(images=images, more=0, why="no larger share was trained")
    there = trial.real(larger[0])
    more = min(MORE, trial.arms[there].real - images)
    failed = spoiled.get(here) or spoiled.get(there)
    if more < 1 or failed or matrix is None:
        return Worth(images=images, more=more, why=failed or "the two shares are the same images")
    pairs = compare_pairs(matrix.of((there, here)), [(there, here)], margin=trial.margin)
    if not pairs or pairs[0].interval is None or not pairs[0].over_trainings:
        why = "too few images or trainings give the difference an interval"
        return Worth(images=images, more=more, why=why)
    found = pairs[0].interval
    if not found.excludes_zero:
        why = f"between {images} and {trial.arms[there].real} images F1 is not settled to rise"
        return Worth(images=images, more=more, why=why)
    part = math.log1p(more / images) / math.log(trial.arms[there].real / images)
    return Worth(
        images=images,
        more=more,
        gain=part * pairs[0].difference,
        interval=Interval(low=part * found.low, high=part * found.high),
    )
