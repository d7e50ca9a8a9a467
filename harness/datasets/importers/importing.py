"""An import from beginning to end: recognise, decide, write, account for everything."""

import csv
import io
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from contract import CallError, sha256_file, write_text
from contract.names import OURS, normal
from contract.written import Written
from harness.datasets.folder import TEST_PART, TRAIN_PART
from harness.datasets.importers.archive import unpack
from harness.datasets.importers.formats import WITH_TARGETS, importer, recognise
from harness.datasets.importers.journal import Done, Journal, state
from harness.datasets.importers.layout import Handling, write_record
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Side
from harness.datasets.importers.split import TEST_SHARE, divided, draw_sides, sides_of_file
from harness.datasets.shapes import BadShape

PARTS: Mapping[Side, str] = {"train": TRAIN_PART, "test": TEST_PART}
UNPACKED = f"{OURS}-unpacked"
FIRST_COLUMNS = ("image", "label", "original", "source", "modality", "group", "licence")
LEFT_OUT = "left_out.csv"


@dataclass(frozen=True, kw_only=True)
class Call:
    """What is asked for."""

    format_name: str
    """A format, or auto."""
    source: Path
    folder: Path
    choices: Choices = field(default_factory=Choices)
    handling: Handling = field(default_factory=Handling)
    share: float | None = None
    """Of the images, for the test; None: the layout's own split, else a fifth."""
    split: Path | None = None
    limit: int | None = None
    modality: str = ""
    origin: str = ""
    licence: str = ""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What came of it."""

    images: Mapping[str, int]
    """Part → number of images."""
    cells: int
    left: tuple[Left, ...]
    remarks: tuple[tuple[str, str], ...]
    """Name of an image, or "", and a sentence."""


def import_dataset(
    call: Call, *, progress: Callable[[int, int, str], None], say: Callable[[str], None]
) -> Imported:
    """Reads `call.source` in one of the formats and writes `call.folder` in the challenge's layout.

    The same call again goes on where it was interrupted, and imports what was left out if it can
    be used now. Raises CallError before anything is written when the source is not of the format,
    when the call contradicts itself, or when the folder holds something else.
    """
    _check(call)
    digest = sha256_file(call.source) if call.source.suffix.lower() == ".zip" else ""
    if digest:
        say(f"{call.source.name}: sha256 {digest}")
    asked = {
        "format": call.format_name,
        "source": str(call.source.resolve()),
        "--images": call.choices.images,
        "--masks": call.choices.masks,
        "--target": call.choices.target,
        "--convert": call.handling.convert,
        "--planes": call.handling.planes,
        "--components": call.handling.components,
        "--test-share": call.share,
        "--split": str(call.split.resolve()) if call.split else None,
        "--limit": call.limit,
        "--modality": call.modality,
        "--source": call.origin,
        "--licence": call.licence,
        "sha256": digest,
    }
    journal = Journal(call.folder, asked)
    written = Written(call.folder)
    written.refuse_others([f"{part}/" for part in PARTS.values() if not journal.done])
    unpacked = call.folder / UNPACKED
    source = unpacked if digest else call.source
    made_folder = not call.folder.exists()
    try:
        if digest:
            unpack(call.source, unpacked, progress)
        return _import_from(source, call, journal, written, progress, say)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        if made_folder and call.folder.is_dir() and not any(call.folder.iterdir()):
            call.folder.rmdir()


def _import_from(
    source: Path,
    call: Call,
    journal: Journal,
    written: Written,
    progress: Callable[[int, int, str], None],
    say: Callable[[str], None],
) -> Imported:
    name, why = call.format_name, ""
    if name == "auto" and call.choices.images is not None:
        name = "pairs"
    elif name == "auto":
        name, why = recognise(source)
        say(f"recognised as {name}: {why}")
    reader = importer(name)
    _check_choices(name, call.choices)
    found = list(reader.records(source, call.choices))
    left = [one for one in found if isinstance(one, Left)]
    records = [one for one in found if isinstance(one, Record)]
    if call.limit is not None and call.limit < len(records):
        records = [records[place * len(records) // call.limit] for place in range(call.limit)]
    sides, remarks = _sides(call, records, journal)
    left += [
        Left(name=one.original, reason=f"not in {call.split.name}")
        for one in records
        if call.split and one.original not in sides
    ]
    records = [one for one in records if one.original in sides]
    if not records:
        raise _nothing(source, left)
    stems = _stems(records, journal)
    written.refuse_others([f"{part}/manifest.csv" for part in PARTS.values()])
    todo = [one for one in records if not journal.holds(call.folder, one)]
    if len(todo) < len(records):
        say(f"{len(records) - len(todo)} of {len(records)} are imported already")
    again = {one.original for one in todo}
    taken = {
        row["image"].partition(".")[0].casefold()
        for original, done in journal.done.items()
        if original not in again
        for row in done.images
    }
    call.folder.mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(todo):
        progress(number, len(todo), record.original)
        part, stem = PARTS[sides[record.original]], stems[record.original]
        try:
            made = write_record(record, stem, part, written, call.handling, taken)
        except (LeftOut, BadShape) as error:
            left.append(Left(name=record.original, reason=str(error)))
            continue
        rows = tuple(
            {
                "image": one.name,
                "label": one.label,
                "original": record.original,
                "source": record.source or call.origin or call.source.stem,
                "modality": record.modality or call.modality,
                "group": record.group or (record.original if len(made) > 1 else ""),
                "licence": record.licence or call.licence,
                **one.columns,
            }
            for one in made
        )
        done = Done(
            state=state(record),
            part=part,
            stem=stem,
            group=record.group,
            images=rows,
            cells=sum(one.cells for one in made),
            remarks=tuple(text for one in made for text in one.remarks),
        )
        journal.add(record.original, done)
    progress(len(todo), len(todo), "")
    failed = {one.name for one in left}
    kept = [(one, journal.done[one.original]) for one in records if one.original not in failed]
    if not kept:
        raise _nothing(source, left)
    _write_tables(kept, left, written)
    for one, done in kept:
        remarks += [(one.original, text) for text in done.remarks]
    return Imported(
        images={
            part: sum(len(done.images) for _, done in kept if done.part == part)
            for part in PARTS.values()
        },
        cells=sum(done.cells for _, done in kept),
        left=tuple(left),
        remarks=tuple(remarks),
    )


def _check(call: Call) -> None:
    if not call.source.exists():
        raise CallError(f"There is no {call.source}.", "the path has a typing error")
    if call.split is not None and call.share is not None:
        raise CallError(
            "--test-share and --split contradict each other.", do="leave one of them out"
        )
    if call.share is not None and not 0 < call.share <= 1:
        raise CallError(
            f"--test-share {call.share} is no share of the images.",
            "without images to test on there is nothing to score",
            "write a number above 0 and up to 1, such as 0.2",
        )
    if call.limit is not None and call.limit < 1:
        raise CallError(f"--limit {call.limit} leaves no image.", do="write a number from 1 on")
    source, folder = call.source.resolve(), call.folder.resolve()
    if folder == source or folder.is_relative_to(source):
        raise CallError(
            f"{call.folder} lies inside the source {call.source}.",
            "what is written there would be read as part of the source",
            "choose a folder outside",
        )
    if folder.is_dir() and not Written(folder).names and any(folder.iterdir()):
        raise CallError(
            f"{call.folder} holds files already.",
            "an import makes a dataset of its own",
            "choose a folder that is new or empty",
        )


def _check_choices(name: str, choices: Choices) -> None:
    if name != "pairs" and (choices.images or choices.masks):
        raise CallError(
            "--images and --masks belong to the format pairs.",
            f"{name} knows where its files are",
            "leave them out, or import pairs",
        )
    if choices.target and name not in WITH_TARGETS:
        raise CallError(
            f"--target {choices.target}: the format {name} has one truth an image.",
            do="leave it out",
        )


def _sides(
    call: Call, records: Sequence[Record], journal: Journal
) -> tuple[dict[str, Side], list[tuple[str, str]]]:
    """The side of each record, and remarks; what is imported already stays where it is."""
    if call.split is not None:
        sides, texts = sides_of_file(call.split, records)
        return sides, [("", text) for text in texts]
    own = {one.original: one.side for one in records if one.side is not None}
    if call.share is None and {"test", "train"} == {*own.values()} and len(own) == len(records):
        return own, [("", text) for text in divided(records, own)]
    sides = draw_sides(records, TEST_SHARE if call.share is None else call.share)
    of_part: dict[str, Side] = {part: side for side, part in PARTS.items()}
    groups = {done.group: of_part[done.part] for done in journal.done.values() if done.group}
    for one in records:
        if one.original in journal.done:
            sides[one.original] = of_part[journal.done[one.original].part]
        elif one.group in groups:
            sides[one.original] = groups[one.group]
    remarks = []
    if records and "train" not in sides.values() and call.share != 1:
        remarks.append(("", "all images are of one group, so all are in Tuning; --split divides"))
    return sides, remarks


def _stems(records: Sequence[Record], journal: Journal) -> dict[str, str]:
    """A stem for each record: its own name; with its folders where that is not the only one."""
    stems = {original: done.stem for original, done in journal.done.items()}
    used = {stem.casefold() for stem in stems.values()}
    short: dict[str, int] = {}
    for one in records:
        key = _stem(PurePosixPath(one.original).name).casefold()
        short[key] = short.get(key, 0) + 1
    for one in records:
        if one.original in stems:
            continue
        own = _stem(PurePosixPath(one.original).name)
        wanted = own if short[own.casefold()] == 1 else _stem(one.original)
        stem, number = wanted, 2
        while stem.casefold() in used:
            stem, number = f"{wanted}_{number}", number + 1
        used.add(stem.casefold())
        stems[one.original] = stem
    return stems


def _stem(original: str) -> str:
    bare = re.sub(r"\.(ome\.)?[A-Za-z0-9]{1,5}$", "", original)
    return normal(re.sub(r"[./\\:\x00-\x1f]+", "_", bare)).strip("_ ") or "image"


def _nothing(source: Path, left: Sequence[Left]) -> CallError:
    examples = "; ".join(f"{one.name}: {one.reason}" for one in left[:3])
    return CallError(
        f"Nothing in {source.name} can be imported.",
        examples or "no image was found",
        "mend what is named, or name another format",
    )


def _write_tables(
    kept: Sequence[tuple[Record, Done]], left: Sequence[Left], written: Written
) -> None:
    """manifest.csv and, for movies, sequences.csv of both parts; and what was left out."""
    tables: dict[str, str] = {}
    for part in PARTS.values():
        rows = [row for _, done in kept if done.part == part for row in done.images]
        names = {name: None for row in rows for name, value in row.items() if value}
        columns = [
            name for name in FIRST_COLUMNS if name in (*names, "image", "original", "source")
        ]
        columns += [name for name in names if name not in FIRST_COLUMNS]
        if rows:
            tables[f"{part}/manifest.csv"] = _csv(columns, rows)
        frames = [
            {"image": row["image"], "sequence": one.sequence, "frame": one.frame}
            for one, done in kept
            if done.part == part and one.sequence
            for row in done.images
        ]
        if frames:
            tables[f"{part}/sequences.csv"] = _csv(["image", "sequence", "frame"], frames)
    if left or (written.folder / LEFT_OUT).exists():
        tables[LEFT_OUT] = _csv(["name", "reason"], [vars(one) for one in left])
    written.refuse_others(tables)
    for name, text in tables.items():
        written.note(name)
        write_text(written.folder / name, text)
        written.note(name, final=True)


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
