"""Names of images, labels and masks."""

import os
import unicodedata
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
from contract.names import passed_over, some, too_long, unopenable

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


def test_what_a_listing_leaves_out_is_counted_and_named(tmp_path: Path) -> None:
    assert passed_over(tmp_path) == ""
    for name in ("a.png", "x.czi", ".hidden.png", ".cellbench-wrote.jsonl"):
        (tmp_path / name).touch()
    (tmp_path / os.fsdecode(b"Zellk\xf6rper.lif")).touch()
    (tmp_path / "nested").mkdir()
    said = passed_over(tmp_path)
    assert said.startswith(
        "2 files of other formats (Zellk\\udcf6rper.lif, x.czi) and 1 folder (nested)"
    )
    assert "1 hidden file (.hidden.png) passed over" in said
    said.encode()


def test_long_lists_are_cut() -> None:
    assert some(["a"]) == "a"
    assert some(list("abcde")) == "a, b, c and 2 more"


def test_names_that_look_alike_are_told_apart() -> None:
    composed, decomposed = (unicodedata.normalize(form, "ü.png") for form in ("NFC", "NFD"))
    with pytest.raises(CallError, match=r"stored as 'u\\u0308\.png'.*stored as '\\xfc\.png'"):
        refuse_shared_stems([Path(composed), Path(decomposed)])


def test_names_without_room_for_a_mask() -> None:
    assert too_long("n" * 244 + ".png") == ""
    assert "would have 256 bytes" in too_long("n" * 245 + ".png")
    assert "would have 257 bytes" in too_long("é" * 123 + ".png")


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_files_without_permission(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch(mode=0)
    assert unopenable(tmp_path / "a.png") == "no permission to read the file"


def test_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").symlink_to(tmp_path / "gone")
    assert unopenable(tmp_path / "a.png") == ""
    assert unopenable(tmp_path / "b.png") == "a link to a file that is not there"
    assert unopenable(tmp_path / "c.png") == "there is no such file"
