"""Reading datasets: pairs, faults, split and hash."""

import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from contract import CallError, read_mask, write_mask
from contract.diameters import Diameters
from harness.datasets.check import check_dataset
from harness.datasets.folder import Dataset, load_dataset, split_training
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


def test_images_of_one_group_stay_together(tmp_path: Path) -> None:
    """Three images a patient, and twelve of one slide that spans both sources."""
    root = make_dataset(tmp_path / "data", train=42)
    groups = [f"patient {n // 3}" if n < 30 else "slide" for n in range(42)]
    lines = [f"train_{n}.png,{'ab'[n % 2]},{groups[n]}" for n in range(42)]
    (root / "Training-labeled" / "manifest.csv").write_text(
        "image,source,group\n" + "\n".join(lines)
    )
    pairs = load_dataset(root).train
    split = split_training(pairs)
    assert len(split) == 42
    assert {"train", "val"} == set(split.values())
    sides: dict[str, set[str]] = {}
    for pair in pairs:
        sides.setdefault(pair.strata["group"], set()).add(split[pair.name])
    assert all(len(subsets) == 1 for subsets in sides.values())


def test_small_sources_stay_in_training_but_something_is_held_out(tmp_path: Path) -> None:
    pairs = load_dataset(make_dataset(tmp_path / "data", train=4)).train
    assert sorted(split_training(pairs).values()) == ["train", "train", "train", "val"]


def test_the_manifest_says_how_wide_cells_are(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=1, test=["a.png", "b.png", "c.png"])
    (root / "Tuning" / "manifest.csv").write_text(
        "image,Cell_Diameter\na.png,31.5\nb.png,wide\nc.png,\n"
    )
    dataset = load_dataset(root)
    assert [pair.cell_diameter for pair in dataset.test] == [31.5, None, None]
    (said,) = [remark for remark in dataset.remarks if remark.name == "b.png"]
    assert "cell_diameter is 'wide' in manifest.csv" in said.text


def test_staging_lays_out_what_containers_read(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", train=2, test=["cell 1.é.png"])
    label = root / "Tuning" / "labels" / "cell 1_label.tiff"
    dataset = load_dataset(root)
    images = stage_images(tmp_path / "in", [pair.image for pair in dataset.test])
    assert [path.name for path in images.iterdir()] == ["cell 1.é.png"]
    told = stage_images(tmp_path / "told", [dataset.test[0].image], {"cell 1.é.png": 14.5})
    assert Diameters(told, 20.0).of("cell 1.é.png") == 14.5
    truth = stage_labels(tmp_path / "truth", dataset.test)
    assert (truth / "cell 1_label.tiff").read_bytes() == label.read_bytes()
    stage = stage_training(tmp_path / "train", dataset.train, split_training(dataset.train))
    assert sorted(path.name for path in (stage / "labels").iterdir()) == [
        "train_0_label.tiff",
        "train_1_label.tiff",
    ]
    assert (stage / "split.csv").read_text().splitlines()[0] == "image,subset,source"


def test_broken_links_are_faults(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["good.png", "gone.png", "bare.png"])
    for path in (root / "Tuning/images/gone.png", root / "Tuning/labels/bare_label.tiff"):
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["good.png"]
    reasons = {fault.image: fault.reason for fault in dataset.faults}
    assert "the image cannot be opened: a link" in reasons["gone.png"]
    assert "the label cannot be opened: a link" in reasons["bare.png"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"image,modality\ncell_1.png,Ph\0se\n", "line 2: a NUL"),
        (b"image,modality\ncell_1.png,Ph\x81se\n", "line 2: the byte 0x81 is no UTF-8"),
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


def texts(dataset: Dataset) -> dict[str, str]:
    return {f"{remark.part}/{remark.name}": remark.text for remark in dataset.remarks}


def test_of_two_labels_the_documented_one_is_taken_and_the_other_said(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png", "c.png"])
    labels = root / "Tuning" / "labels"
    shutil.copy(root / "Tuning/images/a.png", labels / "a_label.png")
    shutil.copy(root / "Tuning/images/b.png", labels / "b.png")
    (labels / "c_label.tiff").rename(labels / "c_label.tif")
    shutil.copy(labels / "c_label.tif", labels / "c_label.bmp")
    dataset = load_dataset(root)
    assert [pair.label.name for pair in dataset.test] == ["a_label.tiff", "b_label.tiff"]
    assert texts(dataset)["Tuning/a_label.png"] == "passed over, a_label.tiff is the label of a.png"
    assert texts(dataset)["Tuning/b.png"] == "passed over, b_label.tiff is the label of b.png"
    (fault,) = dataset.faults
    assert (fault.image, "several labels" in fault.reason) == ("c.png", True)


def test_names_that_agree_up_to_the_first_dot_only_make_no_pair(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["exp1.5min.png", "ok.png"])
    labels = root / "Tuning" / "labels"
    (labels / "exp1_label.tiff").rename(labels / "exp1.9min_label.tiff")
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["ok.png"]
    (fault,) = dataset.faults
    assert "exp1.9min_label.tiff agrees with it up to the first dot" in fault.reason


def test_accents_of_either_form_pair_and_two_forms_of_one_name_clash(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "größe.png") for form in ("NFC", "NFD"))
    root = make_dataset(tmp_path / "data", test=[composed])
    images = root / "Tuning" / "images"
    (images / composed).rename(images / decomposed)
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == [decomposed]
    assert not dataset.faults
    shutil.copy(images / decomposed, images / composed)
    with pytest.raises(CallError, match="share one stem") as caught:
        load_dataset(root)
    assert "\\xf6" in caught.value.what
    assert "o\\u0308" in caught.value.what


def test_what_was_passed_over_is_counted_and_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png"])
    images, labels = root / "Tuning" / "images", root / "Tuning" / "labels"
    for name in ("x1.czi", "x2.nd2", "x3.lif", "x4", ".DS_Store"):
        (images / name).touch()
    (images / "old").mkdir()
    (labels / "b_label.tiff").rename(labels / "b_label.jpg")
    dataset = load_dataset(root)
    said = texts(dataset)["Tuning/images/"]
    assert "4 files of other formats (x1.czi, x2.nd2, x3.lif and 1 more)" in said
    assert "1 folder (old)" in said
    assert "1 hidden file (.DS_Store)" in said
    assert "1 file of another format (b_label.jpg)" in texts(dataset)["Tuning/labels/"]
    (fault,) = dataset.faults
    assert fault.reason.startswith("no label b_label.tiff; b_label.jpg is of a format that is not")


def test_lines_of_the_manifest_that_do_not_fit_are_said(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png"])
    (root / "Tuning" / "manifest.csv").write_text("image,modality\na.tif,DIC\nz.png,DIC\n")
    dataset = load_dataset(root)
    assert [dict(pair.strata) for pair in dataset.test] == [{"modality": "DIC"}, {}]
    said = [remark.text for remark in dataset.remarks if remark.name == "manifest.csv"]
    assert said == [
        "1 line names its image otherwise: a.tif (line 2) for a.png",
        "1 line matches no image: z.png (line 3)",
        "1 image has no line: b.png",
    ]


def test_a_name_too_long_for_a_mask_is_a_fault(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png"])
    long = "n" * 245
    shutil.copy(root / "Tuning/images/a.png", root / f"Tuning/images/{long}.png")
    shutil.copy(root / "Tuning/labels/a_label.tiff", root / f"Tuning/labels/{long}.tif")
    dataset = load_dataset(root)
    assert [pair.name for pair in dataset.test] == ["a.png"]
    assert "the name is too long" in dataset.faults[0].reason


def test_labels_are_looked_at(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png"])
    _, labels = cells()
    wrapped = np.where(labels == labels.max(), 255, labels).astype(np.uint8)
    write_mask(root / "Tuning" / "labels" / "a_label.tiff", wrapped)
    (remark,) = load_dataset(root).remarks
    assert (remark.name, remark.suspicious) == ("a_label.tiff", True)
    assert "255" in remark.text


def test_the_truths_hash_follows_ids_and_not_files(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png"])
    label = root / "Tuning" / "labels" / "a_label.tiff"
    before = load_dataset(root).test[0]
    tifffile.imwrite(label, read_mask(label).astype(np.uint32), compression=None)
    after = load_dataset(root).test[0]
    assert after.label_sha256 != before.label_sha256
    assert after.truth_sha256 == before.truth_sha256
    write_mask(label, cells(seed=9)[1])
    assert load_dataset(root).test[0].truth_sha256 != before.truth_sha256


def turned(pixels: np.ndarray, path: Path, orientation: int) -> None:
    """Saves pixels with the note that they are to be shown turned."""
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(pixels).save(path, exif=exif)


def test_a_label_drawn_on_the_turned_picture_is_named(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png", "c.png"])
    part = root / "Tuning"
    pixels, labels = cells()
    turned(pixels[:40], part / "images" / "a.png", 6)
    write_mask(part / "labels" / "a_label.tiff", np.rot90(labels[:40], -1))
    turned(pixels, part / "images" / "b.png", 3)
    dataset = load_dataset(root)
    (fault,) = dataset.faults
    assert fault.image == "a.png"
    assert "fits the turned picture (orientation 6)" in fault.reason
    assert "the file's orientation is 3" in texts(dataset)["Tuning/b.png"]


def test_what_is_odd_about_images_and_label_files_is_said(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "data", test=["a.png", "b.png", "c.png"])
    part = root / "Tuning"
    Image.fromarray(np.full((48, 48), 7, np.uint8)).save(part / "images" / "a.png")
    tifffile.imwrite(part / "labels" / "b_label.tiff", cells(seed=1)[1], compression="jpeg2000")
    said = {remark.name: remark for remark in load_dataset(root).remarks}
    assert "no contrast" in said["a.png"].text
    assert not said["a.png"].suspicious


def test_a_check_tells_what_looks_wrong_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_dataset(tmp_path / "data", train=1)
    turned(cells(seed=100)[0], root / "Training-labeled" / "images" / "train_0.png", 3)
    (root / "Tuning" / "images" / "a.czi").touch()
    assert check_dataset(root) == 0
    said = capsys.readouterr().out
    assert "note: Training-labeled/train_0.png: the file's orientation is 3" in said
    assert "note: Tuning/images/: 1 file of another format (a.czi)" in said
    wrapped = np.where(cells()[1] == 1, 255, cells()[1]).astype(np.uint8)
    write_mask(root / "Tuning" / "labels" / "cell_1_label.tiff", wrapped)
    assert check_dataset(root) == 3
    assert "Tuning/cell_1_label.tiff: the highest id" in capsys.readouterr().out
