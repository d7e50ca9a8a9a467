"""The sweep over the pixels once more, compiled by numba where that is installed and pays.

Its tables are those of evaluator.overlap.table, number by number. Loading numba and the compiled
code takes as long as sweeping some hundred megapixels without it, so it is used only once that
many have gone by; a folder of small images never pays for it.
"""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.integer[Any]]
Whole = npt.NDArray[np.int64]

PAYS_FROM = 200_000_000
"""Pixels swept in this process after which loading the compiled code costs less than it saves."""

KEY_TYPES = ("uint8", "uint16", "uint32")
"""Types of ids of which two fit into one 64-bit key; others are left to numpy."""

FIRST_SLOTS = 1 << 12

_swept = 0


def pays(truth: Labels, predicted: Labels) -> bool:
    """Whether the next sweep should be the compiled one; counts the pixels of this one.

    Like one who rents until the rent has reached the price: at worst twice the best cost.
    """
    global _swept
    _swept += truth.size
    return (
        truth.size > 0
        and _swept >= PAYS_FROM
        and truth.dtype.name in KEY_TYPES
        and predicted.dtype.name in KEY_TYPES
        and _has_numba()
    )


def sum_pairs(bands: Iterable[tuple[Labels, Labels]]) -> tuple[Labels, Labels, Whole]:
    """True ids, predicted ids and shared pixels of every pair but background with background.

    Parameters: at least one band of the two masks, (k,) arrays of KEY_TYPES. The result keeps
    their types and is sorted by true id, then predicted id; one of the two may be 0.
    """
    from evaluator.overlap.compiled_sweep import copy, sweep

    table, used = np.zeros(2 * FIRST_SLOTS, np.uint64), 0
    types: tuple[np.dtype[Any], ...] = ()
    for truth, predicted in bands:
        types = truth.dtype, predicted.dtype
        while len(truth):
            done, used = sweep(truth, predicted, table, used)
            truth, predicted = truth[done:], predicted[done:]
            if 4 * used > len(table):
                larger = np.zeros(4 * len(table), np.uint64)
                copy(table, larger)
                table = larger
    keys, pixels = table.reshape(-1, 2).T
    order = np.flatnonzero(keys)
    order = order[np.argsort(keys[order])]
    keys = keys[order]
    truth_ids = (keys >> np.uint64(32)).astype(types[0])
    predicted_ids = (keys & np.uint64(0xFFFFFFFF)).astype(types[1])
    return truth_ids, predicted_ids, pixels[order].astype(np.int64)


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None
