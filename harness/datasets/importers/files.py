"""What several importers need: listing files, pairing by name, naming sides, loading libraries."""

import importlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract import CallError
from contract.names import IMAGE_SUFFIXES
from harness.datasets.importers.record import Side

SIDES: Mapping[str, Side] = {
    "train": "train",
    "training": "train",
    "val": "train",
    "valid": "train",
    "validation": "train",
    "test": "test",
    "testing": "test",
    "tuning": "test",
}
"""Words for the parts of a published split; what is kept for validation may be trained on here."""


def walk(source: Path) -> list[Path]:
    """All files below a folder in the order of their names; hidden ones are passed over."""
    found = []
    for folder, folders, names in os.walk(source):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and name != "__MACOSX"
        )
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: path.relative_to(source).as_posix())


def is_image(path: Path) -> bool:
    """Whether the suffix is one of an image that the benchmark reads."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def below(source: Path, path: Path) -> str:
    """The path below the source, with slashes."""
    return path.relative_to(source).as_posix() if path != source else path.name


def side_of(name: str) -> Side | None:
    """The side that a folder or file is named after, as in "livecell_coco_train.json"."""
    words = [SIDES[word] for word in re.split(r"[^a-z]+", name.lower()) if word in SIDES]
    return words[-1] if words else None


def needs(module: str, format_name: str) -> Any:
    """A library of the extra `formats`, loaded when it is needed first.

    Raises CallError, naming the extra, when it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise CallError(
            f"The format {format_name} needs the package {module.partition('.')[0]}.",
            f"it is not installed with cellbench itself ({error})",
            "pip install 'cellbench[formats]'",
        ) from error


def nothing(source: Path, format_name: str, expected: str) -> CallError:
    """The refusal of a source in which a format finds none of its files."""
    return CallError(
        f"{source} holds no {format_name} dataset.",
        f"expected is {expected}",
        "give the folder that directly holds this, or name another format",
    )
