"""Which label belongs to which image, told by their names."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contract.names import (
    LABEL_SUFFIXES,
    label_stem,
    normal,
    printable,
    some,
    stem,
    told_apart,
)

Agreement = Literal["whole", "stem", "first part", "none"]
"""How two names of one stem agree: as a whole, one having nothing behind the first dot, the label
alone having something there, or not."""

_ORDER: tuple[Agreement, ...] = ("whole", "stem", "first part")


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """What came of pairing images with labels; keys are the files' own names."""

    labels: Mapping[str, Path]
    """Image → its label."""
    several: Mapping[str, str]
    """Image → the labels of which none was taken, because more than one may be meant."""
    misnamed: Mapping[str, str]
    """Image → that its only labels have names that contradict its own."""
    beside: Mapping[str, str]
    """Label → why another one was taken, or why it is not that of its namesake."""
    remarks: Mapping[str, str]
    """Image → what should be known about a label that was taken."""
    strangers: tuple[Path, ...]
    """Labels without an image."""


def agreement(image: str, label: str) -> Agreement:
    """How the name of a label fits that of an image, when their stems are the same.

    The last suffix, ".ome" before it and a "_label" do not count. What lies between the first dot
    and them must be the same, or absent in one of the two: "exp1.5min.tif" goes with
    "exp1.5min_label.tiff" and "exp1_label.tiff", not with "exp1.9min_label.tiff".
    """
    wanted, found = _middle(image), _middle(label)
    if found in (wanted, normal(image).partition(".")[2]):
        return "whole"
    if not found:
        return "stem"
    return "none" if wanted else "first part"


def pair_labels(
    images: Iterable[Path], labels: Iterable[Path], *, own_stem: Callable[[str], str] = stem
) -> Pairing:
    """Pairs images, no two of which share a stem, with their labels.

    Names are compared in one normal form. Of several labels that of the documented name,
    <stem>_label.tiff, is taken; else the only one that ends in "_label", because a picture may lie
    beside it; of two equal in this the one whose whole name fits. Otherwise no label is taken.
    `own_stem` is `label_stem` where the images are masks themselves.
    """
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for label in labels:
        by_stem[normal(label_stem(label.name))].append(label)
    taken: dict[str, Path] = {}
    several: dict[str, str] = {}
    misnamed: dict[str, str] = {}
    beside: dict[str, str] = {}
    remarks: dict[str, str] = {}
    for image in images:
        namesakes = by_stem.pop(normal(own_stem(image.name)), [])
        best = _best(image.name, namesakes)
        if len(best) == 1:
            taken[image.name] = best[0]
            if agreement(image.name, best[0].name) == "first part":
                remarks[image.name] = (
                    f"paired with {best[0].name}, whose name agrees up to the first dot only"
                )
        elif best:
            several[image.name] = _several(best)
        elif namesakes:
            misnamed[image.name] = (
                f"no label: the name of {_names(namesakes)} agrees with it up to the first dot, but"
                " differs behind it"
            )
        for label in namesakes:
            if label not in best:
                beside[label.name] = _passed_over(image.name, label.name, taken)
    return Pairing(
        labels=taken,
        several=several,
        misnamed=misnamed,
        beside=beside,
        remarks=remarks,
        strangers=tuple(label for rest in by_stem.values() for label in rest),
    )


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """Label files of one folder, no two of one stem."""

    labels: tuple[Path, ...]
    beside: Mapping[str, str]
    """Label → which other one was taken."""
    several: tuple[str, ...]
    """Sentences about labels of one stem of which more than one may be meant."""


def distinct_labels(labels: Iterable[Path]) -> Distinct:
    """One label of each stem, by the same rule as `pair_labels`, in the order given."""
    by_stem: dict[str, list[Path]] = defaultdict(list)
    for label in labels:
        by_stem[normal(label_stem(label.name))].append(label)
    taken, several = [], []
    beside: dict[str, str] = {}
    for namesakes in by_stem.values():
        first = min(namesakes, key=lambda label: _rank(label.name))
        others = [label for label in namesakes if label != first]
        if any(
            _rank(other.name) == _rank(first.name) or agreement(first.name, other.name) == "none"
            for other in others
        ):
            several.append(_several(namesakes))
        else:
            taken.append(first)
            beside |= {other.name: f"passed over, {first.name} is taken" for other in others}
    return Distinct(labels=tuple(taken), beside=beside, several=tuple(several))


def other_formats(folder: Path, name: str) -> str:
    """Files that may have been meant as the label of an image, but are not read as one; or ""."""
    meant = [
        printable(path.name)
        for path in sorted(folder.iterdir())
        if path.suffix.lower() not in LABEL_SUFFIXES
        and normal(label_stem(path.name)) == normal(label_stem(name))
    ]
    if not meant:
        return ""
    lossy = " (JPEG changes ids)" if meant[0].lower().endswith((".jpg", ".jpeg")) else ""
    return f"{some(meant)} is of a format that is not read as a label{lossy}"


def _best(image: str, labels: Sequence[Path]) -> list[Path]:
    """The labels with the best claim, of those whose names do not contradict the image's."""
    claims = defaultdict(list)
    for label in labels:
        fit = agreement(image, label.name)
        if fit != "none":
            claims[_rank(label.name), _ORDER.index(fit)].append(label)
    return claims[min(claims)] if claims else []


def _rank(name: str) -> int:
    """0 for a name that ends in "_label.tiff", 1 for "_label" and another suffix, else 2."""
    bare, _, suffix = name.rpartition(".")
    if not (bare.endswith("_label") or stem(name).endswith("_label")):
        return 2
    return 0 if suffix.lower() == "tiff" else 1


def _names(labels: Iterable[Path]) -> str:
    return told_apart(label.name for label in labels)


def _several(labels: Sequence[Path]) -> str:
    wanted = f"{label_stem(labels[0].name)}_label.tiff"
    return f"several labels: {_names(labels)}; keep one, named {wanted}"


def _passed_over(image: str, label: str, taken: Mapping[str, Path]) -> str:
    if agreement(image, label) == "none":
        return f"not taken for {image}: the names differ behind the first dot"
    if image in taken:
        return f"passed over, {taken[image].name} is the label of {image}"
    return f"passed over, it may or may not be of {image}"


def _middle(name: str) -> str:
    """What lies between the first dot and the suffixes, without a "_label" at its end."""
    middle = normal(name).partition(".")[2].rpartition(".")[0].removesuffix("_label")
    if middle.lower() == "ome":
        return ""
    return middle.removesuffix(".ome").removesuffix("_label")
