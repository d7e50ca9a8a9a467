"""Sentences that the numbers of a comparison support, and no others."""

from evaluator.statistics.bootstrap import Interval
from evaluator.statistics.paired import Comparison


def conclusion(pair: Comparison, *, score: str = "mean F1") -> str:
    """Which of two models is ahead, or that they are not separable, with the numbers.

    With two seeds or more for both models, a second sentence says whether training again might
    turn the result round.
    """
    ahead, behind = (pair.first, pair.second) if pair.difference >= 0 else (pair.second, pair.first)
    facts = f"{pair.images} images, {_p(pair.p_holm)} after Holm"
    if pair.interval is not None:
        facts = f"95 % interval {_range(pair.interval, pair.difference)}, {facts}"
    if not pair.separable:
        text = (
            f"{pair.first} and {pair.second} are not separable: {score} differs by"
            f" {abs(pair.difference):.3f} ({facts})"
        )
        if pair.smallest_separable >= 1:
            text += "; with so few images even the largest difference may go unnoticed"
        elif pair.smallest_separable > abs(pair.difference):
            text += f"; about {pair.smallest_separable:.3f} would be found 8 times in 10"
        if pair.images_needed is not None and pair.images_needed > pair.images:
            text += f"; to settle this difference takes about {pair.images_needed:,} images"
        return text + "."
    text = f"{ahead} is ahead of {behind}: {score} higher by {abs(pair.difference):.3f} ({facts})."
    if pair.seeds is None:
        return text
    spread = f"over trainings the difference lies between {_range(pair.seeds, pair.difference)}"
    if pair.seeds.excludes_zero and (pair.seeds.low > 0) == (pair.difference > 0):
        return f"{text} Training again is not expected to change that: {spread}."
    return f"{text} This holds for these trainings; another might turn it round: {spread}."


def _range(interval: Interval, difference: float) -> str:
    """The interval seen from the model that is ahead."""
    low, high = interval.low, interval.high
    if difference < 0:
        low, high = -high, -low
    return f"{low:.3f} to {high:.3f}"


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
