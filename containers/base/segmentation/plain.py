"""Labelled images as they are, for packages that bring their own preparation and training."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from containers.base.segmentation.targets import compact
from contract import (
    CallError,
    TrainPair,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
    read_image,
    read_mask,
    sha256_file,
)
from contract.schema import Subset


@dataclass(frozen=True, kw_only=True)
class Plain:
    """The images and labels of one subset, in one order."""

    images: list[np.ndarray]
    """Each H×W×3, uint8, uint16 or float32, not normalised."""
    labels: list[np.ndarray]
    """Each H×W int32, ids 0..n."""


def read_plain(pairs: Sequence[TrainPair], subset: Subset) -> Plain:
    """Reads the pairs of one subset.

    Those that cannot be used are left out and named on stderr. Raises CallError when the training
    images hold no cell.
    """
    found = Plain(images=[], labels=[])
    for pair in pairs:
        if pair.subset != subset:
            continue
        try:
            pixels, labels = read_image(pair.image), read_mask(pair.label)
        except (UnreadableImage, UnreadableMask, WrongMaskType) as error:
            print(f"warning: {pair.image.name} is left out: {error}", file=sys.stderr)
            continue
        if pixels.shape[:2] != labels.shape:
            print(
                f"warning: {pair.image.name} is left out: image is {pixels.shape[:2]}, label is"
                f" {labels.shape}",
                file=sys.stderr,
            )
            continue
        found.images.append(pixels)
        found.labels.append(compact(labels))
    if subset == "train" and not any(labels.any() for labels in found.labels):
        raise CallError(
            "No training image has a labelled cell.",
            why="the label files are empty, or belong to other images",
            do="look at a label file: background must be 0 and each cell have its own id",
        )
    return found


def origin(checkpoint: str | None) -> str:
    """What training.json says of the weights that a training starts from, given by path."""
    if checkpoint is None:
        return "none"
    path = Path(checkpoint)
    return f"{path.name}, sha256 {sha256_file(path)}, under its maker's licence"


def foreign(file: Path) -> str:
    """A note to people about weights that were not trained here."""
    return (
        f"note: {file.name}, sha256 {sha256_file(file)}, was not trained here; its licence is its"
        " maker's"
    )
