"""Whether two sets of scores were made against the same true cells."""

import hashlib

import numpy as np

from evaluator.overlap.table import Labels

BAND = 256
"""Rows that are converted at a time."""


def truth_sha256(labels: Labels) -> str:
    """SHA-256 over the size and the ids of an H×W mask, the same for every type and file format.

    Raises ValueError for negative ids.
    """
    if labels.size and int(labels.min()) < 0:
        raise ValueError("a mask has no negative ids")
    digest = hashlib.sha256(repr(labels.shape).encode())
    for row in range(0, labels.shape[0], BAND):
        digest.update(np.ascontiguousarray(labels[row : row + BAND], dtype="<u8").data)
    return digest.hexdigest()
