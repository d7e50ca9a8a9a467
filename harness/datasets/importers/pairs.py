"""Images and label masks in folders, paired by patterns of their paths."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from contract import CallError
from contract.dataset import read_rows
from contract.names import LABEL_SUFFIXES, is_ignore
from harness.datasets.importers.files import below, is_image, nothing, walk
from harness.datasets.importers.record import Choices, Left, Record

HOLE = "{}"


def recognise(source: Path) -> str | None:
    """A folder images/ beside a folder labels/."""
    if (source / "images").is_dir() and (source / "labels").is_dir():
        return "a folder images/ and a folder labels/"
    return None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """Images and masks whose paths below the source differ only in what the patterns say.

    In a pattern {} stands for what an image shares with its mask, folders included, * for anything
    within a name. Without patterns: images/{}.* and labels/{}_label.* or labels/{}.*. A table
    sequences.csv (image,sequence,frame) beside them says which images are frames of a movie.
    Raises CallError for a pattern without {}, or when one fits no file.
    """
    if (choices.images is None) != (choices.masks is None):
        raise CallError("--images and --masks belong together.", do="give both, or neither")
    images_pattern = _pattern(choices.images or "images/{}.*", "--images")
    masks = choices.masks or "labels/{}.*"
    masks_pattern = _pattern(masks, "--masks")
    files = [path for path in walk(source) if is_image(path) or path.suffix.lower() == ".npy"]
    labels: dict[str, list[Path]] = {}
    for path in files:
        match = masks_pattern.fullmatch(below(source, path))
        if match and path.suffix.lower() in LABEL_SUFFIXES and not is_ignore(path.name):
            key = match[1] if choices.masks else match[1].removesuffix("_label")
            labels.setdefault(key, []).append(path)
    taken = {path for paths in labels.values() for path in paths}
    images: dict[str, list[Path]] = {}
    for path in files:
        match = images_pattern.fullmatch(below(source, path))
        if match and path not in taken and is_image(path):
            images.setdefault(match[1], []).append(path)
    if not images or not labels:
        missing = choices.images or "images/{}.*" if not images else masks
        raise nothing(source, "paired", f"a file that fits {missing}")
    movies = _movies(source)
    for key, found in images.items():
        name = below(source, found[0])
        if len(found) > 1 or len(labels.get(key, [])) != 1:
            masks_found = labels.get(key, [])
            yield Left(name=name, reason=_not_one(source, found, masks_found))
            continue
        sequence, frame = movies.get(found[0].name, ("", None))
        yield Record(
            original=name,
            image=found[0],
            label=labels[key][0],
            group=sequence,
            sequence=sequence,
            frame=frame,
        )
    for key, paths in labels.items():
        if key not in images:
            yield from (
                Left(name=below(source, path), reason="a mask without an image") for path in paths
            )


def _pattern(text: str, option: str) -> re.Pattern[str]:
    if text.count(HOLE) != 1:
        raise CallError(
            f"{option} {text!r} does not hold {HOLE} once.",
            f"{HOLE} stands for what the names of an image and of its mask share",
            f"write e.g. 'images/{HOLE}.tif'",
        )
    wild = {HOLE: "(.+)", "*": "[^/]*"}
    parts = re.split(r"(\{\}|\*)", text)
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts))


def _not_one(source: Path, images: list[Path], masks: list[Path]) -> str:
    several = images if len(images) > 1 else masks
    if not several:
        return "no mask"
    return f"one may be meant of {', '.join(below(source, path) for path in several[:3])}"


def _movies(source: Path) -> Mapping[str, tuple[str, int | None]]:
    """Image → its movie and frame, as far as a table sequences.csv tells."""
    table = source / "sequences.csv"
    if not table.is_file():
        return {}
    found: dict[str, tuple[str, int | None]] = {}
    for number, row in enumerate(read_rows(table), start=2):
        frame = row.get("frame") or ""
        if not row.get("image") or not row.get("sequence") or not frame.isdecimal():
            raise CallError(
                f"{table}, line {number}: no image, sequence and frame.",
                do="use the columns image, sequence and frame, a whole number from 0 on",
            )
        found[row["image"]] = (row["sequence"], int(frame))
    return found
