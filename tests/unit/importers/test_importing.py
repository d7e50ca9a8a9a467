"""What every import does, whatever the format."""

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from contract import CallError
from harness.commands.cli import app
from harness.datasets.folder import load_dataset
from harness.datasets.importers.layout import Handling
from harness.datasets.importers.record import Choices
from tests.unit.importers.sources import cells, label, names, picture, reasons, run, save


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Five images in images/, their masks in labels/."""
    for number in range(5):
        save(tmp_path / f"lab/images/a{number}.tif", picture(number))
        save(tmp_path / f"lab/labels/a{number}_label.tif", cells())
    return tmp_path / "lab"


def manifest(folder: Path) -> dict[str, dict[str, str]]:
    rows = {}
    for path in folder.glob("*/manifest.csv"):
        with path.open(newline="") as stream:
            rows |= {row["image"]: row for row in csv.DictReader(stream)}
    return rows


def test_images_are_linked_and_labels_keep_their_ids(source: Path, tmp_path: Path) -> None:
    imported, said = run("auto", source, tmp_path / "out", modality="phase", licence="CC0")
    assert said == ["recognised as pairs: a folder images/ and a folder labels/"]
    assert imported.images == {"Training-labeled": 4, "Tuning": 1}
    assert (imported.cells, imported.left) == (15, ())
    (image,) = (tmp_path / "out").glob("*/images/a3.tif")
    assert image.samefile(source / "images/a3.tif")
    assert np.array_equal(label(tmp_path / "out", "a3"), cells())
    row = manifest(tmp_path / "out")["a3.tif"]
    assert (row["original"], row["source"], row["modality"], row["licence"]) == (
        *("images/a3.tif", "lab", "phase"),
        "CC0",
    )
    assert not load_dataset(tmp_path / "out").faults


def test_the_same_call_goes_on_and_another_is_refused(source: Path, tmp_path: Path) -> None:
    (source / "labels/a2_label.tif").rename(tmp_path / "kept.tif")
    imported, _ = run("pairs", source, tmp_path / "out")
    assert reasons(imported) == {"images/a2.tif": "no mask"}
    (tmp_path / "kept.tif").rename(source / "labels/a2_label.tif")
    imported, said = run("pairs", source, tmp_path / "out")
    assert said == ["4 of 5 are imported already"]
    assert (sum(imported.images.values()), imported.left) == (5, ())
    save(source / "labels/a1_label.tif", cells((7, 8)))
    _, said = run("pairs", source, tmp_path / "out")
    assert said == ["4 of 5 are imported already"]
    assert np.array_equal(label(tmp_path / "out", "a1"), cells((7, 8)))
    with pytest.raises(CallError, match="asked for otherwise: --limit"):
        run("pairs", source, tmp_path / "out", limit=2)


def test_what_others_wrote_is_not_replaced(source: Path, tmp_path: Path) -> None:
    save(tmp_path / "mine/photo.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(CallError, match="holds files already"):
        run("pairs", source, tmp_path / "mine")
    with pytest.raises(CallError, match="inside the source"):
        run("pairs", source, source / "out")
    run("pairs", source, tmp_path / "out")
    (corrected,) = (tmp_path / "out").glob("*/labels/a1_label.tiff")
    save(corrected, cells((5,)))
    save(source / "labels/a1_label.tif", cells((7, 8)))
    with pytest.raises(CallError, match="changed since"):
        run("pairs", source, tmp_path / "out")
    assert np.array_equal(label(tmp_path / "out", "a1"), cells((5,)))


def test_groups_lie_on_one_side(tmp_path: Path) -> None:
    for movie in ("01", "02", "03"):
        for frame in range(3):
            save(tmp_path / f"src/{movie}/t00{frame}.tif", picture(frame))
            save(tmp_path / f"src/{movie}_ST/SEG/man_seg00{frame}.tif", cells())
    imported, _ = run("auto", tmp_path / "src", tmp_path / "out")
    assert imported.images == {"Training-labeled": 6, "Tuning": 3}
    rows = manifest(tmp_path / "out")
    for part in ("Training-labeled", "Tuning"):
        groups = [rows[name]["group"] for name in names(tmp_path / "out", part)]
        assert all(groups.count(group) == 3 for group in groups)


def test_a_split_file_decides(source: Path, tmp_path: Path) -> None:
    table = tmp_path / "split.csv"
    table.write_text("image,subset\na0,test\na1.tif,train\nimages/a2.tif,val\nzzz,test\n")
    imported, _ = run("pairs", source, tmp_path / "out", split=table)
    assert names(tmp_path / "out", "Tuning") == ["a0.tif"]
    assert reasons(imported) == {f"images/a{n}.tif": "not in split.csv" for n in (3, 4)}
    assert imported.remarks == (("", "split.csv names images that are not there: zzz (line 5)"),)
    table.write_text("image,subset\na0,later\n")
    with pytest.raises(CallError, match=r"split.csv, line 2: the subset 'later'"):
        run("pairs", source, tmp_path / "other", split=table)


def test_names_get_stems_of_their_own(tmp_path: Path) -> None:
    for folder, name in (("x", "a.1"), ("x", "a.2"), ("y", "a.1")):
        save(tmp_path / f"src/{folder}/{name}.png", np.arange(3072, dtype=np.uint8).reshape(48, 64))
        save(tmp_path / f"src/{folder}/{name}_masks.png", cells().astype(np.uint8))
    run("auto", tmp_path / "src", tmp_path / "out")
    assert names(tmp_path / "out") == ["a_2.png", "x_a_1.png", "y_a_1.png"]


def test_what_does_not_fit_is_named(source: Path, tmp_path: Path) -> None:
    save(source / "labels/a0_label.tif", cells()[:40])
    save(
        source / "images/a1.tif", np.stack([picture(n) for n in range(3)]), metadata={"axes": "ZYX"}
    )
    save(source / "labels/a2_label.tif", cells() / np.float32(2))
    cut = source / "images/a3.tif"
    cut.write_bytes(cut.read_bytes()[:200])
    imported, _ = run("pairs", source, tmp_path / "out")
    found = reasons(imported)
    assert found["images/a0.tif"] == "the label is 40×64, the image 48×64 pixels"
    assert "a stack of 3" in found["images/a1.tif"]
    assert "--convert" in found["images/a1.tif"]
    assert "fractions" in found["images/a2.tif"]
    assert "cannot be read" in found["images/a3.tif"]
    assert names(tmp_path / "out") == ["a4.tif"]
    assert len((tmp_path / "out/left_out.csv").read_text().splitlines()) == 5


@pytest.mark.parametrize(("planes", "expected"), [("each", 3), ("middle", 1), ("max", 0)])
def test_stacks_are_cut_with_convert(tmp_path: Path, planes: str, expected: int) -> None:
    stack = np.stack([picture(number) for number in range(3)])
    save(tmp_path / "src/images/z.tif", stack, metadata={"axes": "ZYX"})
    labels = np.stack([cells((n + 1,)) for n in range(3)])
    save(tmp_path / "src/labels/z.tif", labels, metadata={"axes": "ZYX"})
    save(tmp_path / "src/images/flat.tif", picture(9))
    save(tmp_path / "src/labels/flat.tif", cells())
    save(tmp_path / "src/images/one.tif", stack, metadata={"axes": "ZYX"})
    save(tmp_path / "src/labels/one.tif", cells())
    handling = Handling(convert=True, planes=planes)  # type: ignore[arg-type]  # a parameter
    imported, _ = run("pairs", tmp_path / "src", tmp_path / "out", handling=handling)
    assert len([name for name in names(tmp_path / "out") if name.startswith("z")]) == expected
    if planes == "max":
        assert "no maximum" in reasons(imported)["images/z.tif"]
    if planes == "each":
        assert np.array_equal(label(tmp_path / "out", "z_z02"), labels[2])
        assert "one label for a stack" in reasons(imported)["images/one.tif"]
        assert {manifest(tmp_path / "out")[f"z_z0{n}.tif"]["group"] for n in range(3)} == {
            "images/z.tif"
        }


def test_components_number_the_pieces(source: Path, tmp_path: Path) -> None:
    for number in range(5):
        foreground = np.where(cells() > 0, 255, 0).astype(np.uint8)
        save(source / f"labels/a{number}_label.tif", foreground)
    imported, _ = run("pairs", source, tmp_path / "out", handling=Handling(components=True))
    assert imported.cells == 15
    assert manifest(tmp_path / "out")["a0.tif"]["label_quality"].startswith("connected components")


def test_a_zip_archive_is_a_source_and_a_cut_one_is_refused(source: Path, tmp_path: Path) -> None:
    archive = tmp_path / "lab.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for path in sorted(source.rglob("*.tif")):
            file.write(path, path.relative_to(source))
    imported, said = run("auto", archive, tmp_path / "out")
    assert sum(imported.images.values()) == 5
    assert "sha256" in said[0]
    assert not (tmp_path / "out/.cellbench-unpacked").exists()
    archive.write_bytes(archive.read_bytes()[:-500])
    with pytest.raises(CallError, match="no whole zip archive"):
        run("auto", archive, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_patterns_pair_any_two_folders(tmp_path: Path) -> None:
    for name in ("p1/x", "p2/x"):
        save(tmp_path / f"src/raw/{name}.tif", picture())
        save(tmp_path / f"src/seg/{name}_mask.tif", cells())
    choices = Choices(images="raw/{}.tif", masks="seg/{}_mask.tif")
    imported, _ = run("pairs", tmp_path / "src", tmp_path / "out", choices=choices)
    assert (sum(imported.images.values()), imported.left) == (2, ())
    imported, _ = run("auto", tmp_path / "src", tmp_path / "out2", choices=choices)
    assert sum(imported.images.values()) == 2
    with pytest.raises(CallError, match="belong to the format pairs"):
        run("ctc", tmp_path / "src", tmp_path / "x", choices=choices)
    with pytest.raises(CallError, match="one truth an image"):
        run("pairs", tmp_path / "src", tmp_path / "x", choices=Choices(target="nuclear"))
    with pytest.raises(CallError, match="does not hold"):
        run("pairs", tmp_path / "src", tmp_path / "x", choices=Choices(images="a", masks="b"))


def test_auto_refuses_two_formats_and_none(source: Path, tmp_path: Path) -> None:
    save(source / "Tuning/images/b.tif", picture())
    save(source / "Tuning/labels/b_label.tiff", cells())
    with pytest.raises(CallError, match=r"2 formats: neurips22 .*; pairs "):
        run("auto", source, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CallError, match="no format that is recognised"):
        run("auto", tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_exits_3_when_something_was_left_out(source: Path, tmp_path: Path) -> None:
    (source / "labels/a2_label.tif").unlink()
    call = ["data", "import", "auto", str(source), str(tmp_path / "out")]
    result = CliRunner().invoke(app, call)
    assert result.exit_code == 3
    assert "left out: images/a2.tif: no mask" in result.output
    assert "4 images with 12 cells" in result.output
