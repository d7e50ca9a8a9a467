"""napari: label TIFFs that open as labels layers, and a script that opens them over the images."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from contract.files import write_aside, write_text
from harness.datasets.exporters.segmented import Segmented

SCRIPT = "open_in_napari.py"


class Napari:
    """<stem>_labels.tif, uint32, a copy of the image where there is one, and open_in_napari.py.

    napari opens files of 32 and 64-bit integers as labels and smaller ones as images; the script
    also sets the layers' scale where the pixel size is known.
    """

    CLAIMS: ClassVar[tuple[str, ...]] = (SCRIPT,)

    def __init__(self) -> None:
        self._layers: list[dict[str, Any]] = []

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        return (f"{stem}_labels.tif", *((image,) if image else ()))

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        import tifffile

        image = one.image
        if image is not None:
            write_aside(folder / image.name, lambda aside: shutil.copyfile(image, aside))
        labels = one.small_labels.astype(np.uint32, copy=False)
        name = f"{one.stem}_labels.tif"
        write_aside(
            folder / name,
            lambda aside: tifffile.imwrite(
                aside, labels, compression="zlib", photometric="minisblack"
            ),
        )
        self._layers.append(
            {
                "labels": name,
                "image": image.name if image else "",
                "pixel_size_um": one.pixel_size_um or 0,
            }
        )
        return ()

    def finish(self, folder: Path) -> None:
        layers = json.dumps(self._layers, indent=4)
        write_text(folder / SCRIPT, PROGRAM.replace("LAYERS_OF_THIS_FOLDER", layers))


PROGRAM = '''"""Opens the masks of this folder in napari: python open_in_napari.py [NAME ...]"""

import sys
from pathlib import Path

import napari

LAYERS = LAYERS_OF_THIS_FOLDER

viewer = napari.Viewer()
here = Path(__file__).parent
for number, layer in enumerate(LAYERS):
    if sys.argv[1:] and not any(name in layer["labels"] for name in sys.argv[1:]):
        continue
    size = layer["pixel_size_um"] or 1
    shown = {"visible": bool(sys.argv[1:]) or number == 0, "scale": (size, size)}
    if layer["image"]:
        viewer.open(here / layer["image"], layer_type="image", plugin="napari", **shown)
    viewer.open(here / layer["labels"], layer_type="labels", plugin="napari", **shown)
    if layer["pixel_size_um"]:
        viewer.scale_bar.visible, viewer.scale_bar.unit = True, "um"
napari.run()
'''
