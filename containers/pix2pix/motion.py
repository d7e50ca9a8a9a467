"""The next mask of a movie, by a model of motion that is fitted to real steps.

From each real step every cell's displacement, rotation and growth are measured, and how often one
divides. A new step draws one measured motion for each cell: what is drawn together was seen
together. Cells that enter the picture are not modelled.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from containers.base.simulated.shapes import tidy_labels

Labels = npt.NDArray[np.int32]
LONG = 1.25
"""Ratio of the axes from which on a cell has a direction, and its rotation can be measured."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """What the cells of real steps did."""

    moves: Sequence[tuple[float, float, float, float]]
    """Rows and columns in pixels, rotation in radians, growth as the log of the ratio of areas."""
    division: float
    """Share of the cells that divide in a step."""


@dataclass(frozen=True, kw_only=True)
class _Cell:
    centre: npt.NDArray[np.float64]
    area: int
    angle: float | None


def fit_motion(pairs: Iterable[tuple[Labels, Labels]]) -> Motion:
    """Measures all steps, each the labels of a frame and of the one that follows.

    A cell is followed to the one that covers most of it; two cells that come from one and are each
    at most three quarters of its size are its daughters. Ids need not agree.
    """
    moves, cells, divisions = [], 0, 0
    for before, after in pairs:
        olds, news = _measured(before), _measured(after)
        cells += len(olds)
        parents: dict[int, list[int]] = {}
        for number in news:
            under = before[(after == number) & (before > 0)]
            if under.size:
                parents.setdefault(int(np.bincount(under).argmax()), []).append(number)
        for old, children in parents.items():
            small = [n for n in children if news[n].area <= 0.75 * olds[old].area]
            if len(children) == 2 and len(small) == 2:
                divisions += 1
            elif len(children) == 1:
                moves.append(_move(olds[old], news[children[0]]))
    return Motion(
        moves=moves or [(0.0, 0.0, 0.0, 0.0)], division=divisions / cells if cells else 0.0
    )


def next_mask(labels: Labels, motion: Motion, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """H×W labels one step later, ids 1..n. A cell keeps clear of those that were moved before it;
    one that leaves the picture, or is crowded out, is gone."""
    numbers = rng.permutation(np.unique(labels[labels > 0]))
    out = np.zeros_like(labels)
    for number in numbers:
        down, across, angle, growth = motion.moves[int(rng.integers(len(motion.moves)))]
        divides = rng.random() < motion.division
        corner, mask = _moved(labels == number, (down, across), angle, growth)
        for part in _halves(mask) if divides else [mask]:
            _write(out, part, corner)
    return tidy_labels(out, smallest=1)


def _measured(labels: Labels) -> dict[int, _Cell]:
    found = {}
    for number, box in enumerate(ndimage.find_objects(labels), start=1):
        if box is None:
            continue
        rows, columns = np.nonzero(labels[box] == number)
        centre = np.array([rows.mean() + box[0].start, columns.mean() + box[1].start])
        found[number] = _Cell(centre=centre, area=rows.size, angle=_axis(rows, columns))
    return found


def _axis(rows: npt.NDArray[np.int_], columns: npt.NDArray[np.int_]) -> float | None:
    """Direction of the longest axis, None of a round cell."""
    if rows.size < 5:
        return None
    matrix = np.cov(np.stack([rows, columns]).astype(float))
    values, vectors = np.linalg.eigh(matrix)
    if values[1] < LONG**2 * max(values[0], 1e-6):
        return None
    return float(np.arctan2(vectors[0, 1], vectors[1, 1]))


def _move(old: _Cell, new: _Cell) -> tuple[float, float, float, float]:
    down, across = new.centre - old.centre
    turn = 0.0
    if old.angle is not None and new.angle is not None:
        turn = (new.angle - old.angle + np.pi / 2) % np.pi - np.pi / 2
    growth = np.clip(np.log(new.area / old.area), -0.5, 0.5)
    return float(down), float(across), float(turn), float(growth)


def _moved(
    cell: npt.NDArray[np.bool_], shift: tuple[float, float], angle: float, growth: float
) -> tuple[npt.NDArray[np.int_], npt.NDArray[np.bool_]]:
    """Corner and mask of a cell that is shifted, turned about its centre and grown in area."""
    box = ndimage.find_objects(cell.astype(np.uint8))[0]
    start = np.array([side.start for side in box])
    small = cell[box]
    margin = int(np.ceil(0.3 * max(small.shape))) + 2
    wide = np.pad(small, margin).astype(np.float32)
    rows, columns = np.nonzero(wide)
    centre = np.array([rows.mean(), columns.mean()])
    whole = np.floor(shift).astype(int)
    rest = np.array(shift) - whole
    factor = np.exp(-growth / 2)
    turn = factor * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    offset = centre - turn @ (centre + rest)
    mask = ndimage.affine_transform(wide, turn, offset, order=1) > 0.5
    return start - margin + whole, mask


def _halves(mask: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    """Two daughters: the mask cut across its longest axis, a pixel or two between them."""
    rows, columns = np.nonzero(mask)
    if rows.size < 12:
        return [mask]
    centred = np.stack([rows - rows.mean(), columns - columns.mean()])
    long = np.linalg.eigh(np.cov(centred))[1][:, 1]
    along = np.zeros(mask.shape)
    along[rows, columns] = long @ centred
    return [mask & (along > 0.8), mask & (along < -0.8)]


def _write(out: Labels, mask: npt.NDArray[np.bool_], corner: npt.NDArray[np.int_]) -> None:
    rows, columns = np.nonzero(mask)
    rows, columns = rows + corner[0], columns + corner[1]
    inside = (rows >= 0) & (columns >= 0) & (rows < out.shape[0]) & (columns < out.shape[1])
    rows, columns = rows[inside], columns[inside]
    free = out[rows, columns] == 0
    out[rows[free], columns[free]] = int(out.max()) + 1
