"""QuPath: a GeoJSON for each mask, whose features come in as detections with measurements."""

import json
import math
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from contract.files import write_text
from harness.datasets.exporters.measures import measures
from harness.datasets.exporters.outlines import Outline, Ring, outlines
from harness.datasets.exporters.segmented import Segmented

CLASS = {"name": "Cell", "color": [255, 225, 0]}
NAMES = {
    "area_px": "Area px^2",
    "area_um2": "Area µm^2",
    "diameter_px": "Diameter px",
    "diameter_um": "Diameter µm",
    "solidity": "Solidity",
    "mean_intensity_1": "Channel 1: Mean",
    "mean_intensity_2": "Channel 2: Mean",
    "mean_intensity_3": "Channel 3: Mean",
}
"""Columns of the table of cells, as QuPath would call these measurements."""


class Qupath:
    """<stem>.geojson; a detection is named after its cell's id."""

    CLAIMS: ClassVar[tuple[str, ...]] = ()

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        return (f"{stem}.geojson",)

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        lost, features = [], []
        rows = measures(one).to_dict("records")
        for outline, row in zip(outlines(one.numbered), rows, strict=True):
            features.append(_feature(outline, row, one.stem))
            if not outline.is_whole:
                lost.append(outline.id)
        document = {"type": "FeatureCollection", "features": features}
        text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        write_text(folder / f"{one.stem}.geojson", text + "\n")
        return lost

    def finish(self, folder: Path) -> None:
        pass


def _feature(outline: Outline, row: dict[Any, Any], stem: str) -> dict[str, Any]:
    polygons = [[_closed(ring) for ring in (piece.outer, *piece.holes)] for piece in outline.pieces]
    measured = {
        name: float(row[column])
        for column, name in NAMES.items()
        if column in row and math.isfinite(row[column])
    }
    return {
        "type": "Feature",
        # QuPath tells objects apart by it, so that the same cell keeps its own.
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"cellbench:{stem}:{outline.id}")),
        "geometry": {"type": "Polygon", "coordinates": polygons[0]}
        if len(polygons) == 1
        else {"type": "MultiPolygon", "coordinates": polygons},
        "properties": {
            "objectType": "detection",
            "name": str(outline.id),
            "classification": CLASS,
            "measurements": measured,
        },
    }


def _closed(ring: Ring) -> list[list[int]]:
    corners = ring.astype(int).tolist()
    return [*corners, corners[0]]
