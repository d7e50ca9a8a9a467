"""Whether two sets of scores were made against the same true cells."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from contract import CallError
from contract.names import normal, some
from evaluator.overlap.table import Labels
from evaluator.scores.rows import ScoreRow

BAND = 256
"""Rows that are converted at a time."""


def truth_sha256(labels: Labels, region: Labels | None = None) -> str:
    """SHA-256 over the size and the ids of an H×W mask, the same for every type and file format.

    With the (H, W) mask of an ignored region it is another one.

    Raises ValueError for negative ids.
    """
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0:
        raise ValueError("a mask has no negative ids")
    smallest = np.min_scalar_type(highest).newbyteorder("<")
    digest = hashlib.sha256(repr(labels.shape).encode())
    for row in range(0, labels.shape[0], BAND):
        digest.update(np.ascontiguousarray(labels[row : row + BAND], dtype=smallest).tobytes())
    for row in range(0, labels.shape[0] if region is not None else 0, BAND):
        assert region is not None
        digest.update(np.packbits(np.asarray(region[row : row + BAND]) != 0).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Truths:
    """What is known of the truths behind a scores.csv."""

    cells: Mapping[str, frozenset[int]]
    """Image → its true cells, as the protocol counts them: one number, unless rows contradict each
    other."""
    hashes: Mapping[str, str]
    """Image → hash of its true ids, where that is recorded."""

    @classmethod
    def of(cls, rows: Iterable[ScoreRow], hashes: Mapping[str, str]) -> "Truths":
        """From the rows and what run.json or score.json records."""
        cells: dict[str, set[int]] = {}
        for row in rows:
            cells.setdefault(row.image, set()).add(row.true_cells)
        return cls(
            cells={image: frozenset(found) for image, found in cells.items()},
            hashes={normal(image): digest for image, digest in hashes.items() if digest},
        )


def refuse_other_truths(a: Truths, b: Truths, images: Sequence[str]) -> None:
    """Raises CallError when the truth of any of these images is not the same in both.

    The number of true cells must agree, and the hash of the ids where both record it.
    """
    differing = [image for image in images if _differ(a, b, image)]
    if not differing:
        return
    examples = some(
        [
            f"{image} ({_counts(a.cells[image])} true cells in A, {_counts(b.cells[image])} in B"
            f"{', other outlines or ids' if a.cells[image] == b.cells[image] else ''})"
            for image in differing
        ]
    )
    raise CallError(
        f"The two were scored against different truths: {len(differing)} of {len(images)} images"
        f" differ: {examples}.",
        "the labels were corrected between the two, or they are two datasets with the same names",
        "score both against the same labels, then compare again",
    )


def _differ(a: Truths, b: Truths, image: str) -> bool:
    hashed = image in a.hashes and image in b.hashes
    if hashed and a.hashes[image] != b.hashes[image]:
        return True
    return len(a.cells[image] | b.cells[image]) > 1


def _counts(cells: frozenset[int]) -> str:
    return " or ".join(map(str, sorted(cells)))
