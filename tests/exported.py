"""Exported masks read back by other programs' readers, never by what wrote them."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from PIL import Image as Pillow
from pycocotools.coco import COCO
from read_roi import read_roi_zip

from contract.names import label_stem

READERS: dict[str, Callable[[Path, str, tuple[int, int]], np.ndarray]]


def back_from_imagej(folder: Path, stem: str, shape: tuple[int, int]) -> np.ndarray:
    """read-roi's polygons and paths; a pixel is inside when its middle is in an odd number."""
    labels = np.zeros(shape, np.int64)
    path = folder / f"{stem}.zip"
    with zipfile.ZipFile(path) as archive:
        if not archive.namelist():
            return labels
    for name, region in read_roi_zip(str(path)).items():
        if region["type"] == "composite":
            rings = [[tuple(point) for point in ring] for ring in region["paths"]]
        else:
            rings = [list(zip(region["x"], region["y"], strict=True))]
        inside = sum(_inside(shapely.Polygon(ring), shape).astype(int) for ring in rings)
        labels[inside % 2 == 1] = int(name)
    return labels


def back_from_qupath(folder: Path, stem: str, shape: tuple[int, int]) -> np.ndarray:
    """shapely's polygons, each of which must be valid."""
    labels = np.zeros(shape, np.int64)
    for feature in json.loads((folder / f"{stem}.geojson").read_text())["features"]:
        polygon = shapely.geometry.shape(feature["geometry"])
        assert polygon.is_valid, shapely.is_valid_reason(polygon)
        labels[_inside(polygon, shape)] = int(feature["properties"]["name"])
    return labels


def back_from_coco(folder: Path, stem: str, shape: tuple[int, int]) -> np.ndarray:
    """pycocotools' decoder."""
    coco = COCO(str(folder / "annotations.json"))
    labels = np.zeros(shape, np.int64)
    names = {label_stem(one["file_name"]): key for key, one in coco.imgs.items()}
    image = names[stem]
    for annotation in coco.imgToAnns[image]:
        labels[coco.annToMask(annotation) == 1] = annotation["mask_id"]
    return labels


def back_from_ome_zarr(folder: Path, stem: str, shape: tuple[int, int]) -> np.ndarray:
    """zarr's array; the group must pass the models of the specification."""
    import ome_zarr_models
    import zarr

    group = zarr.open_group(str(folder / f"{stem}.ome.zarr"), mode="r")
    image: Any = ome_zarr_models.open_ome_zarr(group)
    assert image.attributes.multiscales
    (name,) = image.labels.attributes.labels
    labels: Any = ome_zarr_models.open_ome_zarr(group[f"labels/{name}"])
    level = labels.attributes.multiscales[0].datasets[0].path
    return np.asarray(group[f"labels/{name}/{level}"])


def back_from_cellpose(folder: Path, stem: str, shape: tuple[int, int]) -> np.ndarray:
    """Pillow's pixels, from under the name that Cellpose looks for."""
    return _by_pillow(folder / f"{stem}_cp_masks.tif")


def back_from_napari(folder: Path, stem: str, shape: tuple[int, int]) -> np.ndarray:
    """Pillow's pixels."""
    return _by_pillow(folder / f"{stem}_labels.tif")


def _by_pillow(path: Path) -> np.ndarray:
    with Pillow.open(path) as image:
        pixels = np.asarray(image)
    return pixels.view(np.uint32) if pixels.dtype == np.int32 else pixels  # it knows no uint32


def _inside(polygon: Any, shape: tuple[int, int]) -> np.ndarray:
    """H×W: whether the middle of each pixel lies in the polygon."""
    found = np.zeros(shape, bool)
    left, top, right, bottom = (int(side) for side in polygon.bounds)
    ys, xs = np.mgrid[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2] + 0.5
    box = found[max(0, top - 1) : bottom + 2, max(0, left - 1) : right + 2]
    box[...] = shapely.contains_xy(polygon, xs, ys)[: box.shape[0], : box.shape[1]]
    return found


READERS = {
    "imagej": back_from_imagej,
    "qupath": back_from_qupath,
    "coco": back_from_coco,
    "ome-zarr": back_from_ome_zarr,
    "cellpose": back_from_cellpose,
    "napari": back_from_napari,
}
