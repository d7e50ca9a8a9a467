"""What an importer says of a dataset: records that are read one at a time, and what is left out."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Side = Literal["train", "test"]
Planes = Literal["max", "middle", "each"]
Labels = npt.NDArray[np.integer[Any]]
Pixels = npt.NDArray[np.generic]


class LeftOut(Exception):
    """Why an image, or a file, is not imported; the text is a sentence for people."""


@dataclass(frozen=True, kw_only=True)
class Left:
    """Something that was left out; `name` is its path below the source."""

    name: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The labels of one image."""

    labels: Labels
    """H×W ids, 0 for background; Z×H×W for a stack."""
    ignore: npt.NDArray[np.bool_] | None = None
    """H×W: where nothing was decided."""
    labelling: str = ""
    """"sparse" where only some of the cells are labelled."""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Record:
    """One image with its labels, neither of them read yet."""

    original: str
    """Path below the source, unique; the imported file is named after it."""
    image: Path | Callable[[], Pixels]
    """A file, which is imported as it is, or what reads H×W or H×W×channels."""
    label: Path | Callable[[tuple[int, int]], Truth]
    """A label mask, or what draws one for an image of this height and width. Raises LeftOut."""
    files: tuple[Path, ...] = ()
    """What the record is made of: when one of them changes it is imported anew."""
    plane: int | None = None
    """Which plane of a stack this is."""
    side: Side | None = None
    """Of the layout's own split, if it has one."""
    group: str = ""
    sequence: str = ""
    frame: int | None = None
    source: str = ""
    modality: str = ""
    licence: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Further columns of the manifest."""


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a caller may say of the source."""

    images: str | None = None
    """Pattern of the images' paths, {} standing for what an image and its mask share."""
    masks: str | None = None
    target: str | None = None
    """Which of several truths."""


class Importer(Protocol):
    """A module that reads one format."""

    def recognise(self, source: Path) -> str | None:
        """Why this folder or file is of the format, as a clause; None when it is not."""
        ...

    def records(self, source: Path, choices: Choices) -> Iterator[Record | Left]:
        """All images in a fixed order. Raises CallError when the source is not of the format."""
        ...
