"""Reading datasets: pairs, faults, split and hash."""

import os
import shutil
from pathlib import Path

import pytest

from contract import CallError, write_mask
from harness.datasets.folder import load_dataset, split_training
from harness.work.staging import stage_images, stage_labels, stage_training
from tests.datasets import add_pair, cells, make_dataset


def test_pairs_come_with_the_manifest(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=2)
    (root / "Tuning" / "manifest.csv").write_text("image,modality,lab\ncell_1.png,DIC,Oslo\n")
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["cell_1.png", "cell_2.png"]
    assert dataset.test[0].strata == {"modality": "DIC", "lab": "Oslo"}
    assert dataset.test[1].strata == {}
    assert not dataset.faults


def test_faults_are_named_and_leave_the_denominator(tmp_path: Path) -> None:
    root = make_dataset(
        tmp_path / "data", test=["good.png", "small.png", "alone.png", "broken.png"]
    )
    labels = root / "Tuning" / "labels"
    write_mask(labels / "small_label.tiff", cells(20)[1])
    (labels / "alone_label.tiff").unlink()
    (labels / "broken_label.tiff").write_bytes(b"II*\0 not a mask")
    write_mask(labels / "nobody_label.tiff", cells()[1])
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["good.png"]
    reasons = {fault.image: fault.reason for fault in dataset.faults}
    assert reasons["small.png"] == "the label is 20×20, the image 48×48 pixels"
    assert reasons["alone.png"] == "no label alone_label.tiff"
    assert "cannot be decoded" in reasons["broken.png"]
    assert reasons["nobody_label.tiff"] == "a label without an image"


def test_an_unreadable_image_with_a_good_label_stays(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data")
    (root / "Tuning" / "images" / "cell_1.png").write_text("text")
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["cell_1.png", "cell_2.png"]


def test_two_images_with_one_stem_are_refused(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.one.png", "b.png"])
    add_pair(root / "Tuning", "a.two.png")
    with pytest.raises(CallError, match=r"a\.one\.png and a\.two\.png"):
        load_dataset(root)


@pytest.mark.parametrize("wreck", ["no folder", "no labels", "empty"])
def test_no_usable_pair_is_a_wrong_call(tmp_path: Path, wreck: str) -> None:
    root = tmp_path / "data"
    if wreck != "no folder":
        make_dataset(root)
        shutil.rmtree(root / "Tuning" / ("labels" if wreck == "no labels" else "images"))
    with pytest.raises(CallError) as caught:
        load_dataset(root)
    assert caught.value.exit_code == 2
    assert caught.value.do


def test_the_hash_follows_contents_and_names(tmp_path: Path) -> None:
    first = load_dataset(make_dataset(tmp_path / "a", train=3))
    assert load_dataset(make_dataset(tmp_path / "b", train=3)).sha256 == first.sha256
    assert load_dataset(make_dataset(tmp_path / "c", train=4)).sha256 != first.sha256
    changed = make_dataset(tmp_path / "d", train=3)
    write_mask(changed / "Tuning" / "labels" / "cell_1_label.tiff", cells(seed=9)[1])
    assert load_dataset(changed).test_sha256 != first.test_sha256
    assert load_dataset(changed).test_images_sha256 == first.test_images_sha256


def test_the_split_keeps_a_tenth_of_each_source(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=30)
    lines = [f"train_{number}.png,{'a' if number < 20 else 'b'}" for number in range(30)]
    (root / "Training-labeled" / "manifest.csv").write_text("image,source\n" + "\n".join(lines))
    pairs = load_dataset(root).train
    split = split_training(pairs)
    held_out = [pair.strata["source"] for pair in pairs if split[pair.name] == "val"]
    assert sorted(held_out) == ["a", "a", "b"]
    assert split == split_training(pairs)


def test_small_sources_stay_in_training_but_something_is_held_out(tmp_path: Path) -> None:
    pairs = load_dataset(make_dataset(tmp_path / "data", train=4)).train
    assert sorted(split_training(pairs).values()) == ["train", "train", "train", "val"]


def test_staging_lays_out_what_containers_read(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=2, test=["cell 1.é.png"])
    label = root / "Tuning" / "labels" / "cell 1_label.tiff"
    dataset = load_dataset(root)
    images = stage_images(tmp_path / "in", [pair.image for pair in dataset.test])
    assert [path.name for path in images.iterdir()] == ["cell 1.é.png"]
    truth = stage_labels(tmp_path / "truth", dataset.test)
    assert (truth / "cell 1_label.tiff").read_bytes() == label.read_bytes()
    stage = stage_training(tmp_path / "train", dataset.train, split_training(dataset.train))
    assert sorted(path.name for path in (stage / "labels").iterdir()) == [
        "train_0_label.tiff",
        "train_1_label.tiff",
    ]
    assert (stage / "split.csv").read_text().splitlines()[0] == "image,subset"


def test_broken_links_are_faults(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["good.png", "gone.png", "bare.png"])
    for path in (root / "Tuning/images/gone.png", root / "Tuning/labels/bare_label.tiff"):
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["good.png"]
    reasons = {fault.image: fault.reason for fault in dataset.faults}
    assert "the image is a broken link" in reasons["gone.png"]
    assert "the label is a broken link" in reasons["bare.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,modality\ncell_1.png,Phäse\n".encode("latin-1"), "UTF-8"),
        (b"name,modality\ncell_1.png,DIC\n", "no column named image"),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: bytes, words: str) -> None:
    root = make_dataset(tmp_path / "data")
    (root / "Tuning" / "manifest.csv").write_bytes(text)
    with pytest.raises(CallError, match=r"manifest\.csv") as caught:
        load_dataset(root)
    assert words in str(caught.value)


def test_staged_files_are_readable_by_a_containers_user(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=3)
    image = root / "Training-labeled/images/train_0.png"
    image.chmod(0o600)
    pairs = load_dataset(root).train
    before = os.umask(0o077)
    try:
        stage = stage_training(tmp_path / "stage", pairs, split_training(pairs))
    finally:
        os.umask(before)
    for path in (stage, *stage.rglob("*")):
        needed = 0o555 if path.is_dir() else 0o444
        if os.getuid() == 0 or path.is_dir():
            assert path.stat().st_mode & needed == needed, path
    assert image.stat().st_mode & 0o777 == 0o600


def test_a_broken_link_is_staged_as_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to(tmp_path / "nowhere")
    stage = stage_images(tmp_path / "stage", [tmp_path / "a.png"])
    assert (stage / "a.png").is_symlink()
