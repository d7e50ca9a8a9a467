"""The cells of a large picture, joined from those of its regions."""

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.masks import numbered_anew

CORE = 4096
"""Largest side of a region's core, in pixels."""
MARGIN = 256
"""Pixels that a region sees around its core: wider than almost any cell."""
SAME = 0.5
"""Share of the smaller of two cells, one from each of two regions, from which on they are one."""

Part = tuple[slice, slice]


def regions(shape: tuple[int, int], core: int, margin: int) -> Iterator[tuple[Part, Part]]:
    """The cores, of nearly equal size, that make up a picture, row by row; each also with the
    margin around it, as far as the picture reaches."""
    for rows in _cut(shape[0], core):
        for columns in _cut(shape[1], core):
            yield (
                (rows, columns),
                (_widened(rows, margin, shape[0]), _widened(columns, margin, shape[1])),
            )


def count_regions(shape: tuple[int, int], core: int) -> int:
    """How many there are."""
    return len(_cut(shape[0], core)) * len(_cut(shape[1], core))


class Joined:
    """The ids of all cells that are known so far, in a nameless file of 4 bytes a pixel.

    Regions are added in the order of `regions`. A cell belongs to the first region whose core it
    touches, and that region, with its margin, sees all of it. Where another region's core has a
    part of the same cell, it has found it as well: the two share at least `SAME` of the smaller
    one, and the first one stands. A cell that reaches the end of what a region sees is open: its
    parts from several regions become one cell. The same regions give the same ids.
    """

    def __init__(self, shape: tuple[int, int], folder: Path) -> None:
        self._shape = shape
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        size = max(1, 4 * shape[0] * shape[1])
        if hasattr(os, "posix_fallocate"):
            # a page of a mapped file for which the disk has no room would end the process
            os.posix_fallocate(self._file.fileno(), 0, size)
        else:
            self._file.truncate(size)
        self._parents = [0]
        self._open: set[int] = set()

    def close(self) -> None:
        """Gives the file back."""
        self._file.close()

    def add(self, labels: npt.NDArray[np.integer], core: Part, seen: Part) -> None:
        """Takes the labels, h×w, ids ≥ 0, of the part `seen`, which holds the region's `core`."""
        found, count = _compact(labels)
        mapped = self._mapped()
        known = np.array(mapped[seen])
        ours = np.zeros(count + 1, bool)
        ours[found[_within(core, seen)]] = True
        ours[0] = False
        cut = self._cut(found, seen, count)
        areas = np.bincount(found.ravel(), minlength=count + 1)
        names = np.zeros(count + 1, np.uint32)
        covered = np.zeros(count + 1, np.int64)
        for number, id_ in self._matches(found, known, areas, ours, covered):
            if not names[number]:
                names[number] = id_
            elif cut[number] and id_ in self._open:
                self._unite(int(names[number]), id_)
        paint = np.zeros(count + 1, bool)
        for number in np.flatnonzero(names).tolist():
            paint[number] = cut[number] or int(names[number]) in self._open
        fresh = ours & (names == 0) & (2 * covered < areas)
        first = len(self._parents)
        names[fresh] = np.arange(first, first + np.count_nonzero(fresh), dtype=np.uint32)
        self._parents.extend(range(first, first + int(np.count_nonzero(fresh))))
        self._open.update(names[cut & (fresh | paint)].tolist())
        target = np.where(fresh | paint, names, 0).astype(np.uint32)[found]
        free = (known == 0) & (target > 0)
        known[free] = target[free]
        mapped[seen] = known

    def finish(self) -> int:
        """Numbers the cells 1 to n and returns n; nothing can be added after that."""
        roots = np.array([self._root(id_) for id_ in range(len(self._parents))], np.int64)
        _, numbers = np.unique(roots, return_inverse=True)
        self._numbers = numbers.astype(np.uint32)
        return int(numbers.max())

    def rows(self, rows: slice) -> npt.NDArray[np.uint32]:
        """Some rows of the finished mask."""
        return self._numbers[self._mapped()[rows]]

    def _mapped(self) -> npt.NDArray[np.uint32]:
        """Mapped anew each time, so that what was touched does not stay in memory."""
        return np.memmap(self._file, np.uint32, "r+", shape=self._shape)

    def _cut(self, found: npt.NDArray[np.int32], seen: Part, count: int) -> npt.NDArray[np.bool_]:
        """Which labels reach an end of what was seen that is no end of the picture."""
        cut = np.zeros(count + 1, bool)
        rows, columns = seen
        if rows.start > 0:
            cut[found[0]] = True
        if rows.stop < self._shape[0]:
            cut[found[-1]] = True
        if columns.start > 0:
            cut[found[:, 0]] = True
        if columns.stop < self._shape[1]:
            cut[found[:, -1]] = True
        cut[0] = False
        return cut

    def _matches(
        self,
        found: npt.NDArray[np.int32],
        known: npt.NDArray[np.uint32],
        areas: npt.NDArray[np.int64],
        ours: npt.NDArray[np.bool_],
        covered: npt.NDArray[np.int64],
    ) -> list[tuple[int, int]]:
        """Labels and the known ids that are the same cell, for each the one most shared first.

        Adds to `covered` how many pixels of each label belong to known cells.
        """
        both = (known > 0) & ours[found]
        if not both.any():
            return []
        ids, sizes = np.unique(known[known > 0], return_counts=True)
        pairs = found[both].astype(np.int64) << 32 | known[both]
        pairs, shared = np.unique(pairs, return_counts=True)
        numbers, others = pairs >> 32, pairs & 0xFFFFFFFF
        np.add.at(covered, numbers, shared)
        smaller = np.minimum(areas[numbers], sizes[np.searchsorted(ids, others)])
        same = shared >= SAME * smaller
        order = np.lexsort((others, -shared, numbers))
        return [(int(numbers[place]), int(others[place])) for place in order if same[place]]

    def _unite(self, one: int, other: int) -> None:
        first, second = sorted((self._root(one), self._root(other)))
        self._parents[second] = first

    def _root(self, id_: int) -> int:
        while self._parents[id_] != id_:
            self._parents[id_] = id_ = self._parents[self._parents[id_]]
        return id_


def _cut(size: int, core: int) -> list[slice]:
    edges = np.linspace(0, size, -(-size // core) + 1).round().astype(int).tolist()
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _widened(part: slice, margin: int, size: int) -> slice:
    return slice(max(0, part.start - margin), min(part.stop + margin, size))


def _within(core: Part, seen: Part) -> Part:
    rows, columns = (
        slice(inner.start - outer.start, inner.stop - outer.start)
        for inner, outer in zip(core, seen, strict=True)
    )
    return rows, columns


def _compact(labels: npt.NDArray[np.integer]) -> tuple[npt.NDArray[np.int32], int]:
    """The labels with the numbers 1 to n in the order of their ids, and n."""
    highest = int(labels.max())
    if highest > 4 * labels.size:
        anew = numbered_anew(labels).astype(np.int32)
        return anew, int(anew.max())
    present = np.zeros(highest + 1, bool)
    present[labels] = True
    present[0] = False
    numbers = np.cumsum(present, dtype=np.int32)
    numbers[0] = 0
    return numbers[labels], int(numbers[-1])
