"""The compiled sweep gives the tables of the one without, and is taken only where it pays."""

import numpy as np
import pytest

from evaluator import OverlapTable, overlap_table
from evaluator.overlap import compiled, table
from tests.conftest import need
from tests.peers.conftest import add_peers
from tests.unit.label_maps import Labels, squares


@pytest.fixture(autouse=True)
def _numba(monkeypatch: pytest.MonkeyPatch) -> None:
    add_peers()
    compiled._has_numba.cache_clear()
    need(compiled._has_numba(), "needs numba, of the extra `fast` or by `make peers`")
    monkeypatch.setattr(compiled, "PAYS_FROM", 0)


def assert_same(truth: Labels, predicted: Labels, monkeypatch: pytest.MonkeyPatch) -> OverlapTable:
    taken = []
    sweep = compiled.sum_pairs
    monkeypatch.setattr(table, "sum_pairs", lambda bands: taken.append(1) or sweep(bands))
    fast = overlap_table(truth, predicted)
    assert taken, "the compiled sweep was not taken"
    monkeypatch.setattr(table, "sum_pairs", sweep)
    monkeypatch.setattr(compiled, "PAYS_FROM", 10**18)
    slow = overlap_table(truth, predicted)
    monkeypatch.setattr(compiled, "PAYS_FROM", 0)
    assert_equal(fast, slow)
    return fast


def assert_equal(one: OverlapTable, other: OverlapTable) -> None:
    assert one.shape == other.shape
    ours, theirs = one._arrays(), other._arrays()
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype, name
        assert np.array_equal(ours[name], theirs[name]), name
    for a, b in zip(one.tiles, other.tiles, strict=True):
        assert_equal(a, b)


@pytest.mark.parametrize("highest", [1, 3, 250])
@pytest.mark.parametrize("shape", [(1, 1), (3, 50), (70, 40)])
def test_random_maps(highest: int, shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(highest)
    truth, predicted = rng.integers(0, highest + 1, (2, *shape)).astype(np.uint8)
    assert_same(truth, predicted, monkeypatch)
    assert_same(truth.astype(np.uint32).T, predicted.astype(np.uint16)[::-1].T, monkeypatch)


def test_the_largest_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = squares((12, 12), (1, 1, 3, 3), (1, 6, 3, 3), (6, 3, 4, 4))
    renamed = np.array([0, 2**32 - 1, 2**32 - 2, 1], np.uint32)[cells]
    found = assert_same(renamed, cells, monkeypatch)
    assert found.truth.ids.tolist() == [1, 2**32 - 2, 2**32 - 1]


def test_more_pairs_than_the_first_slots_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 60_000, (2, 200, 300)).astype(np.uint16)
    found = assert_same(truth, predicted, monkeypatch)
    assert len(found.pair_pixels) > 4 * compiled.FIRST_SLOTS


def test_bands_and_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "TILED_FROM", 40 * 30)
    monkeypatch.setattr(table, "TILE", 16)
    monkeypatch.setattr(table, "CHUNK", 50)
    rng = np.random.default_rng(1)
    truth, predicted = np.repeat(rng.integers(0, 9, (2, 40, 6)).astype(np.uint8), 5, axis=2)
    assert len(assert_same(truth, predicted, monkeypatch).tiles) == 6


def test_it_is_taken_only_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    map_ = np.zeros((100, 100), np.uint16)
    monkeypatch.setattr(compiled, "_swept", 0)
    monkeypatch.setattr(compiled, "PAYS_FROM", 25_000)
    assert [compiled.pays(map_, map_) for _ in range(4)] == [False, False, True, True]
    assert not compiled.pays(map_.astype(np.int64), map_)
    monkeypatch.setattr(compiled, "_has_numba", lambda: False)
    assert not compiled.pays(map_, map_)


def test_empty_images_and_negative_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.zeros((0, 5), np.uint8)
    assert len(overlap_table(nothing, nothing).truth) == 0
    with pytest.raises(ValueError, match="negative"):
        overlap_table(np.full((3, 3), -1), np.ones((3, 3), np.uint8))
