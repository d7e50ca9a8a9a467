"""What exporting, importing takes and loses: `python -m tests.benchmarks.formats [MASKS [IMAGES]]`.

Without a folder 101 images of 1024² with round cells are made. Masks are read back by other
implementations (see `tests.exported`), which takes longer than writing them.
"""

import argparse
import contextlib
import io
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile

from contract import list_labels, read_mask, write_mask
from contract.names import label_stem
from harness.datasets.exporters.formats import FORMATS
from harness.datasets.importers.importing import Call, import_dataset
from harness.models.provenance import hardware
from harness.work.exporting import export_masks, find_masks
from tests.exported import READERS
from tests.unit.harness_items import Heard

SIDE, IMAGES, PITCH = 1024, 101, 36
IMPORTED = ("imagej", "qupath", "coco", "ome-zarr", "cellpose")


def main() -> None:
    """Exports, compares and prints a line for each format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("masks", type=Path, nargs="?")
    parser.add_argument("images", type=Path, nargs="?")
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--count", type=int, default=IMAGES, help="how many are made")
    parser.add_argument("--no-reading", action="store_true", help="only time the export")
    asked = parser.parse_args()
    machine = hardware()
    print(f"machine: {machine.cpu}, {machine.cores} cores")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        masks, images = (asked.masks, asked.images) if asked.masks else make(place, asked.count)
        for form in asked.formats.split(","):
            wall, cpu = time.perf_counter(), time.process_time()
            export_masks(find_masks(masks, images, None, 0), place / "out", [form], Heard())
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            count = len(list_labels(masks))
            print(f"| {form} | {count / wall:.2f} images/s | {cpu / count:.3f} CPU s an image |")
            if form in IMPORTED:
                print(f"| {form}, import | {imported(place, images, form)} |", flush=True)
        if not asked.no_reading:
            print("| format | cells | cells gone | least IoU | pixels that differ |")
            for form in READERS:
                if form in asked.formats.split(","):
                    print(f"| {form} | {losses(masks, place / 'out' / form, form)} |", flush=True)


def imported(place: Path, images: Path, form: str) -> str:
    """Images a second of an import of what was exported, the images beside it."""
    source = place / "out" / form
    if form not in ("ome-zarr", "cellpose"):
        for image in images.iterdir():
            (source / image.name).hardlink_to(image)
    call = Call(format_name=form, source=source, folder=place / f"in-{form}", share=1)
    wall = time.perf_counter()
    count = sum(import_dataset(call, progress=lambda *_: None, say=print).images.values())
    return f"{count / (time.perf_counter() - wall):.2f} images/s"


def make(place: Path, count: int) -> tuple[Path, Path]:
    """Masks of 784 discs each, and noise for images."""
    rng = np.random.default_rng(0)
    masks, images = place / "masks", place / "images"
    images.mkdir()
    y, x = np.mgrid[:SIDE, :SIDE]
    cells = SIDE // PITCH
    inside = np.hypot(y % PITCH - PITCH / 2, x % PITCH - PITCH / 2) < PITCH * 0.4
    inside &= (y < cells * PITCH) & (x < cells * PITCH)
    labels = np.where(inside, y // PITCH * cells + x // PITCH + 1, 0)
    for number in range(count):
        write_mask(masks / f"i{number:03}_label.tiff", labels)
        noise = rng.integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
        tifffile.imwrite(images / f"i{number:03}.tif", noise)
    return masks, images


def losses(masks: Path, folder: Path, form: str) -> str:
    """Cells, cells that are gone, the least IoU of a cell and pixels that differ."""
    cells = gone = pixels = 0
    least = 1.0
    for path in list_labels(masks):
        labels = read_mask(path)
        with contextlib.redirect_stdout(io.StringIO()):
            back = READERS[form](folder, label_stem(path.name), labels.shape)
        pixels += int(np.count_nonzero(back != labels))
        ids, areas = np.unique(labels[labels > 0], return_counts=True)
        cells += len(ids)
        same = dict(zip(*np.unique(back[(back == labels) & (labels > 0)], return_counts=True),
                        strict=True))  # fmt: skip
        found = dict(zip(*np.unique(back, return_counts=True), strict=True))
        for cell, area in zip(ids, areas, strict=True):
            both = same.get(cell, 0)
            gone += both == 0
            least = min(least, both / (area + found.get(cell, 0) - both))
    return f"{cells} | {gone} | {least:.4f} | {pixels}"


if __name__ == "__main__":
    main()
