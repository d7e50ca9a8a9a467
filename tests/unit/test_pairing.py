"""Which label belongs to which image."""

import unicodedata
from pathlib import Path

import pytest

from contract import label_stem
from contract.pairing import Pairing, distinct_labels, other_formats, pair_labels


def pair(images: str, labels: str) -> Pairing:
    return pair_labels(map(Path, images.split()), map(Path, labels.split()))


@pytest.mark.parametrize(
    ("image", "labels", "taken"),
    [
        ("a.tif", "a_label.tiff", "a_label.tiff"),
        ("a.tif", "a.png", "a.png"),
        ("a.tif", "a_label.png a_label.tiff", "a_label.tiff"),
        ("a.tif", "a_label.TIFF a_label.npy", "a_label.TIFF"),
        ("a.tif", "a.png a_label.tiff", "a_label.tiff"),
        ("a.tif", "a.png a.bmp a_label.png", "a_label.png"),
        ("exp1.5min.tif", "exp1.5min_label.tiff", "exp1.5min_label.tiff"),
        ("exp1.5min.tif", "exp1_label.tiff", "exp1_label.tiff"),
        ("exp1.5min.tif", "exp1_label.tiff exp1.5min_label.tiff", "exp1.5min_label.tiff"),
        ("exp1.5min.tif", "exp1.9min_label.tiff exp1.5min_label.tiff", "exp1.5min_label.tiff"),
        ("exp1.5min.tif", "exp1.9min_label.tiff exp1.5min.png", "exp1.5min.png"),
        ("exp1.5min.tif", "exp1.5min.tif_label.tiff", "exp1.5min.tif_label.tiff"),
        ("well.ome.tif", "well_label.ome.tiff", "well_label.ome.tiff"),
        ("well.tif", "well.ome_label.tiff", "well.ome_label.tiff"),
    ],
)
def test_the_documented_name_then_the_whole_one(image: str, labels: str, taken: str) -> None:
    for order in (labels.split(), labels.split()[::-1]):
        found = pair(image, " ".join(order))
        assert {name: label.name for name, label in found.labels.items()} == {image: taken}
        assert not found.several
        assert not found.misnamed
        assert not found.remarks
        assert set(found.beside) == set(labels.split()) - {taken}
        assert not found.strangers


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        ("exp1.5min.tif", "exp1.9min_label.tiff", "differs behind it"),
        ("a.tif", "a_label.png a_label.tif", "several labels: a_label.png and a_label.tif"),
        ("a.tif", "a.png a.bmp", "keep one, named a_label.tiff"),
    ],
)
def test_what_is_not_clear_is_left_out_and_named(image: str, labels: str, words: str) -> None:
    found = pair(image, labels)
    assert not found.labels
    assert words in {**found.several, **found.misnamed}[image]


def test_a_name_that_agrees_in_its_first_part_alone_is_said() -> None:
    found = pair("exp1.tif", "exp1.9min_label.tiff")
    assert found.labels == {"exp1.tif": Path("exp1.9min_label.tiff")}
    assert "up to the first dot only" in found.remarks["exp1.tif"]


def test_accents_are_compared_in_one_form_and_names_kept() -> None:
    composed, decomposed = (
        "Zellkörper_é.tif",
        unicodedata.normalize("NFD", "Zellkörper_é_label.tiff"),
    )
    found = pair(f"{composed} b.tif", f"{decomposed} z_label.tiff")
    assert found.labels == {composed: Path(decomposed)}
    assert found.strangers == (Path("z_label.tiff"),)
    twins = pair(composed, f"{decomposed} {unicodedata.normalize('NFC', decomposed)}")
    assert not twins.labels
    assert "o\\u0308" in twins.several[composed]
    assert "\\xf6" in twins.several[composed]


def test_masks_pair_with_masks() -> None:
    truths = [Path("a_label.tiff"), Path("b.tif")]
    found = pair_labels(truths, [Path("a.png"), Path("b_label.tiff")], own_stem=label_stem)
    assert {name: mask.name for name, mask in found.labels.items()} == {
        "a_label.tiff": "a.png",
        "b.tif": "b_label.tiff",
    }


def test_of_masks_with_one_stem_one_is_kept_when_it_is_clear_which() -> None:
    def kept(names: str) -> tuple[list[str], int]:
        found = distinct_labels(map(Path, names.split()))
        return [label.name for label in found.labels], len(found.several)

    assert kept("a.png a_label.tiff b.tif") == (["a_label.tiff", "b.tif"], 0)
    assert kept("a.png a.tif b.tif") == (["b.tif"], 1)
    assert kept("a.5_label.tiff a.9.png") == ([], 1)
    assert kept("a.5_label.tiff a.5.png") == (["a.5_label.tiff"], 0)


def test_a_label_of_another_format_is_found(tmp_path: Path) -> None:
    for name in ("a_label.jpg", "a_seg.npy", "b.txt"):
        (tmp_path / name).touch()
    assert "a_label.jpg is of a format" in other_formats(tmp_path, "a.tif")
    assert other_formats(tmp_path, "c.tif") == ""
