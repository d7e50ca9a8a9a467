"""The training folder as a container sees it."""

import unicodedata
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract import CallError
from contract.dataset import (
    draw_split,
    labelled_pairs,
    pairs_sha256,
    read_split,
    training_pairs,
)


def folder(root: Path, *names: str, labels: tuple[str, ...] | None = None) -> Path:
    """Files with their name as contents: nothing here is decoded."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    for name in names:
        (root / "images" / name).write_text(name)
    given = [f"{name.split('.')[0]}_label.tiff" for name in names] if labels is None else labels
    for name in given:
        (root / "labels" / name).write_text(name)
    return root


def test_a_split_is_honoured_and_what_it_leaves_out_is_named(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png", "b.tif", "c.x.png", "d.png")
    (root / "split.csv").write_text(
        "image,subset\nc.x.png,train\na.png,val\nb.tif,train\nz.png,val"
    )
    pairs, warnings = training_pairs(root, seed=0)
    assert [(pair.image.name, pair.label.name, pair.subset) for pair in pairs] == [
        ("a.png", "a_label.tiff", "val"),
        ("b.tif", "b_label.tiff", "train"),
        ("c.x.png", "c_label.tiff", "train"),
    ]
    assert warnings == [
        "d.png: not in split.csv, left out",
        "z.png: in split.csv, but not in images/",
    ]


def test_images_without_labels_and_labels_without_images_are_named(tmp_path: Path) -> None:
    labels = ("a_label.tiff", "b_label.tif", "z_label.tiff")
    pairs, warnings = training_pairs(folder(tmp_path, "a.png", "b.png", labels=labels), seed=0)
    assert [pair.image.name for pair in pairs] == ["a.png"]
    assert "b.png: no label b_label.tiff, left out" in warnings
    assert "z_label.tiff: a label without an image" in warnings
    assert len(warnings) == 3


@given(st.sets(st.text("abcdef", min_size=1, max_size=4)), st.integers(-(2**40), 2**40))
def test_a_drawn_split_is_nine_to_one_and_repeats(names: set[str], seed: int) -> None:
    split = draw_split(sorted(names), seed)
    assert split == draw_split(sorted(names, reverse=True), seed)
    assert set(split) == names
    counts = Counter(split.values())
    assert abs(counts["val"] - len(names) / 10) <= 1
    assert counts["val"] >= (len(names) > 1)
    assert counts["train"] >= (len(names) > 0)


def test_another_seed_draws_another_split() -> None:
    names = [f"cell_{number}.png" for number in range(40)]
    drawn = [draw_split(names, seed) for seed in range(3)]
    assert drawn[0] != drawn[1] != drawn[2]
    assert sum(subset == "val" for subset in drawn[0].values()) == 4


def test_one_image_is_for_training() -> None:
    assert draw_split(["a.png"], 0) == {"a.png": "train"}


@pytest.mark.parametrize(
    "text",
    ["image,subset\r\na b.png,train\r\né.png,val\r\n", "subset,image,x\ntrain,a b.png\nval,é.png"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_splits_as_spreadsheets_save_them(tmp_path: Path, text: str, encoding: str) -> None:
    (tmp_path / "split.csv").write_text(text, encoding=encoding)
    assert read_split(tmp_path / "split.csv") == {"a b.png": "train", "é.png": "val"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"image,subset\na.png,test\n", "a.png"),
        (b"image,subset\na.png\n", "a.png"),
        (b"name,part\na.png,train\n", "a.png"),
        (b"image;subset\na.png;train\n", "a.png;train"),
        (b"image,subset\na.png,train\na.png,val\n", "two subsets"),
        (b"image,subset\n\xe9.png,val\n", "cannot be read"),
    ],
)
def test_a_malformed_split_is_refused(tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "split.csv").write_bytes(text)
    with pytest.raises(CallError, match=words) as caught:
        read_split(tmp_path / "split.csv")
    assert caught.value.do


def test_held_back_images_are_in_no_training(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png", "b.png", "c.png")
    (root / "split.csv").write_text("image,subset\na.png,train\nb.png,held\nc.png,val\n")
    pairs, warnings = training_pairs(root, seed=0)
    assert [pair.image.name for pair in pairs] == ["a.png", "c.png"]
    assert not warnings
    assert [pair.subset for pair in labelled_pairs(root, seed=0)[0]] == ["train", "held", "val"]


def test_a_pair_knows_its_movie_and_its_modality(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png", "é.png")
    (root / "split.csv").write_text("image,subset\na.png,train\né.png,train\n", encoding="utf-8")
    before = pairs_sha256(training_pairs(root, seed=0)[0])
    decomposed = unicodedata.normalize("NFD", "é")
    (root / "sequences.csv").write_text(
        f"image,sequence,frame\n{decomposed}.png,m,12\nx.png,m,1\n", encoding="utf-8"
    )
    (root / "manifest.csv").write_text("image,modality\na.png,DIC\n", encoding="utf-8")
    (root / "split.csv").write_text(
        "image,subset,source\na.png,train,a laboratory\né.png,train,\n", encoding="utf-8"
    )
    (plain, frame), _ = training_pairs(root, seed=0)
    assert (plain.source, frame.source) == ("a laboratory", "")
    assert (plain.sequence, plain.frame, plain.modality) == ("", None, "DIC")
    assert (frame.sequence, frame.frame, frame.modality) == ("m", 12, "")
    assert pairs_sha256((plain, frame)) != before
    (root / "sequences.csv").write_text("image,sequence,frame\na.png,m,first\n")
    with pytest.raises(CallError, match="first"):
        training_pairs(root, seed=0)


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"No folder .*images"):
        training_pairs(tmp_path, seed=0)
    with pytest.raises(CallError, match="No image to train on"):
        training_pairs(folder(tmp_path / "empty"), seed=0)
    with pytest.raises(CallError, match="share one stem"):
        training_pairs(folder(tmp_path / "clash", "a.png", "a.tif"), seed=0)
    only_val = folder(tmp_path / "val", "a.png")
    (only_val / "split.csv").write_text("image,subset\na.png,val\n")
    with pytest.raises(CallError, match="No image to train on"):
        training_pairs(only_val, seed=0)


def test_the_hash_covers_names_contents_and_subsets(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png", "b.png")
    hashes = set()

    def add(split: str) -> None:
        (root / "split.csv").write_text(split)
        hashes.add(pairs_sha256(training_pairs(root, seed=0)[0]))

    add("image,subset\na.png,train\nb.png,val")
    add("image,subset\nb.png,val\na.png,train")
    assert len(hashes) == 1
    add("image,subset\na.png,train\nb.png,train")
    (root / "labels" / "a_label.tiff").write_text("changed")
    add("image,subset\na.png,train\nb.png,train")
    (root / "images" / "a.png").write_text("changed")
    add("image,subset\na.png,train\nb.png,train")
    assert len(hashes) == 4


def test_accents_are_compared_in_one_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "é.png") for form in ("NFC", "NFD"))
    root = folder(tmp_path, decomposed, "b.png", labels=("é_label.tiff", "b_label.tiff"))
    (root / "split.csv").write_text(f"image,subset\n{composed},train\nb.png,val\n")
    pairs, warnings = training_pairs(root, seed=0)
    assert warnings == []
    assert {pair.image.name: pair.label.name for pair in pairs} == {
        decomposed: "é_label.tiff",
        "b.png": "b_label.tiff",
    }


def test_what_cannot_be_opened_is_left_out(tmp_path: Path) -> None:
    root = folder(tmp_path, "a.png", "b.png", "c.png")
    (root / "images" / "b.png").unlink()
    (root / "images" / "b.png").symlink_to(tmp_path / "gone.png")
    pairs, warnings = training_pairs(root, seed=0)
    assert [pair.image.name for pair in pairs] == ["a.png", "c.png"]
    assert warnings == ["b.png: a link to a file that is not there, left out"]
