"""Signs that a mask does not hold what its author meant, read off the mask and the other one."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from contract.masks import MaskFile
from evaluator.overlap.table import Labels, Side, Whole

SATURATED = (255, 65535)
"""The highest ids that 8 and 16 bits hold."""
SEVERAL = 3
"""So many pieces of one id, or ids in pieces, are more than a slip of the hand."""
SIZEABLE = 0.1
"""Part of the id's largest piece from which on another piece counts."""
CRUMB = 4
"""Pixels; smaller pieces do not count, and whole cells no larger are odd."""
MUCH_SHARED = 0.25
"""Part of the ids that may lie in pieces. Hand-drawn masks reach 0.06, masks of models 0.22."""
FEW_IDS = 8
"""Masks of so few ids are looked at in full; of more, the ids that fill little of their box."""
SAMPLE_PIXELS = 1 << 16
FILLED = 0.4
"""A disc fills 0.79 of the box around it, two discs apart less than half."""
SCATTERED = 0.1
"""A box filled by less than this, with no second piece of some size, holds crumbs."""
ONE_ID = "one id"
CLASSES = "they may be classes"
MUCH_SCATTERED = 0.4
"""Part of the ids that may be scattered. Real masks reach 0.11, JPEG and smooth resizing 0.6."""


def mask_warnings(
    name: str, mask: MaskFile, cells: Side, pairs: Whole | None = None
) -> tuple[str, ...]:
    """Sentences about one mask and its file; `name` says whose it is.

    `cells` is the mask's side of an overlap table, `pairs` its column of the table's pairs: cells
    that touch each other are one piece by themselves, but not beside another mask.
    """
    found = [*mask.remarks, *check_mask(mask.labels, cells)]
    if len(cells) == 1 and pairs is not None and len(pairs) >= SEVERAL:
        found = [text for text in found if not text.startswith(ONE_ID)]
        found.append(_one_id(cells, f"{len(pairs)} cells of the other mask"))
    return tuple(f"the {name}: {text}" for text in found)


def check_mask(labels: Labels, cells: Side) -> tuple[str, ...]:
    """Sentences about an H×W mask of ids ≥ 0; none when nothing is suspicious.

    `cells` is the mask's side of an overlap table.

    Found are: one id, or a few, over many separate pieces (a mask of the foreground or of
    classes); cells that share ids; ids at the end of what 8 or 16 bits hold, with gaps (spread for
    display) or without; a background that is not 0, or exchanged with the cells; ids that are
    scattered over the image pixel by pixel, as after lossy compression or smooth resizing. Scores
    are not changed by what is said:
    a mask counts as it stands, one id one cell.
    """
    if not len(cells):
        return ()
    if background := _other_background(labels, cells) or _around_the_rest(labels, cells):
        return (background,)
    pieces, filled = _pieces(labels, cells)
    scattered = tuple(_scattered(cells, pieces, filled))
    return (*(scattered or _in_pieces(cells, pieces)), *_at_the_end(cells, pieces))


def _one_id(cells: Side, over: str) -> str:
    return (
        f"{ONE_ID}, {cells.ids[0]}, lies over {over}: it may be a mask of the foreground; give each"
        " cell an id of its own"
    )


def _in_pieces(cells: Side, pieces: Whole) -> Iterator[str]:
    """About ids that lie in several separate pieces of some size."""
    count, most = len(cells), int(pieces.max())
    split = int(np.count_nonzero(pieces > 1))
    if count == 1 and most > 1:
        yield _one_id(cells, f"{most} separate pieces")
    elif count <= FEW_IDS and pieces.sum() >= SEVERAL * count:
        yield (
            f"{count} ids lie over {int(pieces.sum())} separate pieces: {CLASSES};"
            " give each cell an id of its own"
        )
    elif split >= SEVERAL and split >= MUCH_SHARED * count:
        yield f"{split} of {count} ids lie in several separate pieces: cells may share ids"


def _at_the_end(cells: Side, pieces: Whole) -> Iterator[str]:
    """About the highest id when it is the last of its kind."""
    highest = int(cells.ids[-1])
    if highest not in SATURATED or len(cells) == 1:
        return
    bits = highest.bit_length()
    steps = np.diff(cells.ids.astype(np.int64), prepend=0)
    if len(steps) >= SEVERAL and steps.min() > 1 and np.ptp(steps) <= 1:
        yield (
            f"{len(cells)} ids are spread evenly up to {highest}, as for display: if there"
            " were more cells than values, some of them share ids; save the ids themselves"
        )
    else:
        shared = " and it lies in several separate pieces" if pieces[-1] > 1 else ""
        yield (
            f"the highest id is {highest}, the last one that {bits} bits hold{shared}: if there"
            " were more cells, some of them share ids; save the mask with more bits"
        )


def _scattered(cells: Side, pieces: Whole, filled: npt.NDArray[np.float64]) -> Iterator[str]:
    """About ids that are no cells, but single pixels here and there."""
    crumbs = (cells.areas <= CRUMB) | ((filled < SCATTERED) & (pieces == 1))
    found = int(np.count_nonzero(crumbs))
    if found >= SEVERAL and found >= MUCH_SCATTERED * len(cells):
        yield (
            f"{found} of {len(cells)} ids are scattered over single pixels: values may have"
            " been changed by lossy compression or smooth resizing"
        )


def _other_background(labels: Labels, cells: Side) -> str:
    """That something else than 0 surrounds the cells, when there is no 0 at all."""
    if cells.areas.sum() < labels.size or len(cells) < SEVERAL:
        return ""
    largest = cells.ids[int(np.argmax(cells.areas))]
    if not _surrounds(labels, largest):
        return ""
    turned = largest == np.iinfo(labels.dtype).max
    return (
        f"no pixel is 0, and the id {largest} surrounds the others: it may be the background"
        + (", and the mask may be stored with white as zero" if turned else "")
        + "; background must be 0"
    )


def _around_the_rest(labels: Labels, cells: Side) -> str:
    """That the only id fills the image save for what may be the cells."""
    only = cells.ids[0]
    if len(cells) > 1 or not _surrounds(labels, only):
        return ""
    pieces = _count(labels == 0)
    if pieces < SEVERAL:
        return ""
    return (
        f"{ONE_ID}, {only}, surrounds {pieces} pieces of 0: background and cells may be exchanged;"
        " background must be 0, and each cell an id of its own"
    )


def _surrounds(labels: Labels, one: object) -> bool:
    """Whether an id holds more than half of the image's border."""
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return bool(2 * np.count_nonzero(border == one) > border.size)


def pieces_of(labels: Labels, cells: Side) -> Whole:
    """(n,) separate pieces of some size of each id of an H×W mask, at least 1."""
    return _pieces(labels, cells)[0]


def _pieces(labels: Labels, cells: Side) -> tuple[Whole, npt.NDArray[np.float64]]:
    """For each id, its separate pieces of some size, at least 1, and the part of its box filled.

    Corners connect pieces. Boxes are those of a sample of the pixels; where an id fills little of
    its box, the pixels decide.
    """
    pieces, filled = np.ones(len(cells), np.int64), np.ones(len(cells))
    step = math.isqrt(labels.size // SAMPLE_PIXELS) + 1
    found, boxes = _boxes(_places(labels[::step, ::step], cells))
    boxes *= step
    sizes = (boxes[:, 1] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 2])
    filled[found] = cells.areas[found] / sizes
    few = len(cells) <= FEW_IDS
    suspects = np.flatnonzero((filled[found] < FILLED) | few)
    if not few and sizes[suspects].sum() > labels.size:
        return _all_pieces(labels, cells), filled
    for suspect in suspects:
        number = found[suspect]
        pieces[number] = _count(_around(labels, boxes[suspect], step) == cells.ids[number])
    return pieces, filled


def _boxes(places: npt.NDArray[np.int32]) -> tuple[Whole, Whole]:
    """Which places of cells occur (n,), counted from 0, and the box of each (n, 4).

    A box is first row, row behind the last, first column, column behind the last.
    """
    from scipy import ndimage

    boxes = ndimage.find_objects(places)
    found = np.array([place for place, box in enumerate(boxes) if box is not None], np.int64)
    edges = [(b[0].start, b[0].stop, b[1].start, b[1].stop) for b in boxes if b is not None]
    return found, np.array(edges, np.int64).reshape(-1, 4)


def _count(inside: npt.NDArray[np.bool_]) -> int:
    """Separate pieces of some size, corners connecting."""
    from scipy import ndimage

    found, count = ndimage.label(inside, np.ones((3, 3), np.int8))
    if count <= 1:
        return 1
    areas = np.bincount(found.ravel())[1:]
    return int(np.count_nonzero(_sizeable(areas, areas.max())))


def _around(labels: Labels, box: Whole, margin: int) -> Labels:
    """The part of the image in a box of the sample, and what the sample may have missed."""
    top, bottom, left, right = box.tolist()
    return labels[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin]


def _places(labels: Labels, cells: Side) -> npt.NDArray[np.int32]:
    """The place of each pixel's id among the sorted ids, from 1; 0 for background."""
    highest = int(cells.ids[-1])
    if highest > 4 * labels.size + SATURATED[-1]:
        found = np.searchsorted(cells.ids, labels)
        return np.where(labels == 0, 0, found + 1).astype(np.int32)
    table = np.zeros(highest + 1, np.int32)
    table[cells.ids] = np.arange(1, len(cells) + 1)
    return table[labels]


def _all_pieces(labels: Labels, cells: Side) -> Whole:
    """The pieces of each id in one go over the image, where the boxes of many ids overlap."""
    from skimage.measure import label

    places = _places(labels, cells)
    found = label(places, connectivity=2, background=0)
    areas = np.bincount(found.ravel())[1:]
    owner = np.zeros(len(areas) + 1, np.int64)
    owner[found.ravel()] = places.ravel()
    owner = owner[1:] - 1
    largest = np.zeros(len(cells), np.int64)
    np.maximum.at(largest, owner, areas)
    keep = _sizeable(areas, largest[owner])
    return np.bincount(owner[keep], minlength=len(cells))


def _sizeable(areas: Whole, largest: Whole | np.int64) -> npt.NDArray[np.bool_]:
    """Which pieces count: the largest of an id always."""
    return np.asarray((areas == largest) | ((areas > CRUMB) & (areas >= SIZEABLE * largest)))
