"""COCO's annotations, LIVECell's among them: polygons, run lengths, crowds."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CallError
from harness.datasets.importers.files import below, is_image, needs, nothing, side_of, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth
from harness.datasets.shapes import places, stack_cells

Annotation = Mapping[str, Any]


def recognise(source: Path) -> str | None:
    """A JSON file that has images and annotations."""
    for path in _documents(source):
        with path.open(encoding="utf-8", errors="replace") as stream:
            head = stream.read(1 << 16)
        if '"images"' in head or '"annotations"' in head:
            return f"{below(source, path)} has images and annotations"
    return None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """The images that the JSON files name, looked for by name below the source.

    Files named after train, val and test are the split. Holes are those of run lengths; polygons
    of one cell are its pieces. A crowd, which is cells that nobody told apart, becomes the ignored
    region. Raises CallError for a file that is damaged, naming the place.
    """
    documents = {path: one for path in _documents(source) if (one := _read(path)) is not None}
    if not documents:
        raise nothing(source, "coco", "a JSON file with images and annotations")
    folder = source if source.is_dir() else source.parent
    files: dict[str, list[Path]] = defaultdict(list)
    for path in walk(folder):
        if is_image(path):
            files[path.name].append(path)
    for path, document in documents.items():
        own: dict[Any, list[Annotation]] = defaultdict(list)
        annotations = document["annotations"]
        for one in annotations.values() if isinstance(annotations, dict) else annotations:
            own[one.get("image_id")].append(one)
        for image in document["images"]:
            name = str(image.get("file_name", ""))
            found = [one for one in files[Path(name).name] if one.as_posix().endswith(name)]
            found = found or files[Path(name).name]
            if len(found) != 1:
                count = f"{len(found)} images are" if found else "no image is"
                yield Left(name=f"{path.name}: {name}", reason=f"{count} called so")
                continue
            yield Record(
                original=below(folder, found[0]),
                image=found[0],
                label=partial(_draw, own.get(image.get("id"), [])),
                files=(path,),
                side=side_of(path.stem),
            )


def _documents(source: Path) -> list[Path]:
    found = walk(source) if source.is_dir() else [source]
    return [path for path in found if path.suffix.lower() == ".json"]


def _read(path: Path) -> Mapping[str, Any] | None:
    """The document; None when it is JSON of another kind."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CallError(
            f"{path} cannot be read: {error}.", "the download was cut off", "fetch it again"
        ) from error
    if not isinstance(document, dict) or not {"images", "annotations"} <= document.keys():
        return None
    for kind in ("images", "annotations"):
        rows = document[kind].values() if isinstance(document[kind], dict) else document[kind]
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                raise CallError(f"{path}: {kind}[{number}] is no object.", "it is damaged")
    if isinstance(document["images"], dict):
        document["images"] = list(document["images"].values())
    return document


def _draw(annotations: Sequence[Annotation], size: tuple[int, int]) -> Truth:
    ignore = np.zeros(size, np.bool_)
    for one in annotations:
        if one.get("iscrowd"):
            ignore |= _mask(one, size)
    cells = (places(_mask(one, size)) for one in annotations if not one.get("iscrowd"))
    labels, remarks = stack_cells(size, cells)
    return Truth(labels=labels, ignore=ignore & (labels == 0), remarks=remarks)


def _mask(annotation: Annotation, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
    mask = needs("pycocotools.mask", "coco")
    shape, where = annotation.get("segmentation"), f"annotation {annotation.get('id')}"
    try:
        if isinstance(shape, list):
            rings = [shape] if shape and isinstance(shape[0], int | float) else shape
            if not rings or any(len(ring) < 6 or len(ring) % 2 for ring in rings):
                raise LeftOut(f"{where}: a polygon needs three corners of two coordinates")
            encoded = mask.merge(mask.frPyObjects(rings, *size))
        elif isinstance(shape, dict) and list(shape["size"]) != list(size):
            raise LeftOut(f"{where}: run lengths of {shape['size']}, not of {list(size)} pixels")
        elif isinstance(shape, dict) and isinstance(shape["counts"], list):
            if sum(shape["counts"]) != size[0] * size[1] or min(shape["counts"]) < 0:
                raise LeftOut(f"{where}: run lengths do not fill the image")
            encoded = mask.frPyObjects(shape, *size)
        elif isinstance(shape, dict):
            encoded = {"size": list(size), "counts": shape["counts"].encode()}
        else:
            raise LeftOut(f"{where} has no outline")
        return np.asarray(mask.decode(encoded)).view(np.bool_)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise LeftOut(f"{where} cannot be drawn: {error}") from error
