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


def truth_sha256(labels: Labels) -> str:
    """SHA-256 over the size and the ids of an H×W mask, the same for every type and file format.

    Raises ValueError for negative ids.
    """
    lowest, highest = (int(labels.min()), int(labels.max())) if labels.size else (0, 0)
    if lowest < 0:
        raise ValueError("a mask has no negative ids")
    smallest = np.min_scalar_type(highest).newbyteorder("<")
    digest = hashlib.sha256(repr(labels.shape).encode())
    for row in range(0, labels.shape[0], BAND):
        digest.update(np.ascontiguousarray(labels[row : row + BAND], dtype=smallest).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Truths:
    """What is known of the truths behind a scores.csv."""

    cells: Mapping[str, int]
    """Image → its true cells, as the protocol counts them."""
    hashes: Mapping[str, str]
    """Image → hash of its true ids, where that is recorded."""

    @classmethod
    def of(cls, rows: Iterable[ScoreRow], hashes: Mapping[str, str]) -> "Truths":
        """From the rows and what run.json or score.json records."""
        return cls(
            cells={row.image: row.true_cells for row in rows},
            hashes={normal(image): digest for image, digest in hashes.items() if digest},
        )


def refuse_other_truths(a: Truths, b: Truths, images: Sequence[str]) -> None:
    """Raises CallError when the truth of any of these images is not the same in both.

    Where the hash of the ids is not recorded the number of true cells has to do.
    """
    differing = [image for image in images if _differ(a, b, image)]
    if not differing:
        return
    examples = some(
        [
            f"{image} ({a.cells[image]} true cells in A, {b.cells[image]} in B"
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
    if image in a.hashes and image in b.hashes:
        return a.hashes[image] != b.hashes[image]
    return a.cells[image] != b.cells[image]
