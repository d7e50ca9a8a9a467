"""What is said of images that are on two sides of a split, from leakage.json."""

from collections.abc import Iterable

from contract.names import printable, some
from evaluator.runs.records import LeakageRecord, Likeness, SeenRecord

PARTS = {"test": "Tuning", "val": "Training-labeled", "train": "Training-labeled"}
LEAKS = ("equal", "copy", "group", "movie")
"""Kinds that say so much that a test on such images is none; "alike" is for people to judge."""
KINDS = {
    "equal": "the same pixels as",
    "copy": "the same picture as",
    "alike": "looks like",
    "group": "the same group as",
    "movie": "by their names frames of one movie:",
}


def is_leak(one: Likeness) -> bool:
    """Whether it makes a test easier than it should be."""
    return one.subset == "test" and one.kind in LEAKS


def told_likeness(one: Likeness) -> str:
    """A sentence about one image."""
    details = [one.how] if one.how else []
    if one.correlation is not None:
        details.append(f"correlation {one.correlation:.2f}")
    further = f" and {one.more} more" if one.more else ""
    aside = f" ({', '.join(details)})" if details else ""
    return (
        f"{PARTS[one.subset]}/{printable(one.image)}: {KINDS[one.kind]}"
        f" {PARTS[one.other_subset]}/{printable(one.other)}{further}{aside}"
    )


def told_comparison(record: LeakageRecord) -> str:
    """How much was compared, and how long it took."""
    text = f"{record.compared} of {record.images} images compared in {record.seconds:.1f} s"
    if record.timed_out:
        text += "; the time was up before the rest"
    return text


def caution(record: LeakageRecord, test_images: int) -> tuple[str, ...]:
    """What a reader has to know before any score; empty when nothing was found."""
    found = [one for one in record.found if is_leak(one)]
    sentences = []
    seen = _names(one for one in found if one.kind in ("equal", "copy"))
    if seen:
        sentences.append(
            f"{len(seen)} of {test_images} test images {_are(seen)} among the training images too,"
            f" as they are or in another form ({some(seen)}). Models have seen them, so all scores"
            " are too high, and those of models that remember best most of all."
        )
    together = [
        name
        for name in _names(one for one in found if one.kind in ("group", "movie"))
        if name not in seen
    ]
    if together:
        sentences.append(
            f"{len(together)} of {test_images} test images {_are(together)} of a group or movie"
            f" that models were trained on ({some(together)}): scores say how models do on"
            " images of the same origin, not on others."
        )
    return tuple(sentences)


def told_seen(record: SeenRecord, test_images: int) -> tuple[str, ...]:
    """What a reader has to know of weights that had seen test images; empty when none had."""
    by_images: dict[tuple[str, ...], list[str]] = {}
    for model, found in record.models.items():
        if names := tuple(dict.fromkeys(printable(one.image) for one in found)):
            by_images.setdefault(names, []).append(model)
    return tuple(
        f"{len(names)} of {test_images} test images {_are(list(names))} among those that the"
        f" weights of {', '.join(models)} had learned from before this run ({some(names)}): scores"
        " on them say nothing of other images."
        for names, models in by_images.items()
    )


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _names(found: Iterable[Likeness]) -> list[str]:
    return list(dict.fromkeys(printable(one.image) for one in found))
