"""Exported masks, read back by other programs' readers."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import shapely
import tifffile
from PIL import Image as Pillow

from contract import CallError, ExitCode, write_mask
from harness.datasets.exporters.formats import FORMATS, chosen_formats
from harness.datasets.exporters.outlines import outlines
from harness.datasets.exporters.segmented import Segmented
from harness.work.exporting import export_masks, export_predicted, find_masks
from harness.work.progress import PlainDisplay
from tests.exported import READERS, back_from_qupath
from tests.programs import command, finish
from tests.unit.report_fixtures import make_run

ALL = tuple(FORMATS)


def ring_and_pieces() -> np.ndarray:
    """40×50 uint16: a disc, a ring with a cell in it, a cell in two pieces, single pixels."""
    labels = np.zeros((40, 50), np.uint16)
    y, x = np.mgrid[:40, :50]
    labels[np.hypot(y - 8, x - 8) < 7] = 3
    labels[np.hypot(y - 25, x - 25) < 11] = 700
    labels[np.hypot(y - 25, x - 25) < 6] = 0
    labels[25, 25] = 9
    labels[2:6, 30:35] = labels[6:9, 35:39] = 11  # they meet at a corner
    labels[39, 49] = labels[39, 0] = 12
    labels[0, 49] = 65535
    return labels


def write(folder: Path, **masks: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for stem, labels in masks.items():
        write_mask(folder / f"{stem}_label.tiff", labels)
    return folder


def export(masks: Path, out: Path, *formats: str, images: Path | None = None) -> ExitCode:
    return export_masks(find_masks(masks, images, None, 0), out, formats or ALL, PlainDisplay())


def lines_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("form", READERS)
def test_every_format_gives_back_every_pixel(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    masks = {
        "odd": ring_and_pieces(),
        "noise": rng.integers(0, 5, (30, 20)).astype(np.uint8),
        "empty": np.zeros((12, 9), np.uint8),
        "full": np.full((7, 8), 2, np.uint8),
    }
    folder = write(tmp_path / "masks", **masks)
    assert export(folder, tmp_path / "out", form) == ExitCode.DONE
    for stem, labels in masks.items():
        back = READERS[form](tmp_path / "out" / form, stem, labels.shape)
        np.testing.assert_array_equal(back, labels, err_msg=stem)


def test_noisy_outlines_are_valid_and_enclose_every_pixel() -> None:
    labels = np.random.default_rng(1).integers(0, 3, (64, 64))
    numbered = Segmented(stem="a", mask=Path("a"), labels=labels).numbered
    for outline in outlines(numbered):
        assert outline.is_whole
        polygons = [shapely.Polygon(piece.outer, piece.holes) for piece in outline.pieces]
        assert all(polygon.is_valid for polygon in polygons)
        assert sum(polygon.area for polygon in polygons) == np.count_nonzero(labels == outline.id)


@pytest.mark.parametrize("form", ["coco", "ome-zarr", "cellpose", "napari"])
def test_more_than_65535_cells_and_high_ids(form: str, tmp_path: Path) -> None:
    many = np.arange(300 * 250, dtype=np.uint32).reshape(300, 250)
    high = np.array([[0, 2**32 - 1], [7, 7]], np.uint32)
    folder = write(tmp_path / "masks", many=many, high=high)
    if form == "coco":  # its reader draws 75,000 full masks
        (folder / "many_label.tiff").unlink()
    assert export(folder, tmp_path / "out", form) == ExitCode.DONE
    for stem, labels in {"many": many, "high": high}.items():
        if (folder / f"{stem}_label.tiff").exists():
            back = READERS[form](tmp_path / "out" / form, stem, labels.shape)
            np.testing.assert_array_equal(back, labels)


def test_outlines_of_a_qupath_cell_lie_on_its_pixels_edges(tmp_path: Path) -> None:
    labels = np.zeros((10, 10), np.uint8)
    labels[2:4, 5:8] = 4
    export(write(tmp_path / "masks", a=labels), tmp_path / "out", "qupath")
    document = json.loads((tmp_path / "out/qupath/a.geojson").read_text())
    (feature,) = document["features"]
    assert shapely.geometry.shape(feature["geometry"]).bounds == (5, 2, 8, 4)
    assert feature["properties"]["objectType"] == "detection"
    assert feature["properties"]["measurements"]["Area px^2"] == 6
    assert len(feature["geometry"]["coordinates"][0]) == 5


def test_a_table_measures_in_the_images(tmp_path: Path) -> None:
    labels = np.zeros((10, 12), np.uint8)
    labels[2:4, 5:8] = 4
    labels[9, 11] = 6
    masks = write(tmp_path / "masks", grey=labels, colour=labels, bare=labels)
    images = tmp_path / "images"
    images.mkdir()
    grey = np.arange(120, dtype=np.uint8).reshape(10, 12)
    Pillow.fromarray(grey).save(images / "grey.png")
    tifffile.imwrite(images / "colour.tif", np.stack([grey, grey * 2, grey], -1), photometric="rgb")
    Pillow.fromarray(grey).save(images / "other.png")
    assert export(masks, tmp_path / "out", "csv", images=images) == ExitCode.DONE
    rows = lines_of(tmp_path / "out/csv/cells.csv")
    assert [(row["image"], row["id"]) for row in rows] == [
        ("bare_label.tiff", "4"), ("bare_label.tiff", "6"), ("colour.tif", "4"),
        ("colour.tif", "6"), ("grey.png", "4"), ("grey.png", "6"),
    ]  # fmt: skip
    first = rows[4]
    assert (first["area_px"], first["centroid_x_px"], first["centroid_y_px"]) == ("6", "6.5", "3")
    assert float(first["diameter_px"]) == pytest.approx(2 * np.sqrt(6 / np.pi), rel=1e-5)
    assert float(first["mean_intensity_1"]) == grey[2:4, 5:8].mean()
    assert (first["mean_intensity_2"], rows[0]["mean_intensity_1"]) == ("", "")
    assert float(rows[2]["mean_intensity_2"]) == 2 * grey[2:4, 5:8].mean()


def test_a_second_call_keeps_what_is_there_and_redoes_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write(tmp_path / "masks", a=ring_and_pieces(), b=ring_and_pieces())
    out = tmp_path / "out"
    export(masks, out, "qupath", "ome-zarr")
    before = (out / "qupath/a.geojson").stat().st_mtime_ns
    write(masks, b=ring_and_pieces()[::-1])
    (out / "ome-zarr").joinpath(".cellbench-done.jsonl").unlink()  # as if killed before it
    capsys.readouterr()
    export(masks, out, "qupath")
    assert "1 of them by an earlier call" in capsys.readouterr().err
    assert (out / "qupath/a.geojson").stat().st_mtime_ns == before
    back = back_from_qupath(out / "qupath", "b", (40, 50))
    np.testing.assert_array_equal(back, ring_and_pieces()[::-1])
    assert export(masks, out) == ExitCode.DONE


def test_what_others_wrote_is_not_replaced(tmp_path: Path) -> None:
    masks = write(tmp_path / "masks", a=ring_and_pieces())
    foreign = tmp_path / "out/coco/annotations.json"
    foreign.parent.mkdir(parents=True)
    foreign.write_text("mine")
    with pytest.raises(CallError, match=r"annotations\.json"):
        export(masks, tmp_path / "out", "imagej", "coco")
    assert foreign.read_text() == "mine"
    assert not (tmp_path / "out/imagej").exists()
    export(masks, tmp_path / "out", "qupath")
    (tmp_path / "out/qupath/a.geojson").write_text("corrected")
    with pytest.raises(CallError, match="changed"):
        export(masks, tmp_path / "out", "qupath")


def test_names_with_spaces_brackets_and_accents(tmp_path: Path) -> None:
    stem = "Zélle [1] (ß), Kopie"
    masks = write(tmp_path / "masks", **{stem: ring_and_pieces()})
    images = tmp_path / "images"
    images.mkdir()
    Pillow.fromarray(np.zeros((40, 50), np.uint8)).save(images / f"{stem}.png")
    assert export(masks, tmp_path / "out", images=images) == ExitCode.DONE
    for form, reader in READERS.items():
        back = reader(tmp_path / "out" / form, stem, (40, 50))
        np.testing.assert_array_equal(back, ring_and_pieces(), err_msg=form)
    assert (tmp_path / f"out/cellpose/{stem}.png").is_file()
    compile((tmp_path / "out/napari/open_in_napari.py").read_text(), "script", "exec")


def test_bad_masks_are_named_and_the_others_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write(tmp_path / "masks", good=ring_and_pieces())
    (masks / "cut_label.tiff").write_bytes((masks / "good_label.tiff").read_bytes()[:60])
    tifffile.imwrite(masks / "floats_label.tiff", np.full((4, 4), 0.5))
    (masks / "notes.txt").write_text("x")
    for _ in range(2):  # it is no better the second time
        assert export(masks, tmp_path / "out") == ExitCode.FAILURES
        said = capsys.readouterr().err
        assert all(name in said for name in ("cut_label.tiff", "floats_label.tiff", "notes.txt"))
    assert {row["image"] for row in lines_of(tmp_path / "out/csv/cells.csv")} == {"good_label.tiff"}


def test_an_image_of_another_size_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = write(tmp_path / "masks", a=ring_and_pieces())
    images = tmp_path / "images"
    images.mkdir()
    Pillow.fromarray(np.zeros((50, 40), np.uint8)).save(images / "a.png")
    assert export(masks, tmp_path / "out", images=images) == ExitCode.FAILURES
    assert "a.png: 50×40 pixels" in capsys.readouterr().err


def test_predicted_masks_alone_are_exported(tmp_path: Path) -> None:
    out = write(tmp_path / "masks", a=ring_and_pieces(), older=ring_and_pieces())
    images = tmp_path / "images"
    images.mkdir()
    for stem in "ab":
        Pillow.fromarray(np.zeros((40, 50), np.uint8)).save(images / f"{stem}.png")
    assert export_predicted(images, out, ("csv",), PlainDisplay()) == ExitCode.DONE
    assert {row["image"] for row in lines_of(out / "csv/cells.csv")} == {"a.png"}


@pytest.mark.parametrize("text", ["", " , ", "imagej,qpath"])
def test_unknown_formats_are_refused(text: str) -> None:
    with pytest.raises(CallError, match="format"):
        chosen_formats(text)


def test_the_command_refuses_what_is_no_folder_of_masks(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    (tmp_path / "none").mkdir()
    for masks in (file, tmp_path / "none", tmp_path / "missing"):
        ended = finish(command("harness", "export", masks, tmp_path / "out", "--to", "csv"))
        assert (ended.returncode, ended.stdout) == (ExitCode.WRONG_CALL, "")
        assert ended.stderr.startswith("error: ")
    assert not (tmp_path / "out").exists()


def test_the_masks_of_a_run_with_the_images_it_was_tested_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = make_run(tmp_path)
    with pytest.raises(CallError, match="which model"):
        find_masks(run, None, None, 0)
    with pytest.raises(CallError, match="no model fairr"):
        find_masks(run, None, "fairr", 0)
    with pytest.raises(CallError, match="seed 7"):
        find_masks(run, None, "fair", 7)
    found = find_masks(run, None, "fair", 0)
    assert found.remarks == ()
    assert all(image is not None and image.is_file() for _, image in found.found)
    assert export_masks(found, tmp_path / "out", ("csv",), PlainDisplay()) == ExitCode.DONE
    assert lines_of(tmp_path / "out/csv/cells.csv")[0]["mean_intensity_1"]


def test_a_missing_library_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masks = write(tmp_path / "masks", a=ring_and_pieces())
    monkeypatch.setitem(sys.modules, "roifile", None)  # what Python itself does for a blocked one
    with pytest.raises(CallError, match=r"cellbench\[formats\]"):
        export(masks, tmp_path / "out", "csv", "imagej")
    assert not (tmp_path / "out").exists()


def test_what_a_format_cannot_hold_is_named_and_the_others_have_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = np.zeros((2, 60_600), np.uint8)
    wide[:, -5:] = 1
    masks = write(tmp_path / "masks", small=ring_and_pieces(), wide=wide)
    assert export(masks, tmp_path / "out", "imagej", "qupath") == ExitCode.FAILURES
    assert "wide_label.tiff: not written as imagej" in capsys.readouterr().err
    assert (tmp_path / "out/imagej/small.zip").is_file()
    assert not (tmp_path / "out/imagej/wide.zip").exists()
    back = back_from_qupath(tmp_path / "out/qupath", "wide", wide.shape)
    np.testing.assert_array_equal(back, wide)
