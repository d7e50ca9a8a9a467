"""The mask beside a label that says where nobody decided what is a cell."""

from pathlib import Path

import numpy as np

from contract import CellbenchError, UnreadableMask, WrongMaskType, sha256_file
from contract.guarded import read_mask
from contract.masks import WrongMaskSize
from contract.names import ignore_file
from evaluator.overlap.ignored import ignored_cells
from evaluator.overlap.table import Labels


class UnusableRegion(CellbenchError):
    """A file of an ignored region that is none of its label."""


def read_region(label: Path, shape: tuple[int, int]) -> Labels | None:
    """The (H, W) mask beside a label that is not 0 where nothing counts; None without one.

    Raises UnusableRegion when it is unreadable or of another size.
    """
    path = ignore_file(label)
    if path is None:
        return None
    try:
        return read_mask(path, expected=shape)
    except (UnreadableMask, WrongMaskSize, WrongMaskType) as error:
        raise UnusableRegion(f"the ignored region cannot be used: {error.what}") from error


def pair_hashes(label: Path, mask: Path) -> list[str]:
    """SHA-256 of the files that an overlap table is made from: label, mask, ignored region."""
    region = ignore_file(label)
    return [sha256_file(path) for path in (label, mask, region) if path is not None]


def blanked(predicted: Labels, truth: Labels, region: Labels | None) -> Labels:
    """The (H, W) prediction without the cells that count nowhere."""
    if region is None:
        return predicted
    ids = ignored_cells(truth, predicted, region)
    return np.where(np.isin(predicted, ids), np.zeros((), predicted.dtype), predicted)
