"""The images of a split compared with each other: which test images are in training too."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract import UnreadableImage, sha256_json, stem, write_json
from contract.guarded import read_image
from contract.schema import Subset
from evaluator.runs.folder import LEAKAGE_JSON
from evaluator.runs.read import read_leakage
from evaluator.runs.records import LeakageRecord, Likeness
from evaluator.runs.words import GROUP
from harness.datasets.folder import Dataset, Pair
from harness.datasets.leakage.alignment import Agreement, Alignment, agreement, align
from harness.datasets.leakage.matching import Candidate, Index
from harness.datasets.leakage.signature import (
    Signature,
    many_at_once,
    signature,
    small_picture,
)

VERSION = 1
"""To be raised when the same images may lead to other findings."""
MOST_SECONDS = 300.0
"""After which what has not been compared yet is left out, and said to be."""
COPY_POINTS, COPY = 5, 0.8
"""Keypoints in one arrangement, and correlation, of the same picture in another form: simulated
images, nuclei and single cells reach 0.8 with 3 points at most, their copies with 5 and more."""
ALIKE_POINTS, ALIKE = 7, 0.6
"""The same of a picture that resembles another one, such as a later frame."""
HALF, OVERLAP_POINTS, OVERLAP = 0.5, 9, 0.95
"""Where less than half of either picture is common ground, so many keypoints have to agree, and so
well: two round cells lie in one arrangement by chance."""
ALIGNED, COMPARED = 40, 8
"""Candidates of an image that are aligned, and laid over it: those with most votes."""
PICTURES = 512
"""Small pictures kept in memory."""
NUMBERED = re.compile(r"(?i)(?<![a-z])(t|f|fr|frame|time|timepoint|tp)([-_ ]?)[0-9]+(?![a-z0-9])")
"""The number of a frame in a name: t003, frame_12."""


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """One image with its place in the split."""

    pair: Pair
    subset: str
    signature: Signature | None


def audit_key(dataset: Dataset, split: Mapping[str, Subset]) -> str:
    """A hash of all that an audit depends on."""
    groups = [pair.strata.get(GROUP, "") for pair in (*dataset.train, *dataset.test)]
    images = [
        [[pair.name, pair.image_sha256] for pair in part] for part in (dataset.train, dataset.test)
    ]
    return sha256_json([VERSION, images, sorted(split.items()), groups])


def audit_once(folder: Path, dataset: Dataset, split: Mapping[str, Subset]) -> LeakageRecord:
    """What `folder`/leakage.json says of this split; else `audit`, which is stored there."""
    known = read_leakage(folder)
    if known is not None and known.key == audit_key(dataset, split) and not known.timed_out:
        return known
    found = audit(dataset, split)
    write_json(folder / LEAKAGE_JSON, found.model_dump(mode="json"))
    return found


def audit(
    dataset: Dataset,
    split: Mapping[str, Subset],
    *,
    most_seconds: float = MOST_SECONDS,
) -> LeakageRecord:
    """Compares test images with those for training and validation, and these with each other.

    Found are equal pixels; pictures that were cut, resized, turned by any angle, mirrored, inverted
    or given another contrast or bit depth; later frames that look like earlier ones; images of one
    `group` of the manifest; and, where the manifest names no group, images whose names differ in
    the number of a frame alone. Unreadable images are left out.
    """
    began = time.monotonic()
    until = began + most_seconds
    parts = [(pair, "test") for pair in dataset.test]
    parts += [(pair, split[pair.name]) for pair in dataset.train]
    with many_at_once() as pool:

        def look(part: tuple[Pair, str]) -> _Seen | None:
            if time.monotonic() > until:
                return None
            return _Seen(pair=part[0], subset=part[1], signature=signature(part[0].image))

        looked = list(pool.map(look, parts))
        seen = [one for one in looked if one is not None]
        learned = [one for one in seen if one.subset != "test"]
        asking = [one for one in seen if one.subset != "train"]
        index = Index([one.signature for one in learned])
        picture = lru_cache(PICTURES)(_picture)

        def compare(one: _Seen) -> list[Likeness] | None:
            if time.monotonic() > until:
                return None
            return list(_of_pictures(one, learned, index, picture))

        found = list(pool.map(compare, asking)) if dataset.train else []
    compared = [likenesses for likenesses in found if likenesses is not None]
    return LeakageRecord(
        key=audit_key(dataset, split),
        images=len(parts),
        compared=sum(one.signature is not None for one in seen) - (len(found) - len(compared)),
        timed_out=len(seen) < len(parts) or len(compared) < len(found),
        seconds=round(time.monotonic() - began, 1),
        found=(
            *(one for likenesses in compared for one in likenesses),
            *_together(dataset.test, dataset.train, split),
        ),
    )


def _of_pictures(
    one: _Seen,
    learned: Sequence[_Seen],
    index: Index,
    picture: Callable[[Path], npt.NDArray[np.uint8] | None],
) -> Iterator[Likeness]:
    """The training images that an image is equal to or resembles, one line for each kind."""
    if one.signature is None:
        return
    equal = [
        place
        for place, other in enumerate(learned)
        if other.signature is not None
        and other.signature.pixels_sha256 == one.signature.pixels_sha256
        and _crosses(one, other)
    ]
    if equal:
        yield _likeness(one, learned[equal[0]], "equal", more=len(equal) - 1)
    copies: list[tuple[float, int, str]] = []
    others: list[tuple[float, int, str]] = []
    known = set(equal)
    for candidate, found in _aligned(one, learned, index):
        if candidate.second in known:
            continue
        other = learned[candidate.second]
        first, second = picture(one.pair.image), picture(other.pair.image)
        if first is None or second is None:
            continue
        result = agreement(first, second, found)
        line = (result.correlation, candidate.second, _how(found, result))
        sure = found.points >= OVERLAP_POINTS and result.correlation >= OVERLAP
        if max(result.of_first, result.of_second) < HALF and not sure:
            continue
        if result.correlation >= COPY:
            copies.append(line)
        elif result.correlation >= ALIKE and found.points >= ALIKE_POINTS:
            others.append(line)
    for kind, lines in (("copy", copies), ("alike", others)):
        if lines:
            correlation, place, how = max(lines)
            yield _likeness(
                one, learned[place], kind, how=how, more=len(lines) - 1, correlation=correlation
            )


def _aligned(
    one: _Seen, learned: Sequence[_Seen], index: Index
) -> list[tuple[Candidate, Alignment]]:
    """The candidates with enough keypoints in one arrangement, the best ones first."""
    assert one.signature is not None
    found = []
    for tried, candidate in enumerate(index.candidates(one.signature)):
        if tried >= ALIGNED:
            break
        other = learned[candidate.second]
        if other.signature is None or not _crosses(one, other):
            continue
        alignment = align(one.signature, other.signature, candidate.matches)
        if alignment is not None and alignment.points >= COPY_POINTS:
            found.append((candidate, alignment))
    return sorted(found, key=lambda pair: -pair[1].points)[:COMPARED]


def _crosses(one: _Seen, other: _Seen) -> bool:
    """Whether two images lie on two sides of the split."""
    return one.subset == "test" or other.subset == "train"


def _likeness(
    one: _Seen,
    other: _Seen,
    kind: str,
    *,
    how: str = "",
    more: int = 0,
    correlation: float | None = None,
) -> Likeness:
    return Likeness.model_validate(
        {
            "image": one.pair.name,
            "subset": one.subset,
            "other": other.pair.name,
            "other_subset": other.subset,
            "kind": kind,
            "how": how,
            "more": more,
            "correlation": None if correlation is None else round(correlation, 3),
        }
    )


def _picture(path: Path) -> npt.NDArray[np.uint8] | None:
    try:
        return small_picture(read_image(path))
    except UnreadableImage:
        return None


def _how(found: Alignment, result: Agreement) -> str:
    """In which form an image is the other one."""
    words = ["mirrored"] if found.way.mirrored else []
    angle = round(found.turn)
    if abs(angle) > 3:
        words.append(f"turned by {abs(angle)}°")
    if found.way.inverted:
        words.append("as a negative")
    if result.of_second < 0.97:
        words.append(f"{result.of_second:.0%} of it".replace("%", " %"))
    if result.of_first < 0.97:
        words.append(f"with {result.of_first:.0%} of this one".replace("%", " %"))
    return ", ".join(words)


def _together(
    test: Iterable[Pair], train: Iterable[Pair], split: Mapping[str, Subset]
) -> Iterator[Likeness]:
    """Test images of a group, or with names of a movie, that training images are of too.

    Images of one group lie on one side of the split between training and validation already.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    movies: dict[str, list[str]] = defaultdict(list)
    for pair in train:
        if group := pair.strata.get(GROUP):
            groups[group].append(pair.name)
        elif movie := movie_name(pair.name):
            movies[movie].append(pair.name)
    for pair in test:
        group, movie = pair.strata.get(GROUP, ""), movie_name(pair.name)
        kind, others = ("group", groups[group]) if group else ("movie", movies[movie])
        if others and (group or movie):
            yield Likeness.model_validate(
                {
                    "image": pair.name,
                    "subset": "test",
                    "other": others[0],
                    "other_subset": split[others[0]],
                    "kind": kind,
                    "how": group or movie,
                    "more": len(others) - 1,
                }
            )


def movie_name(name: str) -> str:
    """The name of an image with its frame's number left out; "" when it has none.

    >>> from harness.datasets.leakage.audit import movie_name
    >>> movie_name("dish2_t017.tif"), movie_name("t003.png"), movie_name("cell_00017.png")
    ('dish2_t#', 't#', '')
    """
    plain, found = NUMBERED.subn(r"\1\2#", stem(name))
    return plain if found else ""
