"""A dataset in the challenge's layout: pairs of images and labels, faults, split and hash."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract import (
    CallError,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
    label_stem,
    list_images,
    list_labels,
    read_mask,
    read_size,
    refuse_shared_stems,
    sha256_file,
    sha256_json,
    stem,
)
from contract.dataset import draw_split, read_rows
from contract.schema import Subset
from evaluator.runs.records import Fault

TRAIN_PART = "Training-labeled"
TEST_PART = "Tuning"
SPLIT_SEED = 0
"""The split is the same for every model and seed, so that seeds differ in training alone."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One image with its label; `strata` are the manifest's further columns."""

    image: Path
    label: Path
    image_sha256: str
    label_sha256: str
    strata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The image's file name."""
        return self.image.name


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The usable pairs of a folder, and what was wrong with the others."""

    root: Path
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    faults: tuple[Fault, ...]

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def train_sha256(self) -> str:
        """Hash of the training pairs' names and contents."""
        return _pairs_sha256(self.train)

    @property
    def test_images_sha256(self) -> str:
        """Hash of the test images' names and contents."""
        return sha256_json([[pair.name, pair.image_sha256] for pair in self.test])

    @property
    def test_sha256(self) -> str:
        """Hash of the test pairs' names and contents."""
        return _pairs_sha256(self.test)

    @property
    def sha256(self) -> str:
        """Hash of both parts."""
        return sha256_json([self.train_sha256, self.test_sha256])


def load_dataset(root: Path) -> Dataset:
    """Reads `root`/Training-labeled and `root`/Tuning, each with images/ and labels/.

    Every label is opened and compared with its image's size. What is wrong with single images
    is collected in `faults`; such images are left out for all models alike. An image that cannot
    be decoded is no fault of the dataset as long as its label is fine: models are given it, and
    it counts.

    Raises CallError when the folder is missing, when two images share a stem, or when no pair
    to test on is left.
    """
    if not root.is_dir():
        raise CallError(
            f"No dataset folder {root}.",
            "the path has a typing error",
            "give a folder with Training-labeled/ and Tuning/, each with images/ and labels/",
        )
    train, train_faults = _read_part(root, TRAIN_PART)
    test, test_faults = _read_part(root, TEST_PART)
    faults = (*train_faults, *test_faults)
    if not test:
        examples = "; ".join(f"{fault.image}: {fault.reason}" for fault in faults[:3])
        raise CallError(
            f"No usable image with a label in {root / TEST_PART}.",
            examples or f"{root / TEST_PART}/images or /labels is missing or empty",
            "put images into Tuning/images and their masks, named <stem>_label.tiff,"
            " into Tuning/labels",
        )
    return Dataset(root=root.resolve(), train=train, test=test, faults=faults)


def split_training(pairs: Sequence[Pair]) -> dict[str, Subset]:
    """Nine in ten training images for training, one in ten for validation, within each source.

    The manifest's `source` column names the sources, else `modality`; without either all images
    are one source. A source of fewer than five images stays in training as a whole, unless
    nothing would be left to validate on.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        groups[pair.strata.get("source") or pair.strata.get("modality", "")].append(pair.name)
    split: dict[str, Subset] = {}
    for names in groups.values():
        split |= draw_split(names, SPLIT_SEED) if len(names) >= 5 else dict.fromkeys(names, "train")
    if "val" not in split.values():
        split = draw_split(list(split), SPLIT_SEED)
    return split


def _read_part(root: Path, part: str) -> tuple[tuple[Pair, ...], list[Fault]]:
    folder = root / part
    if not (folder / "images").is_dir():
        return (), []
    images = list_images(folder / "images")
    refuse_shared_stems(images)
    labels, faults = _labels_by_stem(folder / "labels", part)
    manifest = _read_manifest(folder / "manifest.csv")
    pairs = []
    for image in images:
        label = labels.pop(stem(image.name), None)
        reason = _fault(image, label)
        if label is None or reason:
            faults.append(Fault(image=image.name, part=part, reason=reason or "no label"))
            continue
        pairs.append(
            Pair(
                image=image.absolute(),
                label=label.absolute(),
                image_sha256=sha256_file(image),
                label_sha256=sha256_file(label),
                strata=manifest.get(image.name, {}),
            )
        )
    faults += [
        Fault(image=label.name, part=part, reason="a label without an image")
        for label in labels.values()
    ]
    return tuple(pairs), faults


def _labels_by_stem(folder: Path, part: str) -> tuple[dict[str, Path], list[Fault]]:
    labels: dict[str, Path] = {}
    faults = []
    for path in list_labels(folder) if folder.is_dir() else []:
        key = label_stem(path.name)
        if key in labels:
            reason = f"a second label for one image, beside {labels[key].name}"
            faults.append(Fault(image=path.name, part=part, reason=reason))
        else:
            labels[key] = path
    return labels, faults


def _fault(image: Path, label: Path | None) -> str:
    """What makes a pair unusable, or an empty string."""
    if label is None:
        return f"no label {stem(image.name)}_label.tiff"
    for path, what in ((image, "image"), (label, "label")):
        if not os.access(path, os.R_OK):
            return f"the {what} is a broken link, or a file that this user may not read"
    try:
        label_size = read_mask(label).shape
    except (UnreadableMask, WrongMaskType) as error:
        return f"the label cannot be used: {error.what}"
    try:
        size = read_size(image)
    except UnreadableImage:
        return ""
    if size != label_size:
        return f"the label is {label_size[0]}×{label_size[1]}, the image {size[0]}×{size[1]} pixels"
    return ""


def _read_manifest(path: Path) -> dict[str, dict[str, str]]:
    if not path.exists():
        return {}
    rows = read_rows(path)
    if rows and "image" not in rows[0]:
        raise CallError(
            f"{path} has no column named image.",
            "each line of a manifest says which image it describes",
            "name the first column image, and put the images' file names there",
        )
    return {
        row["image"]: {
            key: value
            for key, value in row.items()
            if key not in (None, "image", "label") and isinstance(value, str)
        }
        for row in rows
    }


def _pairs_sha256(pairs: Sequence[Pair]) -> str:
    return sha256_json([[pair.name, pair.image_sha256, pair.label_sha256] for pair in pairs])
