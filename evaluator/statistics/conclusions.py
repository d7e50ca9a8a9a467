"""Sentences that the numbers of a comparison support, and no others."""

import math
from collections.abc import Callable

from evaluator.statistics.intervals import Interval
from evaluator.statistics.paired import Comparison
from evaluator.statistics.power import ALPHA, FEWEST_TO_SETTLE, ImagesNeeded


def conclusion(pair: Comparison, *, score: str = "mean F1") -> str:
    """Which of two models is better, that they are equivalent, or why neither is settled."""
    ahead, behind = (pair.first, pair.second) if pair.difference >= 0 else (pair.second, pair.first)
    gap = abs(pair.difference)
    if pair.verdict == "equivalent":
        text = (
            f"{pair.first} and {pair.second} are equivalent within {pair.margin:g}: {score}"
            f" differs by {gap:.3f} ({facts(pair)})."
        )
    elif pair.separable:
        text = f"{ahead} is better than {behind}: {score} higher by {gap:.3f} ({facts(pair)})."
    else:
        which = f"{ahead}'s {score} is higher by {gap:.3f}" if gap else f"{score} is the same"
        text = (
            f"Whether {pair.first} or {pair.second} is better is undecided: {which}"
            f" ({facts(pair)}){_why(pair)}."
        )
    return f"{text} {trainings(pair.over_trainings)}"


def facts(pair: Comparison) -> str:
    """Interval, p and the count of images, seen from the model with the higher mean."""
    ahead, behind = pair.ahead, pair.behind
    if pair.difference < 0:
        ahead, behind = behind, ahead
    parts = []
    if pair.interval is not None:
        parts.append(f"simultaneous 95 % interval {_range(pair.interval, pair.difference)}")
    parts.append(f"adjusted {p_text(pair.p)}")
    parts.append(
        f"ahead on {ahead}, level on {pair.level}, behind on {behind} of {pair.images} images"
    )
    if pair.units != pair.images:
        parts.append(f"which lie in {pair.units} groups")
    return ", ".join(parts)


def trainings(several: bool) -> str:
    """Of what a claim is made: of these trainings alone, or of training again as well."""
    if several:
        return "This allows for other images and other trainings."
    return "This is said of these trainings; how far another would differ is not known."


def needed_text(needed: ImagesNeeded, unit: str = "images") -> str:
    """A range of images in words; without `unit`, which may stand in a table's heading, bare.

    Hundreds and more are rounded outwards to two digits, as exact as such an estimate can be.
    """
    unit = f" {unit}" if unit else ""
    low = _two_digits(needed.low, math.floor)
    if needed.high is None:
        return f"at least {low:,}{unit}, and perhaps no number is enough"
    if needed.high == needed.low:
        return f"about {needed.low:,}{unit}"
    return f"between {low:,} and {_two_digits(needed.high, math.ceil):,}{unit}"


def _two_digits(number: int, whole: Callable[[float], int]) -> int:
    step = 10 ** max(0, len(str(number)) - 2) if number >= 100 else 1
    return whole(number / step) * step


def p_text(p: float) -> str:
    """`p = 0.012`, or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _why(pair: Comparison) -> str:
    """What keeps a pair from being settled."""
    unit = "images" if pair.units == pair.images else "groups"
    if pair.unequal < FEWEST_TO_SETTLE:
        return (
            f"; they differ on {pair.unequal} {unit}, whose signs cannot give a p below"
            f" {pair.least_p:.3g}: {FEWEST_TO_SETTLE} is the least that can settle anything"
        )
    text = ""
    if pair.p <= ALPHA and pair.interval is not None and not pair.interval.excludes_zero:
        text += "; the test alone would separate them, the interval allows for skewed differences"
    elif pair.smallest_separable is not None and pair.smallest_separable > abs(pair.difference):
        text += (
            f"; a true difference of about {pair.smallest_separable:.2f} would be found"
            " 8 times in 10"
        )
    if pair.over_trainings:
        text += "; more images alone may not settle it, since they leave the spread of trainings"
    elif pair.images_needed is not None:
        text += f"; to settle one like this takes {needed_text(pair.images_needed, unit)}"
    return text


def _range(interval: Interval, difference: float) -> str:
    """The interval seen from the model that is ahead."""
    low, high = interval.low, interval.high
    if difference < 0:
        low, high = -high, -low
    return f"{low:.3f} to {high:.3f}"
