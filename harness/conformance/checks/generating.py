"""A generator makes whole pairs of the images that it may look at, and the same ones again."""

from pathlib import Path

import numpy as np
from scipy import ndimage

from contract import CellbenchError, GeneratedLine, label_name, read_generated, stem
from contract.dataset import read_split
from contract.guarded import read_mask
from contract.names import OURS
from contract.samples import IMAGES, LABELS, LINES
from contract.shown import shown
from harness.conformance.findings import Check, NotChecked, Verdict, fault, not_applicable, passed
from harness.conformance.judging import ending, refusal_verdict
from harness.conformance.subject import Subject
from harness.work.generating import fault_of

HOW = "no-such-masks"
EVERYWHERE = np.ones((3, 3), bool)
"""Pixels that meet at a corner are connected."""


def _ends(subject: Subject) -> Verdict:
    call = subject.generating
    if call.code != 0:
        return fault(
            f"{ending(call)}: {shown(call.last_words)}",
            "make as many labelled images as --count asks for, out of a few small ones",
        )
    return passed(f"two images in {call.ended.usage.seconds:.0f} s")


def _pairs(subject: Subject) -> Verdict:
    lines = read_generated(_made(subject))
    good = [line for line in lines if line.outcome == "generated"]
    if len(good) != 2:
        return fault(
            f"{len(good)} valid lines that say generated, of 2",
            "append a line with the fields of GeneratedLine to generated.jsonl for each sample",
        )
    known = _stems(subject, "train", "held", "val")
    for line in good:
        if reason := _reason(subject, line, known):
            return fault(
                shown(reason), "write images/<stem>.png and labels/<stem>_label.tiff of one size"
            )
    return passed(", ".join(line.image for line in good))


def _alone(subject: Subject) -> Verdict:
    out = _made(subject)
    lines = [line for line in read_generated(out) if line.outcome == "generated"]
    known: dict[str, set[str]] = {
        IMAGES: {line.image for line in lines},
        LABELS: {label_name(line.image) for line in lines},
    }
    others = [path.name for path in out.iterdir() if path.name not in {*known, LINES}]
    for folder, names in known.items():
        others += [path.name for path in (out / folder).iterdir() if path.name not in names]
    others = sorted(name for name in others if not name.startswith(OURS))
    if others:
        return fault(
            f"also in the output folder: {shown(', '.join(others), 200)}",
            "write images/, labels/ and generated.jsonl, nothing else; scratch goes to /tmp",
        )
    return passed("images/, labels/ and generated.jsonl, nothing else")


def _cells(subject: Subject) -> Verdict:
    counts = []
    for path in sorted((_made(subject) / LABELS).iterdir()):
        labels = read_mask(path)
        ids = [int(number) for number in np.unique(labels) if number]
        for number in ids:
            if ndimage.label(labels == number, EVERYWHERE)[1] != 1:
                return fault(
                    f"{path.name}: cell {number} is in pieces", "give each piece an id of its own"
                )
        counts.append(len(ids))
    if not any(counts):
        return fault("no image has a cell", "see that the labels are not empty")
    return passed(f"{', '.join(map(str, counts))} cells, each in one piece")


def _sources(subject: Subject) -> Verdict:
    lines = read_generated(_made(subject))
    allowed = _stems(subject, "held") if subject.model.card.needs_held else set[str]()
    allowed |= _stems(subject, "train")
    named = {source for line in lines for source in line.sources}
    if strangers := sorted(named - allowed):
        return fault(
            f"made of {shown(strangers[0])}, which is not for training",
            "look at the images of the subset train alone",
        )
    return passed(f"{len(named)} training images are named as sources" if named else "none named")


def _same(subject: Subject) -> Verdict:
    whole = _contents(_made(subject))
    out = subject.place / "goes-on"
    for count in ("1", "2"):
        call = subject.generate("--count", count, out=out)
        if call.code != 0:
            return fault(
                f"{ending(call)} for {count} of the images", "go on with what is in the folder"
            )
    found = _contents(out)
    differ = sorted(name for name in {*whole, *found} if whole.get(name) != found.get(name))
    if differ:
        return fault(
            f"one image and then one more are not what two at once are: {', '.join(differ)}",
            "let a sample follow from the seed and its number alone",
        )
    return passed("one image and then one more are those that two at once are, byte for byte")


def _seeds(subject: Subject) -> Verdict:
    first = _contents(_made(subject))
    call = subject.generate("--count", "2", "--seed", "1")
    if call.code != 0:
        return fault(f"{ending(call)} with another seed", "take any whole number from 0 on")
    second = _contents(call.out)
    if subject.model.card.needs_held:
        return not_applicable("it gives out the held-back images, with any seed")
    if set(first.values()) == set(second.values()):
        return fault("another seed gives the same images", "draw from the seed that is given")
    return passed("another seed gives other images")


def _events(subject: Subject) -> Verdict:
    _made(subject)
    names = [event["event"] for event in subject.generating.events]
    if names.count("progress") < 2:
        return fault(
            f"{names.count('progress')} events of progress for 2 images",
            'print {"event": "progress", …} on stdout after each image',
        )
    return passed("progress is told on stdout")


def _no_count(subject: Subject) -> Verdict:
    for options in ((), ("--count", "0"), ("--count", "many")):
        verdict = refusal_verdict(subject.generate(*options))
        if verdict.outcome != "pass":
            return verdict
    return passed("without a count, with 0 and with a word: exit code 2")


def _masks(subject: Subject) -> Verdict:
    return refusal_verdict(subject.generate("--count", "1", "--masks", HOW), names=HOW)


def _nothing(subject: Subject) -> Verdict:
    folder = subject.place / "nothing-to-learn-from"
    folder.mkdir()
    call = subject.call("generate", folder, weights=subject.weights, options=("--count", "1"))
    return refusal_verdict(call)


def _no_weights(subject: Subject) -> Verdict:
    call = subject.call("generate", subject.generating_folder, options=("--count", "1"))
    if call.code == 0:
        return not_applicable("the image carries weights")
    return refusal_verdict(call, names="weights")


def _foreign(subject: Subject) -> Verdict:
    out = subject.place / "somebody's"
    out.mkdir()
    theirs = out / LINES
    theirs.write_text("somebody's own work\n", encoding="utf-8")
    call = subject.generate("--count", "1", out=out)
    if not theirs.is_file() or theirs.read_text(encoding="utf-8") != "somebody's own work\n":
        return fault(
            f"a {LINES} that lay in the output folder was replaced",
            "refuse, with exit code 2, to replace what no earlier call wrote",
        )
    return refusal_verdict(call)


def _made(subject: Subject) -> Path:
    if subject.generating.code != 0:
        raise NotChecked("it made no images")
    return subject.generating.out


def _stems(subject: Subject, *subsets: str) -> set[str]:
    split = read_split(subject.generating_folder / "split.csv")
    return {stem(name) for name, subset in split.items() if subset in subsets}


def _reason(subject: Subject, line: GeneratedLine, known: set[str]) -> str:
    try:
        return fault_of(_made(subject), line, known)
    except CellbenchError as error:
        return error.what


def _contents(out: Path) -> dict[str, bytes]:
    found = sorted(path for folder in (IMAGES, LABELS) for path in (out / folder).glob("*"))
    return {f"{path.parent.name}/{path.name}": path.read_bytes() for path in found}


TITLES = {
    "ends": ("it makes the images that are asked for", _ends),
    "pairs": ("each image has a valid line and a label that fits", _pairs),
    "alone": ("nothing else lies in the output folder", _alone),
    "cells": ("each cell of a label is one piece", _cells),
    "sources": ("it is made of training images alone", _sources),
    "same": ("an interrupted call goes on, and a seed gives the same bytes", _same),
    "seeds": ("another seed gives other images", _seeds),
    "events": ("progress is told on stdout", _events),
    "no_count": ("a call without a count is refused", _no_count),
    "masks": ("an unknown origin of masks is refused", _masks),
    "nothing": ("an empty folder is refused", _nothing),
    "foreign_file": ("files of others in the output folder stay", _foreign),
}
CHECKS = (
    *(
        Check(id=f"generating.{name}", title=title, look=look, asks="generate")
        for name, (title, look) in TITLES.items()
    ),
    Check(
        id="generating.no_weights",
        title="generate without weights is refused",
        look=_no_weights,
        concerns="learning",
        asks="generate",
    ),
)
