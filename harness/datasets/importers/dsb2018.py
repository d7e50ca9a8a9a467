"""The 2018 Data Science Bowl: a folder an image, one mask a nucleus, or a table of run lengths."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from contract import CallError, UnreadableMask, WrongMaskType
from contract.guarded import open_mask
from harness.datasets.importers.files import below, is_image, nothing, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth
from harness.datasets.shapes import of_run_lengths, places, stack_cells

COLUMNS = {"ImageId", "EncodedPixels"}
LONGEST_FIELD = 1 << 30


def recognise(source: Path) -> str | None:
    """A folder an image that holds images/ and masks/, or a table of run lengths."""
    if not source.is_dir():
        return None
    for path in walk(source):
        if path.suffix == ".csv" and _is_table(path):
            return f"{below(source, path)} has the columns ImageId and EncodedPixels"
        if path.parent.name == "images" and path.stem == path.parent.parent.name:
            return f"{below(source, path)} is called like the folder above images/"
    return None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """<id>/images/<id>.png with <id>/masks/*.png; run lengths of a table where there are none.

    Raises CallError when there is no such folder, or for a damaged table, naming the line.
    """
    runs: dict[str, list[str]] = defaultdict(list)
    files = walk(source)
    for path in files:
        if path.suffix == ".csv" and _is_table(path):
            for image, text in _rows(path):
                runs[image].append(text)
    images = [
        path
        for path in files
        if is_image(path) and path.parent.name != "masks" and (runs or path.parent.name == "images")
    ]
    if not images:
        raise nothing(source, "dsb2018", "<id>/images/<id>.png with <id>/masks/, or a table")
    for path in images:
        folder = path.parent.parent / "masks"
        own = path.parent.name == "images" and path.stem == path.parent.parent.name
        masks = sorted(folder.glob("*.png")) if own else []
        name = below(source, path)
        if masks:
            yield Record(
                original=path.name if own else name,
                image=path,
                label=partial(_of_masks, masks),
                files=(path, *masks),
            )
        elif runs.get(path.stem):
            yield Record(
                original=path.name if own else name,
                image=path,
                label=partial(_of_runs, runs[path.stem]),
            )
        else:
            yield Left(name=name, reason="no masks and no line in a table of run lengths")
    names = {path.stem for path in images}
    for image in runs:
        if image not in names:
            yield Left(name=image, reason="run lengths without an image")


def _of_masks(paths: Sequence[Path], size: tuple[int, int]) -> Truth:
    cells = []
    for path in paths:
        try:
            cell = open_mask(path).labels
        except (UnreadableMask, WrongMaskType) as error:
            raise LeftOut(f"a mask cannot be used: {error.what}") from error
        if cell.shape != size:
            raise LeftOut(f"the mask {path.name} is {cell.shape[0]}×{cell.shape[1]} pixels")
        cells.append(places(cell))
    labels, remarks = stack_cells(size, cells)
    return Truth(labels=labels, remarks=remarks)


def _of_runs(texts: Sequence[str], size: tuple[int, int]) -> Truth:
    labels, remarks = stack_cells(size, [of_run_lengths(text, size) for text in texts])
    return Truth(labels=labels, remarks=remarks)


def _is_table(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as stream:
        return {name.strip() for name in stream.readline(1000).split(",")} >= COLUMNS


def _rows(path: Path) -> Iterator[tuple[str, str]]:
    csv.field_size_limit(LONGEST_FIELD)
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            for row in reader:
                yield _row(path, reader.line_num, row)
    except (UnicodeDecodeError, csv.Error) as error:
        raise CallError(f"{path} cannot be read: {error}", do="fetch it again") from error


def _row(path: Path, line: int, row: Mapping[str, str | None]) -> tuple[str, str]:
    image, text = row.get("ImageId"), row.get("EncodedPixels")
    if not image or text is None or not all(word.isdecimal() for word in text.split()):
        raise CallError(
            f"{path}, line {line}: no image with run lengths.",
            "the file was cut off, or changed by a spreadsheet",
            "fetch it again",
        )
    return Path(image).stem, text
