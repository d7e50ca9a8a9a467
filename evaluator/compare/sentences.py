"""What the gate says: one sentence for each model, and the last line."""

from contract.names import some
from evaluator.compare.gate import ModelDifference, RunComparison
from evaluator.statistics.conclusions import trainings
from evaluator.statistics.intervals import FEWEST
from evaluator.statistics.power import FEWEST_TO_SETTLE


def sentence(one: ModelDifference) -> str:
    """The verdict on one model, and what it rests on."""
    return f"{one.model}: {one.verdict}: {_why(one)}."


def last_line(found: RunComparison) -> str:
    """The verdict on run B, and what would settle it where it is undecided."""
    if found.verdict == "worse":
        worse = [one.model for one in found.differences if one.verdict == "worse"]
        return f"run B is worse: {some(worse)}"
    if found.verdict == "not worse":
        return f"run B is not worse than run A by {found.margin:g} or more"
    open_ = [one for one in found.differences if one.verdict == "undecided"]
    names = some([one.model for one in open_])
    return f"undecided whether run B is worse: {names}; to settle it: {_settles(found, open_)}"


def caveat(found: RunComparison) -> str:
    """Of which trainings this is said; empty where the two are folders of masks."""
    if not found.trained:
        return ""
    by_interval = [one.interval is not None and not one.spared for one in found.differences]
    wide = [one.over_trainings for one in found.differences]
    return trainings(all(by_interval) and all(wide))


def _why(one: ModelDifference) -> str:
    if one.new_failures:
        count = len(one.new_failures)
        return f"{count} image{'s' if count > 1 else ''} scored in A failed in B"
    if one.same:
        return f"each of {one.images} images has the same F1 in both"
    if one.verdict == "not worse" and one.spared:
        loss = max(one.largest_loss, 0.0)
        return f"no image lost {one.margin:g} or more; the largest loss is {loss:.4f}"
    change = _change(one)
    if one.interval is None:
        if one.units < FEWEST:
            return f"{change}, but {one.units} {_unit(one)} are too few to tell it from chance"
        return (
            f"{change}, but only {one.unequal} of {one.units} {_unit(one)} differ, too few to tell"
            " it from chance"
        )
    low, high = one.interval.low, one.interval.high
    if one.verdict == "worse":
        return f"{change}; with 95 % confidence it lost at least {-high:.4f}"
    if one.verdict == "not worse":
        bound = f"lost less than {-low:.4f}" if low < 0 else f"gained at least {low:.4f}"
        return f"{change}; with 95 % confidence it {bound}"
    return f"{change}; a change between {low:+.4f} and {high:+.4f} would fit as well"


def _change(one: ModelDifference) -> str:
    if abs(one.primary.change) < 5e-5:
        return "mean F1 is the same to four digits"
    word = "rose" if one.primary.change > 0 else "fell"
    return f"mean F1 {word} by {abs(one.primary.change):.4f}"


def _settles(found: RunComparison, open_: list[ModelDifference]) -> str:
    if any(one.units < FEWEST_TO_SETTLE for one in open_):
        unit = "groups of images" if any(one.units != one.images for one in open_) else "images"
        return f"at least {FEWEST_TO_SETTLE} {unit} that differ"
    if any(one.interval is None for one in open_):
        return f"more images, so that at least {FEWEST_TO_SETTLE} differ"
    needed = [one.images_to_settle for one in open_]
    if None in needed:
        return "more images than can be named, or a wider margin"
    most = max(number for number in needed if number is not None)
    unit = "groups of images" if open_[0].units != open_[0].images else "images"
    seeds = " or more seeds" if any(one.over_trainings for one in open_) else ""
    return f"about {most:,} {unit}{seeds}, if the change stays as it is, or a wider margin"


def _unit(one: ModelDifference) -> str:
    return "images" if one.units == one.images else "groups of images"
