"""`evaluator compare --no-truth`: what an update did to masks."""

from pathlib import Path

import numpy as np
import pytest

from contract import CallError, write_mask
from evaluator.compare.masks import ImageChanges, compare_masks
from evaluator.runs.folder import RunFolder
from tests import programs
from tests.unit.label_maps import Labels, squares
from tests.unit.scored_runs import TRUTH, found, real_run, scored

LEFT, RIGHT = (10, 10, 12, 12), (10, 22, 12, 12)  # two cells that touch


def compared(folder: Path, a: Labels, b: Labels) -> ImageChanges:
    write_mask(folder / "a" / "x.tif", a)
    write_mask(folder / "b" / "x_label.tiff", b)
    (one,) = compare_masks(folder / "a", folder / "b").images
    return one


def counts(one: ImageChanges) -> tuple[int, int, int, int, int]:
    return one.same, one.lost, one.gained, one.split, one.merged


def test_the_same_cells_under_other_ids(tmp_path: Path) -> None:
    one = compared(tmp_path, TRUTH, np.where(TRUTH > 0, 40 - TRUTH, 0).astype(np.uint16))
    assert counts(one) == (16, 0, 0, 0, 0)
    assert (one.mean_shift, one.changed) == (0, False)


def test_lost_and_gained(tmp_path: Path) -> None:
    before = squares((60, 60), (4, 4, 9, 9), (30, 30, 9, 9))
    after = squares((60, 60), (4, 4, 9, 9), (4, 40, 9, 9), (40, 4, 9, 9))
    assert counts(compared(tmp_path, before, after)) == (1, 1, 2, 0, 0)


def test_merged_and_split(tmp_path: Path) -> None:
    """Two halves make one cell, and the other way round; neither half is found at IoU 0.5."""
    apart = squares((60, 60), LEFT, (10, 22, 12, 13))
    whole = squares((60, 60), (10, 10, 12, 25))
    assert counts(compared(tmp_path / "x", apart, whole))[1:] == (0, 0, 0, 1)
    assert counts(compared(tmp_path / "y", whole, apart))[1:] == (0, 0, 1, 0)


def test_a_corner_that_became_a_cell_is_a_split(tmp_path: Path) -> None:
    """Though the larger piece is still the same cell."""
    whole = squares((60, 60), (10, 10, 12, 20))
    cut = squares((60, 60), (10, 10, 12, 16), (10, 26, 12, 4))
    one = compared(tmp_path, whole, cut)
    assert counts(one) == (1, 0, 0, 1, 0)
    assert one.changed


def test_an_outline_that_moves_is_measured_but_is_no_change(tmp_path: Path) -> None:
    one = compared(
        tmp_path, squares((60, 60), (10, 10, 20, 20)), squares((60, 60), (10, 11, 20, 20))
    )
    assert counts(one) == (1, 0, 0, 0, 0)
    assert one.mean_shift is not None
    assert 0.4 < one.mean_shift < 0.7  # two of four sides moved by one pixel
    assert not one.changed


def test_images_of_one_side_alone_are_named(tmp_path: Path) -> None:
    for name in ("1.tif", "2.tif"):
        write_mask(tmp_path / "a" / name, TRUTH)
    for name in ("2.tif", "3.tif"):
        write_mask(tmp_path / "b" / name, TRUTH)
    write_mask(tmp_path / "a" / "4.tif", TRUTH)
    write_mask(tmp_path / "b" / "4.tif", TRUTH[:50])
    result = compare_masks(tmp_path / "a", tmp_path / "b")
    assert [one.image for one in result.images] == ["2.tif"]
    assert result.only_in_one[0] == "only A has a mask of 1.tif"
    assert "4.tif cannot be compared: " in result.only_in_one[1]
    assert result.only_in_one[2] == "only B has a mask of 3.tif"
    assert result.changed


def test_runs_and_folders_of_scores(tmp_path: Path) -> None:
    a, b = real_run(tmp_path / "x" / "a"), real_run(tmp_path / "y" / "b", (16, 9, 11, 2))
    result = compare_masks(a, b)
    assert [(one.model, one.image) for one in result.images if one.changed] == [
        ("m seed 0", "02_label.tiff")
    ]
    assert [(one.model, one.lost, one.same) for one in result.totals] == [
        ("m seed 0", 1, 38),
        ("oracle seed 0", 0, 64),
    ]
    (RunFolder(b).step("m", 0, "predict") / "00_label.tiff").unlink()
    assert "only A has a mask of m seed 0, 00_label.tiff" in compare_masks(a, b).only_in_one
    scores = [scored(tmp_path / name, (16, 8)) for name in ("c", "d")]
    assert not compare_masks(*scores).changed


def test_the_program_and_its_exit_codes(tmp_path: Path) -> None:
    for side, cells in (("a", 16), ("b", 16), ("c", 12)):
        write_mask(tmp_path / side / "x.tif", found(cells))
    compare = ("evaluator", "compare", "--no-truth", tmp_path / "a")
    same = programs.run(*compare, tmp_path / "b")
    assert same.returncode == 0, same.stderr
    assert same.stdout.splitlines()[-1] == "no cell was lost, gained, split or merged in 1 masks"
    fewer = programs.run(*compare, tmp_path / "c")
    assert fewer.returncode == 3
    assert fewer.stdout.splitlines()[-1] == "cells changed in 1 of 1 masks"
    (tmp_path / "empty").mkdir()
    assert programs.run(*compare, tmp_path / "empty").returncode == 2
    with pytest.raises(CallError, match="No folder"):
        compare_masks(tmp_path / "a", tmp_path / "nowhere")
