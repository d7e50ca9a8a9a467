"""Sets of the Broad Bioimage Benchmark Collection: BBBC006, 020 and 039."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from contract import CallError, UnreadableImage, UnreadableMask, WrongMaskType
from contract.guarded import open_mask, read_image
from harness.datasets.importers.files import below, is_image, nothing, side_of, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Side, Truth
from harness.datasets.shapes import places, stack_cells

TARGETS = ("nuclear", "whole-cell")
STAIN = {"nuclear": "c5", "whole-cell": "c1"}
"""Channels of BBBC020."""
FOUND = r"mcf-z-stacks-\d+_([a-p]\d\d)_s\d"
ONE_CELL = r"(.+)_(c[15])_\d+"


def recognise(source: Path) -> str | None:
    """Names and folders that only these sets have."""
    kind = _kind(source)
    return f"its files are those of {kind}" if kind else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """The images of the one set that the source is.

    BBBC039: images/, masks/ and metadata/ with the published split. Pieces of one value in the
    masks' red channel are nuclei, as its authors read it. BBBC006: `mcf-z-stacks…_w1.tif` with the
    label of the same field, a group a well; w2 is the other stain. BBBC020: one mask a cell,
    `…_c5_7.TIF` for nuclei (target "nuclear", the default) and `…_c1_7.TIF` for cells. BBBC038 is
    the format dsb2018. Raises CallError for any other, and for boxes, which are no masks.
    """
    match _kind(source):
        case "BBBC039":
            yield from _bbbc039(source)
        case "BBBC006":
            yield from _bbbc006(source)
        case "BBBC020":
            yield from _bbbc020(source, choices.target or TARGETS[0])
        case _:
            if source.is_dir() and (source / "training.json").is_file():
                raise CallError(
                    f"{source} holds boxes around cells, and no masks.",
                    "BBBC041 was annotated so",
                    "there is nothing that instance segmentation could be compared with",
                )
            raise nothing(source, "bbbc", "BBBC006, 020 or 039, unpacked as published")


def _kind(source: Path) -> str:
    if not source.is_dir():
        return ""
    if all((source / name).is_dir() for name in ("images", "masks", "metadata")):
        return "BBBC039"
    names = [path.stem for path in walk(source) if is_image(path)]
    if any(re.fullmatch(FOUND, name) for name in names):
        return "BBBC006"
    return "BBBC020" if any(re.fullmatch(ONE_CELL, name) for name in names) else ""


def _bbbc039(source: Path) -> Iterator[Record | Left]:
    sides: dict[str, Side | None] = {}
    for table in sorted((source / "metadata").glob("*.txt")):
        for line in table.read_text(encoding="utf-8", errors="replace").split("\n"):
            if line.strip():
                sides[Path(line.strip()).stem] = side_of(table.stem)
    masks = {path.stem: path for path in walk(source / "masks") if is_image(path)}
    for image in walk(source / "images"):
        name = below(source, image)
        if image.stem not in masks:
            yield Left(name=name, reason="no mask of this name")
            continue
        well = re.search(r"_([A-P]\d\d)_s\d", image.stem)
        yield Record(
            original=name,
            image=image,
            label=partial(_red, masks[image.stem]),
            files=(masks[image.stem],),
            side=sides.get(image.stem),
            group=well[1] if well else "",
            source="BBBC039",
            modality="fluorescence",
            licence="CC0-1.0",
        )


def _red(path: Path, size: tuple[int, int]) -> Truth:
    from skimage.measure import label

    try:
        red = read_image(path)[..., 0]
    except UnreadableImage as error:
        raise LeftOut(f"the mask {path.name} cannot be read: {error.what}") from error
    return Truth(labels=label(red, background=0, connectivity=2))


def _bbbc006(source: Path) -> Iterator[Record | Left]:
    labels = {path.stem: path for path in walk(source) if re.fullmatch(FOUND, path.stem)}
    used = set()
    for path in walk(source):
        field = re.match(rf"({FOUND})_w([12])", path.stem)
        if field is None or not is_image(path):
            continue
        if field[3] == "2":
            yield Left(name=below(source, path), reason="the second stain; labels are of nuclei")
        elif field[1] not in labels:
            yield Left(name=below(source, path), reason="no label of this field")
        else:
            used.add(field[1])
            yield Record(
                original=below(source, path),
                image=path,
                label=labels[field[1]],
                group=field[2],
                source="BBBC006",
                modality="fluorescence",
            )
    for name, path in labels.items():
        if name not in used:
            yield Left(name=below(source, path), reason="a label without an image")


def _bbbc020(source: Path, target: str) -> Iterator[Record | Left]:
    if target not in TARGETS:
        raise CallError(f"--target {target} is no truth of bbbc.", do=" or ".join(TARGETS))
    stain = STAIN[target]
    masks: dict[str, list[Path]] = defaultdict(list)
    images: dict[str, Path] = {}
    for path in walk(source):
        if not is_image(path):
            continue
        if match := re.fullmatch(ONE_CELL, path.stem):
            if match[2] == stain:
                masks[match[1]].append(path)
        elif path.stem.endswith(f"_{stain}"):
            images[path.stem.removesuffix(f"_{stain}")] = path
    for name, path in images.items():
        own = tuple(masks.pop(name, ()))
        if not own:
            yield Left(name=below(source, path), reason="no masks of its cells")
            continue
        yield Record(
            original=below(source, path),
            image=path,
            label=partial(_cells, own),
            files=own,
            source="BBBC020",
            modality="fluorescence",
            columns={"truth": target},
        )
    for name, rest in masks.items():
        if rest:
            yield Left(name=name, reason=f"{len(rest)} masks of cells without an image")


def _cells(paths: Sequence[Path], size: tuple[int, int]) -> Truth:
    cells = []
    for path in paths:
        try:
            cell = open_mask(path, expected=size).labels
        except (UnreadableMask, WrongMaskType) as error:
            raise LeftOut(f"a mask cannot be used: {error.what}") from error
        cells.append(places(cell))
    labels, remarks = stack_cells(size, cells)
    return Truth(labels=labels, remarks=remarks)
