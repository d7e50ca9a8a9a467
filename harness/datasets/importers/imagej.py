"""ImageJ's and Fiji's ROIs: a .zip or .roi file beside each image."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from harness.datasets.importers.files import below, is_image, needs, nothing, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth
from harness.datasets.shapes import BadShape, fill, stack_cells

AREAS = ("RECT", "OVAL", "POLYGON", "FREEHAND", "TRACED")
ENDINGS = ("_RoiSet", "_rois", "-RoiSet", "_ROIs")


def recognise(source: Path) -> str | None:
    """A .roi file, or a .zip file named after an image."""
    found = next(iter(_pairs(source)), None) if source.is_dir() else None
    return f"{below(source, found[1])} lies beside {found[0].name}" if found else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """<name>.zip, <name>_RoiSet.zip, RoiSet_<name>.zip or <name>.roi beside the image <name>.

    Each ROI with an area is a cell; its holes stay. Lines, points and texts are counted and left.
    Raises CallError when there is no such pair.
    """
    pairs = _pairs(source)
    if not pairs:
        raise nothing(source, "imagej", "<name>.zip, <name>_RoiSet.zip or <name>.roi beside images")
    for image, rois in pairs:
        yield Record(
            original=below(source, image), image=image, label=partial(_draw, rois), files=(rois,)
        )
    images = {image for image, _ in pairs}
    for path in walk(source):
        if is_image(path) and path not in images:
            yield Left(name=below(source, path), reason="no ROIs")
    used = {rois for _, rois in pairs}
    for path in walk(source):
        if path.suffix.lower() in (".roi", ".zip") and path not in used:
            yield Left(name=below(source, path), reason="ROIs without an image, or several")


def _pairs(source: Path) -> list[tuple[Path, Path]]:
    files = walk(source)
    names = {path for path in files if path.suffix.lower() in (".roi", ".zip")}
    found = []
    for image in filter(is_image, files):
        wanted = [image.with_name(f"{image.stem}{end}.zip") for end in ("", *ENDINGS)]
        wanted += [image.with_name(f"RoiSet_{image.stem}.zip"), image.with_suffix(".roi")]
        rois = next((path for path in wanted if path in names), None)
        if rois is not None:
            found.append((image, rois))
    return found


def _draw(path: Path, size: tuple[int, int]) -> Truth:
    roifile = needs("roifile", "imagej")
    try:
        rois = roifile.roiread(path)
    except Exception as error:  # a damaged file may fail in any way
        raise LeftOut(f"{path.name}: the ROIs cannot be read: {error}") from error
    rois = rois if isinstance(rois, list) else [rois]
    cells, others = [], 0
    for roi in rois:
        if roi.roitype.name not in AREAS:
            others += 1
            continue
        try:
            rings = [np.asarray(ring, np.float64) for ring in roi.coordinates(multi=True)]
            cells.append(fill(size, [ring for ring in rings if len(ring) > 2]))
        except (BadShape, ValueError, TypeError) as error:
            raise LeftOut(f"{path.name}: the ROI {roi.name} cannot be drawn: {error}") from error
    if not cells and others:
        raise LeftOut(f"{path.name}: none of {others} ROIs has an area")
    labels, remarks = stack_cells(size, cells)
    if others:
        remarks = (*remarks, f"{others} of {len(rois)} ROIs have no area")
    return Truth(labels=labels, remarks=remarks)
