"""COCO: one JSON for all masks, each cell as the run lengths of its pixels."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from contract.files import write_json
from harness.datasets.exporters.segmented import Segmented, library

NAME = "annotations.json"


class Coco:
    """annotations.json; `mask_id` of an annotation is the id that the cell has in its mask."""

    CLAIMS: ClassVar[tuple[str, ...]] = (NAME,)

    def __init__(self) -> None:
        self._codec = library("pycocotools.mask", "coco")
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        return ()

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        height, width = one.labels.shape
        image_id = len(self._images) + 1
        self._images.append(
            {"id": image_id, "file_name": one.image_name, "height": height, "width": width}
        )
        lost = []
        for cell_id, counts in _run_lengths(one):
            coded = self._codec.frPyObjects(
                {"counts": counts, "size": [height, width]}, height, width
            )
            pixels = int(sum(counts[1::2]))
            if int(self._codec.area(coded)) != pixels:
                lost.append(cell_id)
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "mask_id": cell_id,
                    "segmentation": {
                        "size": [height, width],
                        "counts": coded["counts"].decode("ascii"),
                    },
                    "area": pixels,
                    "bbox": self._codec.toBbox(coded).tolist(),
                    "iscrowd": 0,
                }
            )
        return lost

    def finish(self, folder: Path) -> None:
        write_json(
            folder / NAME,
            {
                "info": {"description": "instance masks written by cellbench"},
                "images": self._images,
                "annotations": self._annotations,
                "categories": [{"id": 1, "name": "cell"}],
            },
        )


def _run_lengths(one: Segmented) -> Iterator[tuple[int, list[int]]]:
    """Id and run lengths of each cell: pixels outside and inside it in turn, column by column."""
    ids, places = one.numbered
    flat = places.ravel(order="F")
    starts = np.flatnonzero(np.concatenate(([True], flat[1:] != flat[:-1])))
    ends = np.append(starts[1:], flat.size)
    inside = flat[starts] != 0
    starts, ends = starts[inside], ends[inside]
    order = np.argsort(flat[starts], kind="stable")
    cell_of = flat[starts][order]
    first = np.searchsorted(cell_of, np.arange(1, len(ids) + 2))
    bounds = np.stack([starts[order], ends[order]], axis=1)
    for number, cell_id in enumerate(ids.tolist()):
        edges = bounds[first[number] : first[number + 1]].ravel()
        yield cell_id, np.diff(edges, prepend=0, append=flat.size).tolist()
