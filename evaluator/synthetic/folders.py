"""Folders of real and of generated images with their masks, as this room reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from contract import (
    CallError,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
    list_images,
    list_labels,
    stem,
)
from contract.dataset import read_rows, read_split
from contract.guarded import read_image, read_mask
from contract.names import normal, some
from contract.pairing import pair_labels
from contract.samples import read_generated

TRAIN_PART, TEST_PART = "Training-labeled", "Tuning"
Grey = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer]
Use = Literal["train", "held_out"]

LOW, HIGH = 0.1, 99.9
"""Percentiles of an image that become 0 and 1, so that neither exposure nor bit depth counts."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What is in the two files of a pair."""

    pixels: npt.NDArray[np.generic]
    """H×W×3 as stored."""
    labels: Labels
    """H×W ids, 0 for the background."""

    @property
    def grey(self) -> Grey:
        """H×W in [0, 1]: the mean of the channels, stretched from LOW to HIGH percentile."""
        return stretched(self.pixels.astype(np.float64).mean(axis=2))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """An image with its label mask."""

    stem: str
    image: Path
    label: Path
    use: Use = "train"
    """Whether generators may have learnt from it."""
    method: str = ""
    """The generator that made it; "" of a real image."""

    def open(self) -> Opened:
        """Reads both files; raises CallError where their sizes differ or one cannot be read."""
        try:
            pixels, labels = read_image(self.image), read_mask(self.label)
        except (UnreadableImage, UnreadableMask, WrongMaskType) as error:
            raise CallError(
                f"{self.image} or its label cannot be read: {error.what}",
                do="look at the folder with `harness data check`, and take the pair out",
            ) from error
        if labels.shape != pixels.shape[:2]:
            raise CallError(
                f"{self.label} is {_size(labels)}, its image {_size(pixels)} pixels.",
                "the mask is that of another image",
                "look at the folder with `harness data check`, and take the pair out",
            )
        return Opened(pixels=pixels, labels=labels)


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The pairs of one side of the comparison."""

    root: Path
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()
    """Sentences about what is left out."""
    sequences: Mapping[str, tuple[str, int]] | None = None
    """Stem → sequence and frame, where sequences.csv says so."""

    def of(self, use: Use) -> tuple[Pair, ...]:
        """The pairs of one use."""
        return tuple(pair for pair in self.pairs if pair.use == use)


def stretched(grey: Grey) -> Grey:
    """H×W in [0, 1], of the values between the LOW and HIGH percentile; 0 without contrast."""
    low, high = np.percentile(grey, [LOW, HIGH])
    if high <= low:
        return np.zeros_like(grey)
    return np.asarray(np.clip((grey - low) / (high - low), 0, 1))


def read_folder(root: Path) -> Folder:
    """A training folder (images/, labels/) or a dataset in the challenge's layout.

    A training folder may hold split.csv, whose `val` images are held out of training, and
    generated.jsonl, whose lines name the method of each image. Of a dataset, Training-labeled is
    for training and Tuning held out. Raises CallError where there is no such folder or no pair.
    """
    if not root.is_dir():
        raise CallError(
            f"No folder {root}.",
            "the path has a typing error",
            "give a folder with images/ and labels/, or a dataset with Training-labeled/",
        )
    notes: list[str] = []
    if (root / TRAIN_PART / "images").is_dir():
        pairs = _pairs(root / TRAIN_PART, notes)
        if (root / TEST_PART / "images").is_dir():
            pairs += _pairs(root / TEST_PART, notes, use="held_out")
        sequences = _sequences(root / TRAIN_PART) | _sequences(root / TEST_PART)
    elif (root / "images").is_dir():
        pairs = _pairs(root, notes)
        sequences = _sequences(root)
    else:
        raise CallError(
            f"{root} holds neither images/ nor {TRAIN_PART}/images/.",
            "it is no training folder and no dataset",
            "give a folder with images/ and labels/, such as `harness generate` writes",
        )
    if not pairs:
        raise CallError(
            f"No image with a label in {root}.",
            "labels/ is missing, or no label is named <stem>_label.tiff",
            "check the names in images/ and labels/",
        )
    return Folder(root=root, pairs=tuple(pairs), notes=tuple(notes), sequences=sequences or None)


def _pairs(folder: Path, notes: list[str], use: Use = "train") -> list[Pair]:
    images = list_images(folder / "images")
    labels = list_labels(folder / "labels") if (folder / "labels").is_dir() else []
    found = pair_labels(images, labels).labels
    bare = [image.name for image in images if image.name not in found]
    if bare:
        notes.append(f"{folder}: left out without a label: {some(bare)}.")
    split = read_split(folder / "split.csv") if (folder / "split.csv").is_file() else {}
    held_out = {normal(stem(name)) for name, subset in split.items() if subset == "val"}
    methods = {normal(stem(one.image)): one.method for one in read_generated(folder)}
    return [
        Pair(
            stem=normal(stem(image.name)),
            image=image,
            label=found[image.name],
            use="held_out" if normal(stem(image.name)) in held_out else use,
            method=methods.get(normal(stem(image.name)), ""),
        )
        for image in images
        if image.name in found
    ]


def _sequences(folder: Path) -> dict[str, tuple[str, int]]:
    """Stem → sequence and frame of sequences.csv (image,sequence,frame); raises CallError."""
    path = folder / "sequences.csv"
    if not path.is_file():
        return {}
    try:
        return {
            normal(stem(row["image"])): (row["sequence"], int(row["frame"]))
            for row in read_rows(path)
        }
    except (KeyError, ValueError, TypeError) as error:
        raise CallError(
            f"{path} has a line that is no image,sequence,frame.",
            do="use the columns image, sequence and frame, with whole numbers in the last",
        ) from error


def by_stem(pairs: Sequence[Pair]) -> dict[str, Pair]:
    """The pairs by their stem."""
    return {pair.stem: pair for pair in pairs}


def _size(pixels: npt.NDArray[np.generic]) -> str:
    return f"{pixels.shape[0]}×{pixels.shape[1]}"
