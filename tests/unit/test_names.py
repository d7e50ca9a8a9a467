"""Names of images, labels and masks."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import (
    CallError,
    label_name,
    label_stem,
    list_images,
    list_labels,
    refuse_shared_stems,
    stem,
)

NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cell_1.png", "cell_1"),
        ("a.b.png", "a"),
        ("Zellkörper 3 µm.tif", "Zellkörper 3 µm"),
        ("no dot", "no dot"),
        ("细胞.v2.TIFF", "细胞"),
    ],
)
def test_stem_ends_at_the_first_dot(name: str, expected: str) -> None:
    assert stem(name) == expected
    assert label_name(name) == f"{expected}_label.tiff"


@given(NAMES.filter(lambda name: not name.startswith(".")))
def test_a_mask_finds_its_image_again(name: str) -> None:
    mask = label_name(name)
    assert label_stem(mask) == stem(name)
    assert stem(mask) == f"{stem(name)}_label"
    assert name.startswith(stem(name))
    assert "." not in stem(name)


def test_label_stem_drops_one_label_at_the_end() -> None:
    assert label_stem("cell_label.tiff") == "cell"
    assert label_stem("cell.png") == "cell"
    assert label_stem("label_cell_label_label.tif") == "label_cell_label"


def test_listing_takes_images_by_suffix_in_any_case(tmp_path: Path) -> None:
    images = ["a.TIF", "b c.tiff", "c.x.png", "d.Bmp", "e.jpg", "é.jpeg"]
    for name in [*images, ".hidden.png", "notes.txt", "mask.npy", "png", "split.csv"]:
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "e.jpg")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "gone.png")
    found = [path.name for path in list_images(tmp_path)]
    assert found == sorted([*images, "link.png", "dangling.png"])
    assert "mask.npy" in [path.name for path in list_labels(tmp_path)]
    assert "e.jpg" not in [path.name for path in list_labels(tmp_path)]


def test_a_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"Zellk\xf6rper.png")).touch()
    with pytest.raises(CallError, match="UTF-8"):
        list_images(tmp_path)


def test_shared_stems_are_named() -> None:
    refuse_shared_stems([Path("a.png"), Path("b.png"), Path("A.png")])
    with pytest.raises(CallError) as caught:
        refuse_shared_stems([Path("x/a.tif"), Path("b.png"), Path("a.1.png"), Path("a.2.png")])
    assert "a.1.png and a.2.png and a.tif" in caught.value.what
    assert "b.png" not in caught.value.what
    assert caught.value.why
    assert caught.value.do
