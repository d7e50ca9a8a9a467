"""OME-Zarr 0.4: the image with a labels group, both as pyramids."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from contract.files import ASIDE
from harness.datasets.exporters.segmented import Segmented, library

SMALLEST = 256
"""Pixels; the pyramid ends with a level that is no longer than this."""
TILE = 512
VERSION = "0.4"
LABELS = "cells"


class OmeZarr:
    """<stem>.ome.zarr; its ids lie in labels/cells, in the smaller of uint16 and uint32.

    Without an image the ids stand in the image's place as well, since labels belong to an image.
    """

    CLAIMS: ClassVar[tuple[str, ...]] = ()

    def __init__(self) -> None:
        self._writer = library("ome_zarr.writer", "ome-zarr")
        self._format = library("ome_zarr.format", "ome-zarr").format_from_version(VERSION)
        self._zarr = library("zarr", "ome-zarr")

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        return (f"{stem}.ome.zarr/",)

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        place = folder / f"{one.stem}.ome.zarr"
        aside = folder / f"{ASIDE}{place.name}"
        shutil.rmtree(aside, ignore_errors=True)
        try:
            self._write(one, aside)
            shutil.rmtree(place, ignore_errors=True)
            aside.replace(place)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        return ()

    def finish(self, folder: Path) -> None:
        pass

    def _write(self, one: Segmented, place: Path) -> None:
        group = self._zarr.open_group(str(place), mode="w", zarr_format=2)
        labels = one.small_labels
        size = one.pixel_size_um
        units = {"y": "micrometer", "x": "micrometer"} if size else None
        scale = {"y": size or 1.0, "x": size or 1.0}
        factors = _factors(labels.shape)
        common: dict[str, Any] = {"fmt": self._format, "axes_units": units}
        if one.picture is None:
            self._writer.write_image(
                labels, group, factors, axes=["y", "x"], scale=scale, method="nearest",
                storage_options=_chunks(labels), **common,
            )  # fmt: skip
        else:
            picture = np.moveaxis(one.picture, -1, 0)
            self._writer.write_image(
                picture, group, factors, axes=["c", "y", "x"], scale={"c": 1.0, **scale},
                storage_options=_chunks(picture), **common,
            )  # fmt: skip
        self._writer.write_labels(
            labels, group, LABELS, scaler=None, scale_factors=factors, axes=["y", "x"],
            scale=scale, storage_options=_chunks(labels), **common,
        )  # fmt: skip


def _factors(shape: tuple[int, ...]) -> list[int]:
    """2, 4, 8 … up to the first level that is small enough."""
    factors: list[int] = []
    while max(shape) / 2 ** len(factors) > SMALLEST and min(shape) // 2 ** (len(factors) + 1):
        factors.append(2 ** (len(factors) + 1))
    return factors


def _chunks(array: npt.NDArray[Any]) -> dict[str, Any]:
    return {"chunks": (*(1,) * (array.ndim - 2), *(min(TILE, side) for side in array.shape[-2:]))}
