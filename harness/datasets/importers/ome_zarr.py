"""OME-Zarr images with labels groups."""

import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CallError
from harness.datasets.importers.files import below, needs, nothing
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth


def recognise(source: Path) -> str | None:
    """A group with multiscales that has a folder labels/."""
    found = next((path for path in _images(source) if (path / "labels").is_dir()), None)
    return f"{below(source, found)} is an OME-Zarr image with labels" if found else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """Every image below the source with one of its labels, both in full resolution.

    Of several labels target names the one. Images with more than one time or plane are left out.
    Raises CallError when there is no image.
    """
    images = _images(source)
    if not images:
        raise nothing(source, "OME-Zarr", "groups with multiscales")
    for path in images:
        name = below(source, path)
        labels = sorted(one.parent for one in (path / "labels").glob("*/*") if _is_meta(one))
        labels = list(dict.fromkeys(labels))
        wanted = [one for one in labels if choices.target in (None, one.name)]
        if len(wanted) != 1:
            found = ", ".join(one.name for one in labels) or "none"
            yield Left(name=name, reason=f"--target must name one of its labels: {found}")
            continue
        yield Record(
            original=name,
            image=partial(_pixels, path),
            label=partial(_labels, wanted[0]),
            files=(*_metadata(path), *_metadata(wanted[0])),
            columns={"truth": wanted[0].name},
        )


def _images(source: Path) -> list[Path]:
    if not source.is_dir():
        return []
    found = {path.parent for kind in (".zattrs", "zarr.json") for path in source.rglob(kind)}
    return sorted(
        path for path in found if "labels" not in path.parts and _multiscales(path) is not None
    )


def _is_meta(path: Path) -> bool:
    return path.name in (".zattrs", "zarr.json")


def _metadata(path: Path) -> tuple[Path, ...]:
    return tuple(one for one in (path / ".zattrs", path / "zarr.json") if one.is_file())


def _multiscales(path: Path) -> Mapping[str, Any] | None:
    for file in _metadata(path):
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise CallError(f"{file} cannot be read: {error}.", "it is damaged") from error
        document = document.get("attributes", document)
        scales = document.get("ome", document).get("multiscales")
        if scales:
            return dict(scales[0])
    return None


def _plane(path: Path) -> tuple[npt.NDArray[Any], str]:
    """The first level without its axes of length 1 but Y and X, and the axes that are left."""
    zarr = needs("zarr", "ome-zarr")
    scales = _multiscales(path)
    try:
        if scales is None:
            raise LeftOut(f"{path.name} has no multiscales")
        values = np.asarray(zarr.open_array(path / scales["datasets"][0]["path"], mode="r"))
        axes = [axis["name"] if isinstance(axis, dict) else axis for axis in scales["axes"]]
    except LeftOut:
        raise
    except Exception as error:  # a damaged store may fail in any way
        raise LeftOut(f"{path.name} cannot be read: {error}") from error
    text = "".join(axes).lower()
    for axis in "tzc":
        if axis in text and values.shape[text.index(axis)] == 1:
            values = values.squeeze(text.index(axis))
            text = text.replace(axis, "")
    return values, text


def _pixels(path: Path) -> npt.NDArray[np.generic]:
    values, axes = _plane(path)
    match axes:
        case "yx":
            return values
        case "cyx":
            return np.moveaxis(values, 0, -1)
        case _:
            raise LeftOut(f"axes {axes} of shape {values.shape}: not one 2-D image")


def _labels(path: Path, size: tuple[int, int]) -> Truth:
    values, axes = _plane(path)
    if axes != "yx" or values.dtype.kind not in "iu" or values.min() < 0:
        raise LeftOut(f"labels/{path.name} is {values.dtype} {axes}, not one plane of ids")
    return Truth(labels=values)
