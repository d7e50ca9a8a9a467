"""Stored overlap tables are used for the very masks that they were made from."""

from pathlib import Path

import numpy as np
import pytest

from contract import write_mask
from evaluator.runs.read import read_mask_remarks
from evaluator.runs.records import TestImage
from harness.work.scoring import _Overlaps
from tests.datasets import cells

TRUTH = cells()[1]


@pytest.fixture
def image(tmp_path: Path) -> TestImage:
    write_mask(tmp_path / "truth.tiff", TRUTH)
    return TestImage(image="a.png", image_path="a.png", label_path=str(tmp_path / "truth.tiff"))


def agreement(folder: Path, image: TestImage, labels: np.ndarray, *, killed: bool = False) -> int:
    """Pixels that both call cell, by the table; `killed` before the index is written."""
    mask = folder / "a_label.tiff"
    write_mask(mask, labels)
    store = _Overlaps(folder / "overlaps")
    outcome, table, _ = store.table(image, mask)
    assert outcome == "scored"
    assert table is not None
    if not killed:
        store.save()
    return table.shared_foreground


def test_a_table_is_made_once(tmp_path: Path, image: TestImage) -> None:
    first = agreement(tmp_path, image, TRUTH)
    stored = tmp_path / "overlaps" / "a.npz"
    written = stored.stat().st_mtime_ns
    assert agreement(tmp_path, image, TRUTH) == first > 0
    assert stored.stat().st_mtime_ns == written


def test_a_kill_between_table_and_index_leaves_no_wrong_table(
    tmp_path: Path, image: TestImage
) -> None:
    first = agreement(tmp_path, image, TRUTH)
    assert agreement(tmp_path, image, np.zeros_like(TRUTH), killed=True) == 0
    assert agreement(tmp_path, image, TRUTH) == first


def test_a_damaged_index_or_table_costs_only_time(tmp_path: Path, image: TestImage) -> None:
    first = agreement(tmp_path, image, TRUTH)
    for name, text in (("index.json", "[1]"), ("index.json", "{"), ("a.npz", "no table")):
        (tmp_path / "overlaps" / name).write_text(text)
        assert agreement(tmp_path, image, TRUTH) == first


def test_what_is_suspicious_about_a_mask_is_kept_with_its_table(
    tmp_path: Path, image: TestImage
) -> None:
    foreground = (TRUTH > 0).astype(np.uint8)
    for labels, said in ((foreground, 1), (foreground, 1), (TRUTH, 0), (foreground, 1)):
        agreement(tmp_path, image, labels)
        found = read_mask_remarks(tmp_path / "overlaps")
        assert len(found) == said
        assert all("the prediction: one id" in text for (text,) in found.values())
    store = _Overlaps(tmp_path / "overlaps")
    store.forget(image)
    store.save()
    assert not read_mask_remarks(tmp_path / "overlaps")
