"""The sparse overlap table: what it counts, how it is stored, what it refuses."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from evaluator.overlap import table as sweep
from evaluator.overlap.table import OverlapTable, Side, UnreadableTable, overlap_table
from tests.unit.label_maps import Labels, random_pair, squares

HUGE = {
    "uint8": 255,
    "int16": 32767,
    "uint16": 65535,
    "int32": 2**31 - 1,
    "uint32": 2**32 - 1,
    "int64": 2**63 - 1,
    "uint64": 2**64 - 1,
}


def as_dict(table: OverlapTable) -> dict[tuple[int, int], int]:
    """Pixels by (true id, predicted id)."""
    truth = table.truth.ids[table.pair_truth].tolist()
    predicted = table.predicted.ids[table.pair_predicted].tolist()
    pairs = dict(zip(zip(truth, predicted, strict=True), table.pair_pixels.tolist(), strict=True))
    assert len(pairs) == len(truth), "a pair comes twice"
    assert list(pairs) == sorted(pairs), "pairs are not in order"
    return pairs


def counted(truth: Labels, predicted: Labels) -> dict[tuple[int, int], int]:
    pairs: dict[tuple[int, int], int] = {}
    for a, b in zip(truth.ravel().tolist(), predicted.ravel().tolist(), strict=True):
        if a and b:
            pairs[a, b] = pairs.get((a, b), 0) + 1
    return pairs


def check_side(side: Side, labels: Labels) -> None:
    ids, areas = np.unique(labels[labels > 0], return_counts=True)
    frame = np.ones(labels.shape, bool)
    if min(labels.shape) > 4:
        frame[2:-2, 2:-2] = False
    assert side.ids.tolist() == ids.tolist()
    assert side.ids.dtype == labels.dtype
    assert side.areas.tolist() == areas.tolist()
    assert side.on_frame.tolist() == [bool((labels[frame] == i).any()) for i in ids]


def check(truth: Labels, predicted: Labels) -> None:
    table = overlap_table(truth, predicted)
    assert as_dict(table) == counted(truth, predicted)
    check_side(table.truth, truth)
    check_side(table.predicted, predicted)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 5), (4, 4), (5, 5), (17, 3), (40, 31)])
def test_equals_a_count_of_every_pixel(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(shape))
    for highest in (2, 5, 200):
        truth, predicted = rng.integers(0, highest, (2, *shape)).astype(np.uint8)
        check(truth, predicted)


@pytest.mark.parametrize("dtype", HUGE)
def test_ids_keep_their_type_and_value(dtype: str) -> None:
    """Ids that float64 or int64 cannot tell apart stay two cells."""
    truth = squares((12, 12), (1, 1, 3, 3), (1, 6, 3, 3), (6, 3, 4, 4)).astype(dtype)
    renamed = np.array([0, HUGE[dtype], HUGE[dtype] - 1, 1], dtype)[truth]
    check(renamed, truth)
    check(truth, renamed)
    assert overlap_table(renamed, truth).truth.ids.tolist() == [1, HUGE[dtype] - 1, HUGE[dtype]]


def test_types_may_differ_between_the_sides() -> None:
    truth = squares((9, 9), (2, 2, 3, 3), dtype="uint64")
    check(truth, squares((9, 9), (3, 3, 3, 3), dtype="int8"))


def test_pieces_of_one_id_are_one_cell() -> None:
    labels = squares((10, 20), (3, 3, 2, 2), (3, 12, 4, 4))
    labels[labels == 2] = 1
    table = overlap_table(labels, labels)
    assert table.truth.areas.tolist() == [20]


def test_bands_give_the_same_table(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    truth, predicted = rng.integers(0, 30, (2, 60, 50)).astype(np.uint16)
    monkeypatch.setattr(sweep, "CHUNK", 100)
    monkeypatch.setattr(sweep, "RUNS_IN_HAND", 150)
    check(truth, predicted)


def test_arrays_need_not_be_contiguous() -> None:
    rng = np.random.default_rng(4)
    truth, predicted = rng.integers(0, 9, (2, 30, 40)).astype(np.uint16)
    check(truth.T, predicted[::-1, ::-1].T)


def test_without_prediction_the_prediction_is_empty() -> None:
    truth = squares((9, 9), (3, 3, 3, 3))
    table = overlap_table(truth)
    assert (len(table.truth), len(table.predicted), len(table.pair_pixels)) == (1, 0, 0)


def test_no_pixels_no_cells() -> None:
    table = overlap_table(np.zeros((0, 7), np.uint8), np.zeros((0, 7), np.uint8))
    assert (table.shape, len(table.truth)) == ((0, 7), 0)


def test_tiles_add_up_to_the_whole() -> None:
    """5000×5000 is the smallest square that the challenge tiles: 3×3 tiles of 2000."""
    truth = squares((5000, 5000), (10, 10, 30, 30), (1990, 1990, 20, 20), (4990, 4000, 10, 9))
    predicted = squares((5000, 5000), (12, 10, 30, 30), (1985, 1990, 20, 20))
    table = overlap_table(truth, predicted)
    assert len(table.tiles) == 9
    assert as_dict(table) == {(1, 1): 28 * 30, (2, 2): 15 * 20}
    assert sum(tile.pair_pixels.sum() for tile in table.tiles) == table.pair_pixels.sum()
    assert [tile.truth.ids.tolist() for tile in table.tiles] == [
        [1, 2], [2], [], [2], [2], [], [], [], [3],
    ]  # fmt: skip
    assert [tile.truth.on_frame.tolist() for tile in table.tiles if len(tile.truth)] == [
        [False, True], [True], [True], [True], [True],
    ]  # fmt: skip
    check_side(table.truth, truth)


def test_below_25_megapixels_there_are_no_tiles() -> None:
    assert overlap_table(np.zeros((5000, 4999), np.uint8)).tiles == ()


def test_keep_leaves_cells_out_and_renumbers() -> None:
    truth = squares((20, 20), (0, 0, 4, 4), (8, 8, 4, 4), (14, 3, 3, 3))
    table = overlap_table(truth, truth).without_border()
    assert as_dict(table) == {(2, 2): 16, (3, 3): 9}
    assert table.truth.areas.tolist() == [16, 9]


def test_stored_and_read_again(tmp_path: Path) -> None:
    truth, predicted = random_pair(np.random.default_rng(1))
    for table in (
        overlap_table(truth.astype(np.uint64) * (2**63 // 50), predicted),
        overlap_table(truth),
        overlap_table(squares((5200, 5000), (100, 100, 9, 9), (4000, 1998, 9, 9))),
    ):
        path = tmp_path / "a b.npz"
        table.save(path)
        again = OverlapTable.load(path)
        assert_same(again, table)
        assert list(tmp_path.iterdir()) == [path]


def assert_same(one: OverlapTable, other: OverlapTable) -> None:
    assert one.shape == other.shape
    assert len(one.tiles) == len(other.tiles)
    left, right = one._arrays(), other._arrays()
    for name, column in left.items():
        assert column.dtype == right[name].dtype, name
        np.testing.assert_array_equal(column, right[name], err_msg=name)
    for mine, theirs in zip(one.tiles, other.tiles, strict=True):
        assert_same(mine, theirs)


def test_a_damaged_or_foreign_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    overlap_table(squares((9, 9), (2, 2, 3, 3))).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableTable, match="no overlap table"):
        OverlapTable.load(path)
    np.savez(path, something=np.arange(3))
    with pytest.raises(UnreadableTable, match="version"):
        OverlapTable.load(path)
    with pytest.raises(FileNotFoundError):
        OverlapTable.load(tmp_path / "none.npz")


def test_pickled_content_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    np.savez(path, version=np.array([print], dtype=object))
    with pytest.raises(UnreadableTable, match="allow_pickle"):
        OverlapTable.load(path)


@pytest.mark.parametrize(
    ("truth", "predicted", "said"),
    [
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8), "shapes differ"),
        (np.zeros((4, 4), np.float32), np.zeros((4, 4), np.uint8), "float32"),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.uint8), "prediction"),
        (np.full((4, 4), -1, np.int16), np.zeros((4, 4), np.uint8), "negative"),
    ],
)
def test_other_arrays_are_refused(truth: Labels, predicted: Labels, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        overlap_table(truth, predicted)


def test_memory_does_not_grow_with_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a sixteenth of the runs in hand, a sixteenth of the largest image is large enough."""
    monkeypatch.setattr(sweep, "RUNS_IN_HAND", sweep.RUNS_IN_HAND // 16)
    peaks = []
    for side in (1024, 3584):  # below the size that is cut into tiles
        cell = np.arange(side) // 32
        truth = (cell[:, None] * 112 + cell + 1).astype(np.uint32)
        predicted = np.roll(truth, (5, 7), (0, 1))
        tracemalloc.start()
        table = overlap_table(truth, predicted)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(table.truth) == (side // 32) ** 2
    assert peaks[1] < 3 * peaks[0] < 20e6  # twelve times the pixels; the masks are 103 MB
