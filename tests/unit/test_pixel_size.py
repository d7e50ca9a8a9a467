"""Micrometres a pixel, in every spelling that microscopes write, and no harm from wrong ones."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image as Pillow

from contract import guarded, read_header, read_picture, write_mask
from contract.large import open_large
from contract.reading.scale import as_pixel_size
from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.samples import sample_panels
from evaluator.report.scale_bar import bar_length, scaled
from evaluator.report.sections.dataset import section as dataset_section
from evaluator.report.tables import Table
from harness.datasets.folder import load_dataset
from harness.work.exporting import export_masks, find_masks
from harness.work.progress import PlainDisplay
from tests.unit.report_fixtures import make_run

GREY = np.arange(1, 481, dtype=np.uint16).reshape(24, 20)


def file(path: Path, **options: Any) -> Path:
    tifffile.imwrite(path, GREY, **{"metadata": None, **options})
    return path


def ome(x: str, y: str, unit: str | None = "µm") -> dict[str, Any]:
    units = "" if unit is None else f'PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"'
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="20" SizeY="24"'
        f' SizeC="1" SizeZ="1" SizeT="1" PhysicalSizeX="{x}" PhysicalSizeY="{y}" {units}>'
        "<TiffData/></Pixels></Image></OME>"
    )
    return {"description": xml.encode()}


def imagej(unit: str, a_unit: float = 4.0, yunit: str = "") -> dict[str, Any]:
    text = f"ImageJ=1.53t\nunit={unit}\n" + (f"yunit={yunit}\n" if yunit else "")
    return {"description": text.encode(), "resolution": (a_unit, a_unit), "resolutionunit": 1}


def tags(x: float, y: float, unit: int) -> dict[str, Any]:
    return {"resolution": (x, y), "resolutionunit": unit}


KNOWN = {
    "OME": (ome("0.65", "0.65"), 0.65),
    "OME, unit left out": (ome("0.65", "0.65", None), 0.65),
    "OME, Greek letter": (ome("0.65", "0.65", "μm"), 0.65),
    "OME, nanometres": (ome("325", "325", "nm"), 0.325),
    "OME, millimetres": (ome("2e-4", "2e-4", "mm"), 0.2),
    "OME, hardly oblong": (ome("0.650", "0.652"), 0.651),
    "ImageJ, micron": (imagej("micron"), 0.25),
    "ImageJ, um": (imagej("um"), 0.25),
    "ImageJ, escaped": (imagej("\\u00B5m"), 0.25),
    "ImageJ, the sign": (imagej("µm"), 0.25),
    "ImageJ, nm": (imagej("nm", 0.005), 0.2),
    "ImageJ, cm": (imagej("cm", 20_000), 0.5),
    "ImageJ, inch": (imagej("inch", 50_800), 0.5),
    "TIFF, centimetres": (tags(20_000, 20_000, 3), 0.5),
    "TIFF, inches": (tags(50_800, 50_800, 2), 0.5),
}
UNKNOWN = {
    "nothing": {},
    "OME, zero": ome("0", "0"),
    "OME, NaN": ome("NaN", "NaN"),
    "OME, negative": ome("-0.5", "-0.5"),
    "OME, infinite": ome("INF", "INF"),
    "OME, oblong": ome("0.5", "0.6"),
    "OME, words": ome("half", "half"),
    "OME, pixels": ome("1", "1", "pixel"),
    "OME, reference frame": ome("1", "1", "reference frame"),
    "OME, a kilometre": ome("1", "1", "km"),
    "OME, a metre": ome("1", "1", "m"),
    "OME, without": {"description": b"<OME><Image><Pixels/></Image></OME>"},
    "OME, broken": {"description": b"<?xml version='1.0'?><OME><Image></OME>"},
    "ImageJ, pixel": imagej("pixel"),
    "ImageJ, no unit": {"description": b"ImageJ=1.53t\n", **tags(50_800, 50_800, 2)},
    "ImageJ, oblong": imagej("um", yunit="nm"),
    "ImageJ, tiny": imagej("um", 1e6),
    "72 dpi": tags(72, 72, 2),
    "96 dpi": tags(96, 96, 2),
    "300 dpi": tags(300, 300, 2),
    "1200 dpi": tags(1200, 1200, 2),
    "2400 dpi": tags(2400, 2400, 2),
    "72 dpi in centimetres": tags(28.346, 28.346, 3),
    "300 dpi in centimetres": tags(118.11, 118.11, 3),
    "1/1": tags(1, 1, 1),
    "1/1 inch": tags(1, 1, 2),
    "no unit": tags(20_000, 20_000, 1),
    "oblong": tags(20_000, 25_000, 3),
    "zero": tags(0, 0, 3),
}


@pytest.mark.parametrize("kind", KNOWN)
def test_every_spelling(tmp_path: Path, kind: str) -> None:
    options, size = KNOWN[kind]
    path = file(tmp_path / "a.tif", **options)
    assert read_header(path).pixel_size_um == pytest.approx(size)
    assert read_picture(path).pixel_size_um == pytest.approx(size)


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_is_nothing_to_rely_on(tmp_path: Path, kind: str) -> None:
    path = file(tmp_path / "a.tif", **UNKNOWN[kind])
    picture = read_picture(path)
    assert picture.pixel_size_um is None
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)


def test_tifffile_and_imagej_writers(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ome.tif"
    tifffile.imwrite(
        whole, GREY, ome=True,
        metadata={"axes": "YX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1},
    )  # fmt: skip
    fiji = tmp_path / "fiji.tif"
    tifffile.imwrite(fiji, GREY, imagej=True, resolution=(2, 2), metadata={"unit": "um"})
    assert read_picture(whole).pixel_size_um == pytest.approx(0.1)
    assert read_picture(fiji).pixel_size_um == pytest.approx(0.5)


def test_the_guarded_reader_and_large_pictures_tell_it_too(tmp_path: Path) -> None:
    path = file(tmp_path / "a.tif", **KNOWN["OME"][0])
    assert guarded.read_picture(path).pixel_size_um == 0.65
    assert guarded.read_header(path).pixel_size_um == 0.65
    with open_large(path, tmp_path) as picture:
        assert picture.pixel_size_um == 0.65


@pytest.mark.parametrize(
    ("text", "size"),
    [("0.5", 0.5), (" 0,325 ", 0.325), ("", None), ("0", None), ("-1", None), ("nan", None),
     ("inf", None), ("1e9", None), ("0.5 µm", None)],
)  # fmt: skip
def test_what_people_write_into_a_manifest(text: str, size: float | None) -> None:
    assert as_pixel_size(text) == size


def dataset(root: Path) -> Path:
    part = root / "Tuning"
    (part / "images").mkdir(parents=True)
    for stem in "abc":
        file(part / "images" / f"{stem}.tif", **(KNOWN["OME"][0] if stem != "c" else {}))
        labels = np.zeros(GREY.shape, np.uint8)
        labels[2:6, 2:6] = 1
        write_mask(part / "labels" / f"{stem}_label.tiff", labels)
    (part / "manifest.csv").write_text("image,pixel_size_um\na.tif,0.5\nb.tif,\nc.tif,wide\n")
    return root


def test_the_manifest_goes_before_the_file(tmp_path: Path) -> None:
    found = load_dataset(dataset(tmp_path))
    assert [pair.pixel_size_um for pair in found.test] == [0.5, 0.65, None]
    assert any("'wide'" in remark.text and remark.name == "c.tif" for remark in found.remarks)


def test_exported_tables_have_units_where_they_are_known(tmp_path: Path) -> None:
    part = dataset(tmp_path) / "Tuning"
    masks = find_masks(part / "labels", part / "images", None, 0)
    export_masks(masks, tmp_path / "out", ("csv", "qupath", "ome-zarr"), PlainDisplay())
    with (tmp_path / "out/csv/cells.csv").open(newline="") as stream:
        rows = {row["image"]: row for row in csv.DictReader(stream)}
    assert float(rows["a.tif"]["area_um2"]) == 16 * 0.5**2
    assert float(rows["b.tif"]["pixel_size_um"]) == 0.65
    assert rows["c.tif"]["area_um2"] == ""
    (feature,) = json.loads((tmp_path / "out/qupath/a.geojson").read_text())["features"]
    assert feature["properties"]["measurements"]["Area µm^2"] == 4
    attributes = json.loads((tmp_path / "out/ome-zarr/b.ome.zarr/.zattrs").read_text())
    (scales,) = attributes["multiscales"]
    assert scales["datasets"][0]["coordinateTransformations"][0]["scale"] == [1, 0.65, 0.65]
    assert [axis.get("unit") for axis in scales["axes"]] == [None, "micrometer", "micrometer"]


@pytest.mark.parametrize(
    ("reach", "length"),
    [(1, 1), (1.99, 1), (2, 2), (9.99, 5), (70, 50), (0.03, 0.02), (1000, 1000)],
)
def test_bars_are_1_2_or_5_times_a_power_of_ten(reach: float, length: float) -> None:
    assert bar_length(reach) == length


def test_a_bar_is_as_long_as_it_says() -> None:
    picture = np.full((100, 200, 3), 90, np.uint8)
    drawn, length = scaled(picture, 0.5)
    assert length == 20
    white = (drawn == 255).all(axis=-1)
    assert white.any(axis=0).sum() == 40
    assert (picture == 90).all()
    small, _ = scaled(picture[:10, :10], 0.5)
    assert (small == 90).all()


def test_the_report_tells_the_range_and_draws_bars(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    record = json.loads((run / "run.json").read_text())
    for number, image in enumerate(record["dataset"]["images"][:-1]):
        image["pixel_size_um"] = 0.25 if number % 2 else 0.65
    (run / "run.json").write_text(json.dumps(record))
    data = load_report(run)
    numbers = Numbers(data=data)
    (facts, *_) = dataset_section(numbers).blocks
    assert isinstance(facts, Table)
    said = {str(row.cells[0]): str(row.cells[1]) for row in facts.rows}["Pixel size"]
    assert said == f"0.25 to 0.65 µm; not known of 1 of {len(data.images)} images"
    bare, *_ = sample_panels(numbers, data.images[1], [])
    without, *_ = sample_panels(numbers, data.images[-1], [])
    assert bare.note.endswith(", bar 5 µm")  # a quarter of 120 pixels of 0.25 µm reaches 7.5 µm
    assert "bar" not in without.note
    drawn = np.asarray(Pillow.open(io.BytesIO(bare.jpeg))).astype(int)
    across = (drawn[drawn.shape[0] - 10] > 220).all(axis=-1).sum()
    assert across == pytest.approx(5 / 0.25 * drawn.shape[1] / 120, abs=2)
