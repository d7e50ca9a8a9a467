"""Which images have keypoints in common, in the same arrangement."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.datasets.leakage.signature import Signature, inverted, mirrored

ALIKE = 0.88
"""Cosine between two descriptors of one point, at least. Distinct points of cells reach it too, so
that only several in one arrangement say anything."""
MOST_ALIKE = 30
"""So many points, the most alike ones, are taken for each: round nuclei look like any other."""
CELLS, OF_CELL = 256, 200
"""Cells into which the space of descriptors is cut, at most, and descriptors of each, at least."""
SEARCHED = 8
"""Cells that are searched for each point, the nearest ones."""
ROUNDS = 5
SAMPLE = 20_000
"""Descriptors by which the cells are found."""
LEAST = 3
"""So many points, roughly in one arrangement, make two images worth a closer look."""
SCALE_BIN, TURN_BIN, PLACE_BIN = 0.7, np.pi / 6, 48.0
"""Natural logarithm of the size, radians, pixels of the small picture: what is roughly the same."""
BINS = (12, 64, 64, 64)
"""Of turns, a whole turn in all, of sizes, and of places along x and y."""

Floats = npt.NDArray[np.float32]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Way:
    """How a picture may have been changed before it was turned, resized and cut."""

    mirrored: bool
    inverted: bool


WAYS = tuple(Way(mirror, invert) for invert in (False, True) for mirror in (False, True))


class Matches(NamedTuple):
    """Keypoints that look alike, (m,) each."""

    first: Whole
    """Index among the points of the first image."""
    second: Whole
    way: Whole
    """Index into WAYS."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An indexed image that may show the same as the one asked for."""

    second: int
    """Its place in the index."""
    votes: int
    """Points in roughly one arrangement."""
    matches: Matches


class Index:
    """The keypoints of many images, to be searched for those that look alike."""

    def __init__(self, images: Sequence[Signature | None]) -> None:
        counts = [0 if one is None else len(one.points) for one in images]
        points = np.concatenate(
            [np.zeros((0, 4), np.float32), *(one.points for one in images if one is not None)]
        )
        vectors = np.concatenate(
            [np.zeros((0, 128), np.float32), *(_unit(one) for one in images if one is not None)]
        )
        self._centres = _centres(vectors)
        cell = _nearest(vectors, self._centres, 1)[:, 0]
        # Those of a cell lie side by side: picking them out anew for each image took most time.
        order = np.argsort(cell, kind="stable")
        self._owner = np.repeat(np.arange(len(images)), counts)[order]
        self._place = np.concatenate([np.arange(count) for count in (0, *counts)])[order]
        self._points, self._vectors = points[order], vectors[order]
        self._starts = np.searchsorted(cell[order], np.arange(len(self._centres) + 1))

    def candidates(self, image: Signature) -> Iterator[Candidate]:
        """The indexed images that may show the same as `image`, those with most votes first."""
        if not len(image.points) or not len(self._vectors):
            return
        own, other, way = self._alike(_unit(image))
        if not len(own):
            return
        owner = self._owner[other]
        votes = _votes(image.points[own], self._points[other], owner, way)
        for second in sorted(votes, key=lambda one: -votes[one]):
            of_pair = owner == second
            yield Candidate(
                second=second,
                votes=votes[second],
                matches=Matches(own[of_pair], self._place[other[of_pair]], way[of_pair]),
            )

    def _alike(self, vectors: Floats) -> tuple[Whole, Whole, Whole]:
        """Own points, indexed points and ways of all that look alike."""
        variants = np.concatenate([_changed(vectors, way) for way in WAYS])
        searched = _nearest(variants, self._centres, SEARCHED)
        rows, columns, values = [], [], []
        asking = np.argsort(searched, axis=None, kind="stable")
        ends = np.searchsorted(searched.ravel()[asking], np.arange(len(self._starts)))
        asking //= searched.shape[1]
        for cell, (start, stop) in enumerate(pairwise(self._starts.tolist())):
            vector = asking[ends[cell] : ends[cell + 1]]
            cosines = variants[vector] @ self._vectors[start:stop].T
            row, column = np.nonzero(cosines > ALIKE)
            rows.append(vector[row])
            columns.append(start + column)
            values.append(cosines[row, column])
        row, column, value = (np.concatenate(part) for part in (rows, columns, values))
        order = np.lexsort((-value, row))
        row, column = row[order], column[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        kept = rank < MOST_ALIKE
        way, own = np.divmod(row[kept], len(vectors))
        return own, column[kept], way


def _votes(points: Floats, others: Floats, owner: Whole, way: Whole) -> dict[int, int]:
    """By image, how many matches agree roughly in size, turn and place; those with LEAST or more.

    Two grids, half a step apart, so that an arrangement on the edge of a bin counts as well.
    """
    matrices, shifts = similarities(points, others, way)
    size = np.log(np.maximum(others[:, 2], 1e-3) / np.maximum(points[:, 2], 1e-3)) / SCALE_BIN
    turn = np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0]) / TURN_BIN
    middle = points[:, :2].mean(axis=0)
    place = (matrices @ middle + shifts) / PLACE_BIN
    best: dict[int, int] = {}
    for offset in (0.0, 0.5):
        keys = owner * len(WAYS) + way
        for value, kinds in zip((turn, size, *place.T), BINS, strict=True):
            keys = keys * kinds + np.floor(value + offset).astype(np.int64) % kinds
        found, counts = np.unique(keys, return_counts=True)
        kept = counts >= LEAST
        images = found[kept] // (len(WAYS) * math.prod(BINS))
        for image, count in zip(images.tolist(), counts[kept].tolist(), strict=True):
            best[image] = max(best.get(image, 0), count)
    return best


def similarities(
    points: Floats, others: Floats, way: Whole
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Matrices (m, 2, 2) and shifts (m, 2) that take each of m points (m, 4) to its other one.

    A match alone gives them, since keypoints have a size and a direction.
    """
    mirror = np.array([one.mirrored for one in WAYS])[way]
    invert = np.array([one.inverted for one in WAYS])[way]
    angle = points[:, 3] + np.where(invert, np.pi, 0.0)
    turn = others[:, 3] + np.where(mirror, angle, -angle)
    scale = others[:, 2] / np.maximum(points[:, 2], 1e-3)
    cosine, sine = scale * np.cos(turn), scale * np.sin(turn)
    sign = np.where(mirror, -1.0, 1.0)
    matrices = np.stack(
        [np.stack([cosine, -sine * sign], axis=-1), np.stack([sine, cosine * sign], axis=-1)],
        axis=-2,
    )
    shifts = others[:, :2] - np.einsum("mij,mj->mi", matrices, points[:, :2].astype(np.float64))
    return matrices, shifts


def _changed(vectors: Floats, way: Way) -> Floats:
    changed = mirrored(vectors) if way.mirrored else vectors
    return inverted(changed) if way.inverted else changed


def _unit(image: Signature) -> Floats:
    """(n, 128) descriptors of length 1."""
    vectors = image.descriptors.astype(np.float32)
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return np.asarray(vectors / length, np.float32)


def _centres(vectors: Floats) -> Floats:
    """Centres of the cells, a few rounds of k-means on a sample; the same for the same input."""
    step = max(1, len(vectors) // SAMPLE)
    sample = vectors[::step]
    cells = max(1, min(CELLS, len(vectors) // OF_CELL))
    centres = sample[:: max(1, len(sample) // cells)][:cells].copy()
    for _ in range(ROUNDS if cells > SEARCHED else 0):
        nearest = _nearest(sample, centres, 1)[:, 0]
        for cell in range(len(centres)):
            if (nearest == cell).any():
                centres[cell] = sample[nearest == cell].mean(axis=0)
        centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-6)
    return centres


def _nearest(vectors: Floats, centres: Floats, count: int) -> Whole:
    """(n, count) cells of each vector, by the cosine with their centres, in no order."""
    if not len(vectors):
        return np.zeros((0, 1), np.int64)
    count = min(count, len(centres))
    cosines = vectors @ centres.T
    if count == len(centres):
        return np.tile(np.arange(count), (len(vectors), 1))
    return np.argpartition(-cosines, count - 1, axis=1)[:, :count]
