"""ImageJ: a zip of regions of interest for each mask, which Fiji's ROI Manager opens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from contract import CellbenchError
from contract.files import write_aside
from harness.datasets.exporters.outlines import Outline, Ring, outlines
from harness.datasets.exporters.segmented import Segmented, library

LARGEST = 60_535
"""The highest coordinate that ImageJ's format has; more would be taken as below 0."""
MOVE, LINE, CLOSE = 0.0, 1.0, 4.0
"""The steps of a path in ImageJ's format, which are those of java.awt.geom.PathIterator."""


class Imagej:
    """<stem>.zip; a region is named after its cell's id.

    A cell of one piece without holes is a polygon, any other one a composite. Corners lie on whole
    numbers, since ImageJ counts from the corner of the first pixel: nothing is rounded.
    """

    CLAIMS: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._roifile = library("roifile", "imagej")

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        return (f"{stem}.zip",)

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        if max(one.labels.shape) > LARGEST:
            raise CellbenchError(
                f"ImageJ's regions reach as far as pixel {LARGEST}, this mask has"
                f" {one.labels.shape[0]}×{one.labels.shape[1]}",
            )
        lost, regions = [], []
        for outline in outlines(one.numbered):
            regions.append(self._region(outline))
            if not outline.is_whole:
                lost.append(outline.id)
        write_aside(
            folder / f"{one.stem}.zip",
            lambda aside: self._roifile.roiwrite(aside, regions, mode="w"),
        )
        return lost

    def finish(self, folder: Path) -> None:
        pass

    def _region(self, outline: Outline) -> Any:
        name = f"{outline.id}"
        first = outline.pieces[0]
        if len(outline.pieces) == 1 and not first.holes:
            region = self._roifile.ImagejRoi.frompoints(first.outer.astype(np.int32), name=name)
            region.roitype = self._roifile.ROI_TYPE.POLYGON
            # ImageJ's box ends where the last pixel does; roifile's is one further.
            region.right -= 1
            region.bottom -= 1
            return region
        rings = [ring for piece in outline.pieces for ring in (piece.outer, *piece.holes)]
        path = np.concatenate([_path(ring) for ring in rings]).astype(np.float32)
        corners = np.concatenate(rings)
        left, top = corners.min(axis=0).astype(int)
        right, bottom = corners.max(axis=0).astype(int)
        region = self._roifile.ImagejRoi()
        region.name = name
        region.roitype = self._roifile.ROI_TYPE.RECT
        region.left, region.top, region.right, region.bottom = left, top, right, bottom
        region.shape_roi_size = len(path)
        region.multi_coordinates = path
        return region


def _path(ring: Ring) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    steps = np.full((len(ring), 3), LINE)
    steps[0, 0] = MOVE
    steps[:, 1:] = ring
    return np.append(steps.ravel(), CLOSE)
