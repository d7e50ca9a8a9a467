"""QuPath's GeoJSON: a .geojson file beside each image."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from contract import CallError
from harness.datasets.importers.files import below, is_image, nothing, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth
from harness.datasets.shapes import BadShape, fill, stack_cells

CELLS = ("cell", "detection")
TARGETS = ("whole-cell", "nuclear")


def recognise(source: Path) -> str | None:
    """A .geojson file named after an image beside it."""
    found = next(iter(_pairs(source)), None) if source.is_dir() else None
    return f"{below(source, found[1])} lies beside {found[0].name}" if found else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """<name>.geojson beside the image <name>; holes and several pieces of a cell stay.

    Where there are cells and detections, annotations around them are none. Target "nuclear" takes
    the nuclei of QuPath's cells. Raises CallError when there is no such pair.
    """
    if choices.target not in (None, *TARGETS):
        raise CallError(
            f"--target {choices.target} is no truth of qupath.", do=" or ".join(TARGETS)
        )
    pairs = _pairs(source)
    if not pairs:
        raise nothing(source, "qupath", "<name>.geojson beside the images")
    for image, path in pairs:
        yield Record(
            original=below(source, image),
            image=image,
            label=partial(_draw, path, choices.target == "nuclear"),
            files=(path,),
        )
    used = {path for pair in pairs for path in pair}
    for path in walk(source):
        if path not in used and (is_image(path) or path.suffix.lower() == ".geojson"):
            yield Left(name=below(source, path), reason="an image or a .geojson file alone")


def _pairs(source: Path) -> list[tuple[Path, Path]]:
    files = walk(source)
    names = {path for path in files if path.suffix.lower() == ".geojson"}
    found = []
    for image in filter(is_image, files):
        for path in (image.with_suffix(".geojson"), image.with_name(f"{image.name}.geojson")):
            if path in names:
                found.append((image, path))
                break
    return found


def _draw(path: Path, nuclei: bool, size: tuple[int, int]) -> Truth:
    features = _features(path)
    kinds = [str((one.get("properties") or {}).get("objectType", "")) for one in features]
    has_cells = any(kind in CELLS for kind in kinds)
    cells, others = [], 0
    for number, (feature, kind) in enumerate(zip(features, kinds, strict=True)):
        if has_cells and kind not in CELLS:
            continue
        geometry = feature.get("nucleusGeometry") if nuclei else feature.get("geometry")
        try:
            rings = _rings(geometry)
            if rings:
                cells.append(fill(size, rings))
            else:
                others += 1
        except (BadShape, ValueError, TypeError, KeyError, IndexError) as error:
            what = error.what if isinstance(error, BadShape) else str(error)
            raise LeftOut(f"{path.name}: feature {number} cannot be drawn: {what}") from error
    labels, remarks = stack_cells(size, cells)
    if others:
        remarks = (*remarks, f"{others} of {len(features)} objects have no area")
    return Truth(labels=labels, remarks=remarks)


def _features(path: Path) -> Sequence[Mapping[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise LeftOut(f"{path.name} cannot be read: {error}") from error
    if isinstance(document, dict):
        document = document.get("features", [document])
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise LeftOut(f"{path.name} is no list of GeoJSON features")
    return document


def _rings(geometry: Any) -> list[Any]:
    if not isinstance(geometry, dict):
        return []
    match geometry.get("type"):
        case "Polygon":
            polygons = [geometry["coordinates"]]
        case "MultiPolygon":
            polygons = geometry["coordinates"]
        case _:
            return []
    return [np.asarray(ring, np.float64)[:, :2] for polygon in polygons for ring in polygon]
