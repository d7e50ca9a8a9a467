"""The sparse overlap table of a truth and a prediction: every score is computed from it alone.

One sweep over the pixels finds the runs in which both ids stay the same along a row; the runs are
summed to the pixels that each true cell shares with each predicted one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt

from contract import CellbenchError, write_aside
from evaluator.overlap.compiled import pays, sum_pairs

Labels = npt.NDArray[np.integer[Any]]
Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

FRAME = 2
"""Width in pixels of the image's outer frame: the challenge drops the cells that touch it."""

TILED_FROM = 25_000_000
"""From this many pixels on the challenge cuts an image into tiles."""

TILE = 2000
"""Side of such a tile in pixels; the image is padded with background to a multiple of it."""

CHUNK = 1 << 17  # pixels looked at in one go: few enough to stay in the processor's cache
RUNS_IN_HAND = 1 << 21  # runs kept before they are summed up, which bounds the memory


class UnreadableTable(CellbenchError):
    """A stored overlap table that is damaged or of another format."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """The cells of one of the two masks, sorted by id; background (0) is none of them."""

    ids: Labels
    """(n,) of the mask's own integer type: the ids as they stand in the file."""
    areas: Whole
    """(n,) pixels of each cell, at least 1; an id in several pieces is one cell."""
    on_frame: Flags
    """(n,) whether the cell has a pixel in the outer 2 rows or columns."""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def foreground(self) -> int:
        """Pixels of all cells together."""
        return int(self.areas.sum())

    def _kept(self, keep: Flags) -> "Side":
        return Side(ids=self.ids[keep], areas=self.areas[keep], on_frame=self.on_frame[keep])


@dataclass(frozen=True, kw_only=True)
class OverlapTable:
    """Which cells of the truth share how many pixels with which cells of the prediction.

    Pairs are sorted by true cell, then predicted cell, and hold at least one pixel each; pairs
    with the background are left out, since they follow from the areas.
    """

    shape: tuple[int, int]
    """Height and width in pixels."""
    truth: Side
    predicted: Side
    pair_truth: Whole
    """(k,) index into truth.ids, not the id itself."""
    pair_predicted: Whole
    """(k,) index into predicted.ids."""
    pair_pixels: Whole
    """(k,) pixels that the two cells share."""
    tiles: tuple["OverlapTable", ...] = ()
    """For images of 25 000 000 pixels or more, one table per 2000×2000 tile of the padded image,
    row by row, its frame being the tile's own; else empty."""

    @property
    def shared_foreground(self) -> int:
        """Pixels that are cell in both masks."""
        return int(self.pair_pixels.sum())

    def pair_unions(self) -> Whole:
        """(k,) pixels that belong to either cell of each pair."""
        areas = self.truth.areas[self.pair_truth] + self.predicted.areas[self.pair_predicted]
        return areas - self.pair_pixels

    def keep(self, truth: Flags, predicted: Flags) -> "OverlapTable":
        """The table of the cells where `truth` (n,) and `predicted` (m,) are True, without tiles.

        The pixels of the cells left out count as background.
        """
        pairs = truth[self.pair_truth] & predicted[self.pair_predicted]
        return OverlapTable(
            shape=self.shape,
            truth=self.truth._kept(truth),
            predicted=self.predicted._kept(predicted),
            pair_truth=(np.cumsum(truth) - 1)[self.pair_truth[pairs]],
            pair_predicted=(np.cumsum(predicted) - 1)[self.pair_predicted[pairs]],
            pair_pixels=self.pair_pixels[pairs],
        )

    def without_border(self) -> "OverlapTable":
        """The table of the cells that stay clear of the outer 2 rows and columns."""
        return self.keep(~self.truth.on_frame, ~self.predicted.on_frame)

    def same(self, other: "OverlapTable") -> bool:
        """Whether both hold the same cells, pixels and tiles."""
        mine, theirs = self._arrays(), other._arrays()
        return (
            all(np.array_equal(mine[name], theirs[name]) for name in mine)
            and len(self.tiles) == len(other.tiles)
            and all(a.same(b) for a, b in zip(self.tiles, other.tiles, strict=True))
        )

    def save(self, path: Path) -> None:
        """Writes a compressed npz; `path` must end in .npz and is replaced in one step."""
        arrays = self._arrays()
        columns: dict[str, npt.NDArray[Any]] = {"version": np.array(1), **arrays}
        tiles = [tile._arrays() for tile in self.tiles]
        if tiles:
            for name in arrays:
                parts = [tile[name] for tile in tiles]
                columns[f"tile_{name}"] = np.concatenate(parts)
                columns[f"tile_{name}_length"] = np.array([len(part) for part in parts])
        write_aside(path, lambda aside: np.savez_compressed(aside, **cast(Any, columns)))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads what `save` wrote; pickled content is refused.

        Raises UnreadableTable for anything else, and FileNotFoundError.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                columns = {name: stored[name] for name in stored.files}
            if int(columns["version"]) != 1:
                raise ValueError(f"version {columns['version']} is not known here")
            return cls._from_arrays(columns, _stored_tiles(columns))
        except FileNotFoundError:
            raise
        except Exception as error:  # zipfile, zlib and numpy each have their own
            raise UnreadableTable(
                f"{path} is no overlap table: {error}",
                "the file is damaged or was written by another version of cellbench",
                "score the masks again",
            ) from error

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        sides = {
            f"{side}_{field.name}": getattr(getattr(self, side), field.name)
            for side in ("truth", "predicted")
            for field in fields(Side)
        }
        pairs = {name: getattr(self, name) for name in _PAIR_COLUMNS}
        return {"shape": np.array(self.shape), **sides, **pairs}

    @classmethod
    def _from_arrays(
        cls, columns: Mapping[str, npt.NDArray[Any]], tiles: tuple["OverlapTable", ...] = ()
    ) -> Self:
        height, width = columns["shape"].tolist()
        truth, predicted = (
            Side(**{field.name: columns[f"{side}_{field.name}"] for field in fields(Side)})
            for side in ("truth", "predicted")
        )
        pairs = {name: columns[name] for name in _PAIR_COLUMNS}
        return cls(shape=(height, width), truth=truth, predicted=predicted, tiles=tiles, **pairs)


_PAIR_COLUMNS = ("pair_truth", "pair_predicted", "pair_pixels")


def _stored_tiles(columns: Mapping[str, npt.NDArray[Any]]) -> tuple[OverlapTable, ...]:
    if "tile_shape" not in columns:
        return ()
    names = [name for name in columns if f"tile_{name}" in columns]
    parts = {
        name: np.split(columns[f"tile_{name}"], np.cumsum(columns[f"tile_{name}_length"])[:-1])
        for name in names
    }
    count = len(columns["tile_shape_length"])
    return tuple(
        OverlapTable._from_arrays({name: parts[name][tile] for name in names})
        for tile in range(count)
    )


def overlap_table(truth: Labels, predicted: Labels | None = None) -> OverlapTable:
    """The overlap table of two label masks, from one sweep over their pixels.

    Parameters: two (H, W) arrays of any integer types, 0 for background, every other id one cell;
    ids may be sparse and as large as the type allows and are never cast to another type. The
    arrays may be memory maps: they are read in row bands. Without `predicted` the prediction is
    empty, which gives the truth's side of a pair that failed.

    Beyond the masks it needs memory for the table itself and about 100 MB at most. Costs about
    4 ns a pixel where cells are tens of pixels wide, and a quarter of that from some hundred
    megapixels on if numba is installed (extra `fast`); the table is the same.

    Raises ValueError when an array is not two-dimensional, not of an integer type or holds
    negative ids, and when the shapes differ.

    >>> import numpy as np
    >>> from evaluator import overlap_table
    >>> truth = np.array([[1, 1, 0, 2, 2]])
    >>> predicted = np.array([[7, 7, 7, 0, 9]])
    >>> table = overlap_table(truth, predicted)
    >>> table.truth.ids.tolist(), table.truth.areas.tolist()
    ([1, 2], [2, 2])
    >>> table.pair_pixels.tolist(), table.pair_unions().tolist()
    ([2, 1], [3, 2])
    """
    if predicted is None:
        predicted = np.broadcast_to(np.zeros((), np.uint8), truth.shape)
    _refuse_other_arrays(truth, predicted)
    height, width = truth.shape
    shape = (height, width)
    frames = _frame_ids(truth, shape), _frame_ids(predicted, shape)
    total = _compiled_total if pays(truth, predicted) else _total
    if height * width < TILED_FROM:
        return _table(shape, total(truth, predicted), frames)
    sums, tiles = [], []
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            square = np.s_[top : top + TILE, left : left + TILE]
            inside = truth[square], predicted[square]
            sums.append(total(*inside))
            edges = _frame_ids(inside[0], (TILE, TILE)), _frame_ids(inside[1], (TILE, TILE))
            tiles.append(_table((TILE, TILE), sums[-1], edges))
    return _table(shape, _sum_runs(iter(sums)), frames, tuple(tiles))


_Runs = tuple[Labels, Labels, Whole]
"""True ids, predicted ids and the pixels that they share, (k,) each; one id may be background."""


def _total(truth: Labels, predicted: Labels) -> _Runs:
    return _sum_runs(_runs(truth, predicted))


def _compiled_total(truth: Labels, predicted: Labels) -> _Runs:
    return sum_pairs(_bands(truth, predicted))


def _bands(truth: Labels, predicted: Labels) -> Iterator[tuple[Labels, Labels]]:
    """Both masks, flat, a few rows at a time."""
    height, width = truth.shape
    if not width:
        return
    rows = max(1, CHUNK // width)
    for top in range(0, height, rows):
        yield truth[top : top + rows].ravel(), predicted[top : top + rows].ravel()


def _runs(truth: Labels, predicted: Labels) -> Iterator[_Runs]:
    """The runs of constant ids in row order, those of mere background left out."""
    for a, b in _bands(truth, predicted):
        change = a[1:] != a[:-1]
        change |= b[1:] != b[:-1]
        starts = np.concatenate(([0], np.flatnonzero(change) + 1))
        pixels = np.diff(starts, append=a.size)
        a, b = a[starts], b[starts]
        cell = (a != 0) | (b != 0)
        yield a[cell], b[cell], pixels[cell]


def _sum_runs(runs: Iterator[_Runs]) -> _Runs:
    """The runs summed up per pair of ids, sorted by true id, then predicted id."""
    in_hand: list[_Runs] = []
    count, limit = 0, RUNS_IN_HAND
    for run in runs:
        in_hand.append(run)
        count += len(run[2])
        if count > limit:
            in_hand = [_sum_pairs(in_hand)]
            count = len(in_hand[0][2])
            # Twice what is there already, or noise would be summed again at every band.
            limit = max(RUNS_IN_HAND, 2 * count)
    return _sum_pairs(in_hand)


def _sum_pairs(parts: list[_Runs]) -> _Runs:
    from scipy.sparse import csr_array

    if not parts:
        nothing = np.zeros(0, np.int64)
        return nothing, nothing, nothing
    truth, predicted, pixels = (np.concatenate(column) for column in zip(*parts, strict=True))
    if not len(pixels):
        return truth, predicted, pixels
    truth_ids, truth_index = _compact(truth)
    predicted_ids, predicted_index = _compact(predicted)
    # Run × cell matrices with one entry a run: their product sums by counting alone, where
    # coo_array would sort the background's long row.
    entry = np.arange(len(pixels) + 1, dtype=np.int32)
    by_truth = csr_array(
        (np.ones(len(pixels), np.int8), truth_index, entry), shape=(len(pixels), len(truth_ids))
    )
    by_predicted = csr_array(
        (pixels, predicted_index, entry), shape=(len(pixels), len(predicted_ids))
    )
    summed = csr_array(by_truth.T @ by_predicted)
    summed.sort_indices()
    rows = np.repeat(np.arange(len(truth_ids)), np.diff(summed.indptr))
    return truth_ids[rows], predicted_ids[summed.indices], summed.data


def _compact(ids: Labels) -> tuple[Labels, npt.NDArray[Any]]:
    """The distinct ids, sorted, and the index of each element of `ids` among them."""
    if not len(ids):
        return ids, np.zeros(0, np.int32)
    if ids.dtype.kind == "i" and int(ids.min()) < 0:
        raise ValueError(f"negative ids, the lowest is {int(ids.min())}")
    highest = int(ids.max())
    if highest > 4 * len(ids) + CHUNK:
        return np.unique(ids, return_inverse=True)
    # A look-up by id is many times faster than sorting, as long as the ids are not too sparse.
    present = np.zeros(highest + 1, np.bool_)
    present[ids] = True
    index = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(present).astype(ids.dtype), index[ids]


def _table(
    shape: tuple[int, int],
    runs: _Runs,
    frames: tuple[Labels, Labels],
    tiles: tuple[OverlapTable, ...] = (),
) -> OverlapTable:
    sides, indices = [], []
    for ids, frame in zip(runs[:2], frames, strict=True):
        cells, index = _compact(ids)
        areas = np.zeros(len(cells), np.int64)
        np.add.at(areas, index, runs[2])
        if len(cells) and cells[0] == 0:
            cells, areas, index = cells[1:], areas[1:], index - 1
        sides.append(Side(ids=cells, areas=areas, on_frame=np.isin(cells, frame)))
        indices.append(index.astype(np.int64))
    both = (indices[0] >= 0) & (indices[1] >= 0)
    return OverlapTable(
        shape=shape,
        truth=sides[0],
        predicted=sides[1],
        pair_truth=indices[0][both],
        pair_predicted=indices[1][both],
        pair_pixels=runs[2][both],
        tiles=tiles,
    )


def _frame_ids(labels: Labels, shape: tuple[int, int]) -> Labels:
    """The ids in the outer rows and columns of a (padded) image of `shape` that starts so."""
    height, width = shape
    strips = (
        labels[:FRAME],
        labels[max(0, height - FRAME) :],
        labels[:, :FRAME],
        labels[:, max(0, width - FRAME) :],
    )
    return np.unique(np.concatenate([strip.ravel() for strip in strips]))


def _refuse_other_arrays(truth: Labels, predicted: Labels) -> None:
    for name, labels in (("truth", truth), ("prediction", predicted)):
        if labels.ndim != 2 or labels.dtype.kind not in "iu":
            raise ValueError(
                f"the {name} is {labels.dtype} of shape {labels.shape}, not H×W integers"
            )
    if truth.shape != predicted.shape:
        raise ValueError(f"the shapes differ: {truth.shape} and {predicted.shape}")
