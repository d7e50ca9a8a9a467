"""Formats whose files hold outlines or arrays, written by their own libraries."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import roifile
import tifffile
import zarr
from ome_zarr.io import parse_url
from ome_zarr.writer import write_image, write_labels
from pycocotools import mask as coco_mask

from contract import CallError
from harness.datasets.importers.formats import recognise
from harness.datasets.importers.record import Choices
from tests.unit.importers.sources import SIZE, cells, label, names, picture, reasons, run, save

SQUARE = [[4, 8], [12, 8], [12, 16], [4, 16]]
"""Cell 1 of `cells`."""
HOLE = [[6, 10], [8, 10], [8, 12], [6, 12]]


def test_coco_polygons_run_lengths_holes_and_crowds(tmp_path: Path) -> None:
    source = tmp_path / "live"
    ring = cells() == 2
    ring[10:12, 22:24] = False
    crowd = coco_mask.encode(np.asfortranarray(cells() == 3, np.uint8))
    counts = np.diff(np.flatnonzero(np.diff(np.pad(ring.T.ravel(), 1).astype(np.int8)))).tolist()
    start = int(np.flatnonzero(ring.T.ravel())[0])
    counts = [start, *counts]
    annotations = [
        {"id": 1, "image_id": 7, "segmentation": [np.ravel(SQUARE).tolist()], "iscrowd": 0},
        {
            "id": 2,
            "image_id": 7,
            "segmentation": {
                "size": list(SIZE),
                "counts": [*counts, SIZE[0] * SIZE[1] - sum(counts)],
            },
        },
        {
            "id": 3,
            "image_id": 7,
            "iscrowd": 1,
            "segmentation": {"size": list(SIZE), "counts": crowd["counts"].decode()},
        },
        {"id": 4, "image_id": 8, "segmentation": [[1, 2]]},
    ]
    images = [{"id": number, "file_name": f"i{number}.tif"} for number in (7, 8, 9)]
    for number in (7, 8):
        save(source / f"images/i{number}.tif", picture(number))
    document = source / "livecell_coco_test.json"
    document.write_text(json.dumps({"images": images, "annotations": annotations}))
    assert recognise(source)[0] == "coco"
    imported, _ = run("coco", source, tmp_path / "out", share=1)
    expected = np.where(ring, 2, np.where(cells() == 1, 1, 0))
    assert np.array_equal(label(tmp_path / "out", "i7"), expected)
    ignored = tifffile.imread(tmp_path / "out/Tuning/labels/i7_ignore.tiff")
    assert np.array_equal(ignored != 0, cells() == 3)
    found = reasons(imported)
    assert "annotation 4: a polygon needs three corners" in found["images/i8.tif"]
    assert found["livecell_coco_test.json: i9.tif"] == "no image is called so"
    document.write_text(document.read_text()[:-40])
    with pytest.raises(CallError, match=r"test.json cannot be read: .* line 1 column"):
        run("coco", source, tmp_path / "other")


def test_imagej_rois(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for name in ("a", "b", "c", "d"):
        save(source / f"{name}.tif", picture())
    rois = [roifile.ImagejRoi.frompoints(np.array(SQUARE, np.int32), name="one")]
    point = roifile.ImagejRoi.frompoints(np.array([[1.0, 2.0]]), name="p")
    point.roitype = roifile.ROI_TYPE.POINT
    rois.append(point)
    roifile.roiwrite(source / "a_RoiSet.zip", rois)
    roifile.roiwrite(source / "b.roi", rois[0])
    (source / "c.zip").write_bytes((source / "a_RoiSet.zip").read_bytes()[:60])
    assert recognise(source)[0] == "imagej"
    imported, _ = run("imagej", source, tmp_path / "out")
    assert names(tmp_path / "out") == ["a.tif", "b.tif"]
    for stem in ("a", "b"):
        assert np.array_equal(label(tmp_path / "out", stem), cells((1,)))
    assert "c.zip: the ROIs cannot be read" in reasons(imported)["c.tif"]
    assert reasons(imported)["d.tif"] == "no ROIs"
    assert ("a.tif", "1 of 2 ROIs have no area") in imported.remarks


def test_qupath_geojson(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for name in ("a", "b"):
        save(source / f"{name}.tif", picture())

    def feature(kind: str, geometry: dict[str, object], **more: object) -> dict[str, object]:
        return {"type": "Feature", "properties": {"objectType": kind}, "geometry": geometry, **more}

    field = [[0, 0], [60, 0], [60, 40], [0, 40], [0, 0]]
    features = [
        feature("annotation", {"type": "Polygon", "coordinates": [field]}),
        feature(
            "cell",
            {"type": "Polygon", "coordinates": [[*SQUARE, SQUARE[0]], HOLE]},
            nucleusGeometry={"type": "Polygon", "coordinates": [HOLE]},
        ),
    ]
    document = {"type": "FeatureCollection", "features": features}
    (source / "a.geojson").write_text(json.dumps(document))
    (source / "b.geojson").write_text('{"type": "Feature",')
    assert recognise(source)[0] == "qupath"
    imported, _ = run("qupath", source, tmp_path / "out")
    expected = cells((1,))
    expected[10:12, 6:8] = 0
    assert np.array_equal(label(tmp_path / "out", "a"), expected)
    assert "b.geojson cannot be read: Expecting" in reasons(imported)["b.tif"]
    run("qupath", source, tmp_path / "nuclei", choices=Choices(target="nuclear"))
    assert label(tmp_path / "nuclei", "a").sum() == 4


def test_tissuenet_npz(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    images = np.stack([np.stack([picture(n), picture(n + 5)], -1) for n in range(3)])
    truth = np.stack([np.stack([cells(), cells((9,))], -1) for _ in range(3)])
    for part in ("train", "test"):
        np.savez_compressed(source / f"tissuenet_{part}.npz", X=images.astype(np.float32), y=truth)
    assert recognise(source)[0] == "tissuenet"
    run("tissuenet", source, tmp_path / "out")
    assert names(tmp_path / "out", "Tuning") == [f"tissuenet_test_{n}.tif" for n in range(3)]
    assert np.array_equal(label(tmp_path / "out", "tissuenet_test_1"), cells())
    pixels = tifffile.imread(tmp_path / "out/Tuning/images/tissuenet_test_2.tif")
    assert np.array_equal(pixels, images[2])
    header = (tmp_path / "out/Tuning/manifest.csv").read_text().splitlines()[1]
    assert header.endswith('"nuclear, membrane",whole-cell')
    run("tissuenet", source, tmp_path / "nuclei", choices=Choices(target="nuclear"))
    assert np.array_equal(label(tmp_path / "nuclei", "tissuenet_train_0"), cells((9,)))
    np.savez(source / "bad.npz", X=np.array([{}], object), y=truth)
    with pytest.raises(CallError, match=r"bad.npz cannot be read: X holds pickled objects"):
        run("tissuenet", source, tmp_path / "other")
    (source / "bad.npz").write_bytes((source / "tissuenet_test.npz").read_bytes()[:900])
    with pytest.raises(CallError, match=r"bad.npz cannot be read"):
        run("tissuenet", source, tmp_path / "other")


def test_ome_zarr_labels(tmp_path: Path) -> None:
    for name in ("a", "b"):
        group = zarr.open_group(parse_url(tmp_path / f"src/{name}.zarr", mode="w").store, mode="w")
        write_image(np.stack([picture(1), picture(2)]), group, axes="cyx")
        for kind in ("nuclei", "cells") if name == "b" else ("cells",):
            write_labels(cells((3, 6)), group, name=kind, axes="yx")
    assert recognise(tmp_path / "src")[0] == "ome-zarr"
    imported, _ = run("ome-zarr", tmp_path / "src", tmp_path / "out")
    assert names(tmp_path / "out") == ["a.tif"]
    assert np.array_equal(label(tmp_path / "out", "a"), cells((3, 6)))
    assert "--target must name one of its labels: cells, nuclei" in reasons(imported)["b.zarr"]
    run("ome-zarr", tmp_path / "src", tmp_path / "out2", choices=Choices(target="cells"))
    assert names(tmp_path / "out2") == ["a.tif", "b.tif"]


def test_ilastik_objects(tmp_path: Path) -> None:
    source = tmp_path / "src"
    for name in ("a", "b"):
        save(source / f"{name}.tif", picture())
    with h5py.File(source / "a_Object Identities.h5", "w") as file:
        file["exported_data"] = cells()[..., None]
    (source / "b_Object Identities.h5").write_bytes(b"\x89HDF")
    save(source / "b_Simple Segmentation.tif", cells())
    assert recognise(source)[0] == "ilastik"
    imported, _ = run("ilastik", source, tmp_path / "out")
    assert np.array_equal(label(tmp_path / "out", "a"), cells())
    assert "b_Object Identities.h5: no array exported_data" in reasons(imported)["b.tif"]
    assert reasons(imported)["b_Simple Segmentation.tif"] == "classes of pixels, not cells"


def test_bbbc_sets(tmp_path: Path) -> None:
    first = tmp_path / "039"
    colours = np.zeros((*SIZE, 4), np.uint8)
    colours[..., 0] = cells((1, 1, 2))
    colours[8:16, 12:16, 0] = 3
    for name in ("IXM_A01_s1", "IXM_B02_s1"):
        save(first / f"images/{name}.tif", picture())
        save(first / f"masks/{name}.png", colours)
    (first / "metadata").mkdir()
    (first / "metadata/training.txt").write_text("IXM_A01_s1.png\n")
    (first / "metadata/test.txt").write_text("IXM_B02_s1.png\n")
    assert recognise(first)[0] == "bbbc"
    imported, _ = run("bbbc", first, tmp_path / "out")
    assert (imported.images, imported.cells) == ({"Training-labeled": 1, "Tuning": 1}, 8)
    second = tmp_path / "020"
    save(second / "jw-1/jw-1_c5.TIF", picture())
    save(second / "jw-1/jw-1_c1.TIF", picture())
    for number in (1, 2):
        save(second / f"nuclei/jw-1_c5_{number}.TIF", (cells() == number).astype(np.uint8))
    assert recognise(second)[0] == "bbbc"
    imported, _ = run("bbbc", second, tmp_path / "out2")
    assert np.array_equal(label(tmp_path / "out2", "jw-1_c5"), cells((1, 2)))
    third = tmp_path / "006"
    for stain in (1, 2):
        save(third / f"z16/mcf-z-stacks-0321_a01_s1_w{stain}abc.tif", picture())
    save(third / "labels/mcf-z-stacks-0321_a01_s1.png", cells().astype(np.uint8))
    imported, _ = run("auto", third, tmp_path / "out3")
    assert imported.cells == 3
    assert "second stain" in reasons(imported)["z16/mcf-z-stacks-0321_a01_s1_w2abc.tif"]
    boxes = tmp_path / "041"
    boxes.mkdir()
    (boxes / "training.json").write_text("[]")
    with pytest.raises(CallError, match="boxes around cells"):
        run("bbbc", boxes, tmp_path / "out4")
