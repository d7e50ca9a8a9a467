"""What every format is written from: a mask, its cells numbered, and its image."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from contract import CallError

LOOKED_UP = 2**26
"""Ids up to here are found through a table of all smaller ones."""
EXTRA = "formats"


class Numbered(NamedTuple):
    """The cells of a mask as 1 to n, in the order of their ids."""

    ids: npt.NDArray[np.integer]
    """(n,) the ids in the mask, sorted, 0 left out."""
    places: npt.NDArray[np.int32]
    """H×W, 0 for background, k where the mask holds `ids[k - 1]`."""


@dataclass(frozen=True, kw_only=True)
class Segmented:
    """One mask that was read, and what belongs to it."""

    stem: str
    mask: Path
    labels: npt.NDArray[np.integer]
    """H×W ids, 0 for background."""
    image: Path | None = None
    picture: npt.NDArray[np.generic] | None = None
    """H×W×3, as `contract.read_image` gives it; None without an image that can be read."""
    pixel_size_um: float | None = None
    """Micrometres a pixel; None when nobody knows."""

    @property
    def image_name(self) -> str:
        """The file name of the image; that of the mask when there is none."""
        return (self.image or self.mask).name

    @cached_property
    def numbered(self) -> Numbered:
        """The cells as 1 to n: ids may be as large as they like, and libraries count up to them."""
        labels = self.labels
        highest = int(labels.max()) if labels.size else 0
        if highest <= LOOKED_UP:
            present = np.zeros(highest + 1, bool)
            present[labels.ravel()] = True
            present[0] = False
            place = np.cumsum(present, dtype=np.int32)
            place[~present] = 0
            return Numbered(np.flatnonzero(present), place[labels])
        ids, places = np.unique(labels, return_inverse=True)
        first = 0 if ids[0] == 0 else 1
        numbers = (places.reshape(labels.shape) + first).astype(np.int32)
        return Numbered(ids[ids != 0], numbers)

    @cached_property
    def small_labels(self) -> npt.NDArray[np.integer]:
        """H×W uint16, or uint32 where the ids need it; ids above 2³²−1 are numbered 1 to n."""
        labels = self.labels
        if labels.size and int(labels.max()) >= 2**32:
            labels = self.numbered.places
        wide = labels.size and int(labels.max()) >= 2**16
        return labels.astype(np.uint32 if wide else np.uint16)


class Exporter(Protocol):
    """Writes the masks of one call in one format, each as it comes, and what they share at the end.

    `CLAIMS` are the names of the files that all masks share. Making one loads its libraries.
    """

    CLAIMS: ClassVar[tuple[str, ...]]

    def names(self, stem: str, image: str | None) -> tuple[str, ...]:
        """The files that one mask becomes, the folders among them with a slash at the end."""
        ...

    def write(self, one: Segmented, folder: Path) -> Sequence[int]:
        """Writes one mask; returns the ids of cells that the format could not hold."""
        ...

    def finish(self, folder: Path) -> None:
        """Writes what all masks share."""
        ...


def library(name: str, form: str) -> Any:
    """A library of the extra `formats`; CallError when it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CallError(
            f"The format {form} needs the package {name.partition('.')[0].replace('_', '-')},"
            " which cannot be loaded.",
            str(error),
            f"install it: pip install 'cellbench[{EXTRA}]'",
        ) from error
