"""The training folder as a container sees it: images, labels and the split."""

import csv
import random
from dataclasses import replace
from pathlib import Path

from contract.errors import CallError
from contract.files import sha256_file, sha256_json
from contract.names import (
    label_name,
    list_images,
    list_labels,
    normal,
    refuse_shared_stems,
    stem,
    unopenable,
)
from contract.protocol import TrainPair
from contract.schema import Subset

VALIDATION_SHARE = 10
"""One training image in this many is kept for validation when no split is given."""


def training_pairs(folder: Path, seed: int) -> tuple[tuple[TrainPair, ...], list[str]]:
    """The labelled images to train and to validate on; see `labelled_pairs`."""
    pairs, warnings = labelled_pairs(folder, seed)
    return tuple(pair for pair in pairs if pair.subset != "held"), warnings


def labelled_pairs(folder: Path, seed: int) -> tuple[tuple[TrainPair, ...], list[str]]:
    """The labelled images below `folder` with their subset, and warnings for people.

    Reads `folder`/images, `folder`/labels and, when they are there, `folder`/split.csv
    (`image,subset`, and `source` if known), `folder`/sequences.csv (`image,sequence,frame`) and the
    column `modality` of `folder`/manifest.csv. Without a split one image in ten is drawn for
    validation by `seed`. Images without a label, or without a line in the split, are left out and
    named, as are labels and lines of the split without an image, and files that cannot be opened.
    Names are compared in one normal form.

    Raises CallError when a folder is missing, two images share a stem, one of the tables is
    malformed, or nothing is left to train on.
    """
    images_folder, labels_folder = folder / "images", folder / "labels"
    for needed in (images_folder, labels_folder):
        if not needed.is_dir():
            raise CallError(
                f"No folder {needed}.",
                "train reads images/ and labels/ below its input folder",
                "mount a folder that holds both",
            )
    images = list_images(images_folder)
    refuse_shared_stems(images)
    labels = {normal(path.name): path for path in list_labels(labels_folder)}
    wanted = {normal(label_name(image.name)): image for image in images}
    labelled: dict[str, TrainPair] = {}
    warnings = []
    for place, image in wanted.items():
        reason = f"no label {label_name(image.name)}" if place not in labels else ""
        reason = reason or unopenable(image) or unopenable(labels[place])
        if reason:
            warnings.append(f"{image.name}: {reason}, left out")
        else:
            labelled[image.name] = TrainPair(image=image, label=labels[place], subset="train")
    warnings += [
        f"{labels[place].name}: a label without an image" for place in labels if place not in wanted
    ]
    split_file = folder / "split.csv"
    if split_file.exists():
        listed = {normal(name): subset for name, subset in read_split(split_file).items()}
        warnings += [
            f"{name}: not in split.csv, left out" for name in labelled if normal(name) not in listed
        ]
        present = {normal(image.name) for image in images}
        warnings += [
            f"{name}: in split.csv, but not in images/" for name in listed if name not in present
        ]
        subsets = {name: listed[normal(name)] for name in labelled if normal(name) in listed}
    else:
        subsets = draw_split(list(labelled), seed)
    if "train" not in subsets.values():
        raise CallError(
            f"No image to train on in {folder}.",
            "no image has a label named <stem>_label.tiff, or the split has no training line",
            "check the names in images/ and labels/",
        )
    frames, modalities = _frames(folder), _column(folder / "manifest.csv", "modality")
    sources = _column(split_file, "source")
    pairs = tuple(
        replace(
            labelled[name],
            subset=subset,
            sequence=frames.get(normal(name), ("", None))[0],
            frame=frames.get(normal(name), ("", None))[1],
            modality=modalities.get(normal(name), ""),
            source=sources.get(normal(name), ""),
        )
        for name, subset in sorted(subsets.items())
    )
    return pairs, warnings


def draw_split(names: list[str], seed: int) -> dict[str, Subset]:
    """Nine in ten images for training, one in ten (at least one of two) for validation.

    The same set of names and seed give the same split, in whatever order the names come.
    """
    shuffled = sorted(names)
    random.Random(seed).shuffle(shuffled)
    held_out = max(1, round(len(shuffled) / VALIDATION_SHARE)) if len(shuffled) > 1 else 0
    return {name: "val" if index < held_out else "train" for index, name in enumerate(shuffled)}


def read_rows(path: Path) -> list[dict[str, str]]:
    """The lines of a CSV file by column (UTF-8, with or without a byte order mark).

    Raises CallError when it is no such file.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise CallError(
            f"{path} cannot be read: {error}", do="save it as CSV, encoded in UTF-8"
        ) from error


def read_split(path: Path) -> dict[str, Subset]:
    """Reads `image,subset` lines (UTF-8, with or without a byte order mark).

    Raises CallError on another column, subset or encoding, and for an image in two subsets.
    """
    rows = read_rows(path)
    split: dict[str, Subset] = {}
    for row in rows:
        if split.get(row.get("image") or "", row.get("subset")) != row.get("subset"):
            raise CallError(
                f"{path} has {row.get('image')} in two subsets.", do="keep one of the two lines"
            )
        match row.get("image"), row.get("subset"):
            case (str(image), "train"):
                split[image] = "train"
            case (str(image), "val"):
                split[image] = "val"
            case (str(image), "held"):
                split[image] = "held"
            case _:
                raise CallError(
                    f"{path} has a line that is no image,subset pair: {row}",
                    do="use the columns image and subset, with train, val or held in the second",
                )
    return split


def pairs_sha256(pairs: tuple[TrainPair, ...]) -> str:
    """One hash over all pairs: names, contents, subsets, and what the tables say of each."""
    return sha256_json(
        [
            [
                *(stem(pair.image.name), sha256_file(pair.image), sha256_file(pair.label)),
                *(pair.subset, pair.sequence, pair.frame, pair.modality, pair.source),
            ]
            for pair in pairs
        ]
    )


def _frames(folder: Path) -> dict[str, tuple[str, int | None]]:
    """Image → its movie and its number there, as far as sequences.csv tells."""
    path = folder / "sequences.csv"
    found: dict[str, tuple[str, int | None]] = {}
    for row in read_rows(path) if path.exists() else ():
        image, movie, frame = (row.get(column) or "" for column in ("image", "sequence", "frame"))
        if not image or not movie or not (frame.isascii() and frame.isdecimal()):
            raise CallError(
                f"{path} has a line that is no image,sequence,frame: {row}",
                do="use the columns image, sequence and frame, a whole number from 0 on",
            )
        found[normal(image)] = (movie, int(frame))
    return found


def _column(path: Path, column: str) -> dict[str, str]:
    """Image → what the table says of it, as far as there is one."""
    rows = read_rows(path) if path.exists() else ()
    return {normal(row.get("image") or ""): row.get(column) or "" for row in rows}
