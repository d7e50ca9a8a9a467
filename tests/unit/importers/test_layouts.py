"""Formats that are folders of images and masks, each in its layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract import CallError
from harness.datasets.importers.formats import FORMATS, importer, recognise
from harness.datasets.importers.record import Choices
from tests.unit.importers.sources import cells, label, names, picture, reasons, run, save


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_folder_is_refused_by_every_format(name: str, tmp_path: Path) -> None:
    with pytest.raises(CallError):
        list(importer(name).records(tmp_path, Choices()))
    assert importer(name).recognise(tmp_path) is None


def test_cellpose(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for part in ("train", "test"):
        save(source / f"{part}/000_img.png", picture().astype(np.uint8))
        save(source / f"{part}/000_masks.png", cells((1, 5)).astype(np.uint8))
    save(source / "train/b.tif", picture())
    save(source / "train/b_cp_masks.png", cells().astype(np.uint8))
    document = {"masks": cells((4, 9)), "outlines": cells(), "filename": "c", "diameter": 30.0}
    save(source / "train/c.tif", picture())
    np.save(source / "train/c_seg.npy", document, allow_pickle=True)
    save(source / "train/d.tif", picture())
    assert recognise(source)[0] == "cellpose"
    imported, _ = run("cellpose", source, tmp_path / "out")
    assert names(tmp_path / "out", "Tuning") == ["test_000_img.png"]
    assert reasons(imported) == {"train/d.tif": "no mask"}
    assert np.array_equal(label(tmp_path / "out", "c"), cells((4, 9)))
    assert np.array_equal(label(tmp_path / "out", "train_000_img"), cells((1, 5)))


class _Runs:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> object:
        return Path.touch, (self.path,)


def test_a_seg_npy_runs_no_code(tmp_path: Path) -> None:
    save(tmp_path / "src/a.tif", picture())
    document = {"masks": cells(), "extra": _Runs(tmp_path / "ran")}
    np.save(tmp_path / "src/a_seg.npy", document, allow_pickle=True)
    save(tmp_path / "src/b.tif", picture())
    (tmp_path / "src/b_seg.npy").write_bytes((tmp_path / "src/a_seg.npy").read_bytes()[:90])
    save(tmp_path / "src/c.tif", picture())
    save(tmp_path / "src/c_masks.tif", cells())
    imported, _ = run("cellpose", tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "ran").exists()
    assert "a_seg.npy: it names pathlib.Path" in reasons(imported)["a.tif"]
    assert "b_seg.npy: no _seg.npy of Cellpose" in reasons(imported)["b.tif"]


def test_dsb2018_masks_and_run_lengths(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for name in ("aa", "bb"):
        save(source / f"{name}/images/{name}.png", picture().astype(np.uint8))
    for number in (1, 2):
        mask = np.where(cells() == number, 255, 0).astype(np.uint8)
        save(source / f"aa/masks/m{number}.png", mask)
    runs = " ".join(f"{1 + 48 * column + 8} 8" for column in range(4, 12))
    table = source / "stage1_train_labels.csv"
    table.write_text(f"ImageId,EncodedPixels\nbb,{runs}\ncc,1 5\n")
    assert recognise(source)[0] == "dsb2018"
    imported, _ = run("dsb2018", source, tmp_path / "out")
    assert names(tmp_path / "out") == ["aa.png", "bb.png"]
    assert np.array_equal(label(tmp_path / "out", "aa"), cells((1, 2)))
    assert np.array_equal(label(tmp_path / "out", "bb"), cells((1,)))
    assert reasons(imported) == {"cc": "run lengths without an image"}
    table.write_text("ImageId,EncodedPixels\nbb,1 5 x\n")
    with pytest.raises(CallError, match=r"labels.csv, line 2: no image with run lengths"):
        run("dsb2018", source, tmp_path / "other")
    table.write_text("ImageId,EncodedPixels\nbb,3070 50\n")
    imported, _ = run("dsb2018", source, tmp_path / "third")
    assert "leave the image" in reasons(imported)["bb.png"]


def test_ctc_ignores_what_gold_truth_lacks(tmp_path: Path) -> None:
    source = tmp_path / "Fluo-X"
    for frame in range(4):
        save(source / f"01/t00{frame}.tif", picture(frame))
        save(source / f"01_GT/TRA/man_track00{frame}.tif", cells((1, 2, 3)))
    save(source / "01_GT/SEG/man_seg000.tif", cells((1, 2)))
    save(source / "01_GT/SEG/man_seg001.tif", cells((1, 2)))
    save(source / "01_ST/SEG/man_seg000.tif", cells((1, 2, 3)))
    save(source / "01_ST/SEG/man_seg002.tif", cells((1, 2, 3)))
    assert recognise(source)[0] == "ctc"
    imported, _ = run("ctc", source, tmp_path / "out", share=1)
    assert names(tmp_path / "out", "Tuning") == [f"t00{frame}.tif" for frame in range(3)]
    assert reasons(imported) == {"01/t003.tif": "a frame without a mask"}
    part = tmp_path / "out/Tuning"
    with Image.open(part / "labels/t000_ignore.tiff") as ignored:
        assert np.array_equal(np.asarray(ignored) != 0, cells((0, 0, 1)) != 0)
    lines = (part / "manifest.csv").read_text().splitlines()
    assert lines[0].endswith(",truth,labelling")
    assert [line.rpartition("Fluo-X/01,")[2] for line in lines[1:]] == [
        "gold,",
        "gold,sparse",
        "silver,",
    ]
    assert (part / "sequences.csv").read_text().splitlines()[2] == "t001.tif,Fluo-X/01,1"
    assert ("01/t001.tif", "1 of 3 tracked cells are not outlined") in imported.remarks


def test_stardist_and_neurips22_keep_their_split(tmp_path: Path) -> None:
    for part in ("train", "test"):
        save(tmp_path / f"star/{part}/images/a{part}.tif", picture())
        save(tmp_path / f"star/{part}/masks/a{part}.tif", cells())
    save(tmp_path / "star/test/masks/lost.tif", cells())
    assert recognise(tmp_path / "star")[0] == "stardist"
    imported, _ = run("stardist", tmp_path / "star", tmp_path / "out")
    assert names(tmp_path / "out", "Tuning") == ["atest.tif"]
    assert reasons(imported) == {"test/masks/lost.tif": "a mask without an image"}
    top = tmp_path / "nips/NeurIPS22"
    for part, name in (("Training-labeled", "cell_1"), ("Tuning", "cell_2")):
        save(top / part / f"images/{name}.png", picture().astype(np.uint8))
        save(top / part / f"labels/{name}_label.tiff", cells())
    (top / "Tuning/manifest.csv").write_text("image,modality,stain\ncell_2.png,phase,none\n")
    assert recognise(tmp_path / "nips")[0] == "neurips22"
    run("neurips22", tmp_path / "nips", tmp_path / "out2")
    assert names(tmp_path / "out2", "Tuning") == ["cell_2.png"]
    rows = (tmp_path / "out2/Tuning/manifest.csv").read_text().splitlines()
    assert rows[0] == "image,label,original,source,modality,stain"
