"""The compiled loop of evaluator.overlap.compiled; importing this needs numba."""

from typing import Any

import numba
import numpy as np

_FOLD, _HALF, _ONE, _NONE = np.uint64(29), np.uint64(32), np.uint64(1), np.uint64(0)
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def add(table: Any, used: Any, key: Any, pixels: Any) -> Any:
    """Adds `pixels` to a key of the open-addressed table; returns how many slots are taken.

    `table` (2·slots,) uint64 holds key and sum of each slot side by side, slots being a power of
    two; 0 is no key.
    """
    # Folding first: the keys of one true cell differ in few bits, and those must reach the slot.
    mask = np.uint64(len(table) // 2 - 1)
    slot = (((key ^ (key >> _FOLD)) * _SPREAD) >> _HALF) & mask
    while table[2 * slot] != key and table[2 * slot] != _NONE:
        slot = (slot + _ONE) & mask
    if table[2 * slot] == _NONE:
        table[2 * slot] = key
        used += 1
    table[2 * slot + _ONE] += pixels
    return used


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def sweep(truth: Any, predicted: Any, table: Any, used: Any) -> Any:
    """Adds the pixels of two (k,) arrays of ids until the table is half full.

    Returns where it stopped and how many slots are then taken.
    """
    last, run = _NONE, _NONE
    for place in range(len(truth)):  # from 0: numba then looks for no negative index
        key = (np.uint64(truth[place]) << _HALF) | np.uint64(predicted[place])
        if key == last:
            run += _ONE
            continue
        if last != _NONE:
            used = add(table, used, last, run)
            if 4 * used > len(table):
                return place, used
        last, run = key, _ONE
    if last != _NONE:
        used = add(table, used, last, run)
    return len(truth), used


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator]
def copy(table: Any, larger: Any) -> None:
    """Puts every key and its sum into an empty, larger table."""
    for old in range(0, len(table), 2):
        if table[old] != _NONE:
            add(larger, 0, table[old], table[old + 1])
