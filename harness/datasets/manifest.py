"""Reading manifest.csv as spreadsheets save it, and matching its lines with the images."""

import codecs
import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, stem
from contract.names import IMAGE_SUFFIXES, normal, printable, some
from contract.pairing import agreement
from evaluator.runs.words import CELL_DIAMETER, PIXEL_SIZE

SEPARATORS = (",", ";", "\t")
KNOWN = ("image", "label", "modality", "source", "group", "labelling", PIXEL_SIZE, CELL_DIAMETER)
"""Columns with a meaning of their own; they are known in any case of letters."""
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a manifest says of the images beside it."""

    columns: Mapping[str, Mapping[str, str]]
    """Image file name → its further columns; images without a line are not in here."""
    remarks: tuple[str, ...]
    """What was not as it should be, a sentence each."""


@dataclass(frozen=True, kw_only=True)
class _Line:
    number: int
    name: str
    """As it stands in the column image."""
    values: Mapping[str, str]


def read_manifest(path: Path, images: Sequence[str]) -> Manifest:
    """Reads a table with a column `image`, and matches its lines with the names of images.

    Commas, semicolons or tabs; UTF-8 or UTF-16, else Windows-1252; any line ends; a first line
    `sep=…`. A line that names no image exactly is matched without its folder, then in any case of
    letters, then by stem, so that another or no extension will do; every such line is named in
    `remarks`, as are lines that match no image or several, lines too short or too long, and images
    without a line. Of two lines for one image that differ neither is used.

    Raises CallError, naming the line, for a file that is no such table.
    """
    if not path.exists():
        return Manifest(columns={}, remarks=_other_manifests(path))
    text, remarks = _decode(path)
    lines, faults = _table(path, text)
    remarks += faults
    matches: dict[str, list[_Line]] = defaultdict(list)
    lenient, unmatched, several = [], [], []
    for line in lines:
        found, exact = _match(line.name, images)
        where = f"{printable(line.name)} (line {line.number})"
        if not found:
            unmatched.append(where)
        elif len(found) > 1:
            several.append(f"{where}: {' and '.join(found)}")
        else:
            matches[found[0]].append(line)
            if not exact:
                lenient.append(f"{where} for {found[0]}")
    remarks += _told(lenient, "line names its image otherwise", "lines name their images otherwise")
    remarks += _told(unmatched, "line matches no image", "lines match no image")
    remarks += _told(several, "line matches several images", "lines match several images")
    columns = {}
    for image, own in matches.items():
        if len(own) > 1:
            remarks.append(_twice(image, own))
        if all(line.values == own[0].values for line in own):
            columns[image] = own[0].values
    without = [name for name in images if name not in matches]
    remarks += _told(without, "image has no line", "images have no line")
    return Manifest(columns=columns, remarks=tuple(remarks))


def _decode(path: Path) -> tuple[str, list[str]]:
    data = path.read_bytes()
    encoding = UTF_16.get(data[:2], "utf-8-sig")
    if encoding == "utf-8-sig" and data.count(0) > len(data) // 4:  # UTF-16 without its mark
        encoding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    remarks = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        try:
            text = data.decode("cp1252")
        except UnicodeDecodeError:
            raise CallError(
                f"{path}, line {line}: the byte 0x{data[error.start]:02X} is no UTF-8.",
                "it was saved in another encoding",
                "save it as CSV UTF-8",
            ) from error
        remarks.append(
            f"no UTF-8 (line {line}), read as Windows-1252: look at its accents, or save it as"
            " CSV UTF-8"
        )
    text = re.sub("\r\n?", "\n", text)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise CallError(
            f"{path}, line {line}: a NUL character, which no text has.",
            "the file was damaged, or it is no CSV",
            "save it again as CSV UTF-8",
        )
    return text, remarks


def _table(path: Path, text: str) -> tuple[list[_Line], list[str]]:
    """The lines below the header, and what is wrong with any."""
    rows, separator = _rows(path, text)
    if not rows:
        return [], ["the file is empty"]
    (header_line, header), *body = rows
    names = [name.lower() if name.lower() in KNOWN else name for name in header]
    if "image" not in names:
        raise CallError(
            f"{path}, line {header_line}: no column named image, only {', '.join(header)}.",
            "each line of a manifest says which image it describes; the first line names the"
            " columns, with commas, semicolons or tabs between",
            "name the first column image, and put the images' file names there",
        )
    remarks = [f"two columns named {name}: the last one counts" for name in _repeated(names)]
    lines, short, long = [], [], []
    for number, cells in body:
        if any(cells[len(names) :]):
            extra = separator.join(cells[len(names) :])
            long.append(f"line {number}, {printable(extra)} passed over")
        elif len(cells) < len(names):
            short.append(f"line {number}")
        values = dict(zip(names, cells, strict=False))
        further = {
            name: value for name, value in values.items() if name not in ("", "image", "label")
        }
        lines.append(_Line(number=number, name=values.get("image", ""), values=further))
    remarks += _told(
        short, "line has fewer cells than columns", "lines have fewer cells than columns"
    )
    remarks += _told(long, "line has more cells than columns", "lines have more cells than columns")
    return lines, remarks


def _rows(path: Path, text: str) -> tuple[list[tuple[int, list[str]]], str]:
    """The rows that are not blank with the number of their first line, and the separator."""
    first = next((line for line in text.split("\n") if line.strip()), "")
    declared = re.fullmatch(r'"?sep=(.)"?', first.strip("\ufeff "))
    separator = declared[1] if declared else max(SEPARATORS, key=first.count)
    rows: list[tuple[int, list[str]]] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    begin = 1
    try:
        for row in reader:
            cells = [" ".join(cell.split()) for cell in row]
            if any(cells) and not (declared and not rows and cells[0].startswith("sep=")):
                rows.append((begin, cells))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise CallError(
            f"{path}, line {reader.line_num}: {error}.", do="save it as CSV UTF-8"
        ) from error
    return rows, separator


def _match(name: str, images: Sequence[str]) -> tuple[list[str], bool]:
    """The images that a line may mean, by the strictest rule that finds any, and if it was exact.

    The exact rule compares whole names in one normal form.
    """
    bare = re.split(r"[/\\]", name)[-1].strip()

    whole = bare if Path(bare).suffix.lower() in IMAGE_SUFFIXES else f"{bare}."

    def same_stem(fold: Callable[[str], str]) -> list[str]:
        return [
            image
            for image in images
            if fold(stem(image)) == fold(stem(bare))
            and agreement(fold(image), fold(whole)) != "none"
        ]

    exact = [image for image in images if normal(image) == normal(bare)]
    if exact:
        return exact, bare == name
    folded = [image for image in images if _folded(image) == _folded(bare)]
    return folded or same_stem(normal) or same_stem(_folded) if bare else [], False


def _folded(name: str) -> str:
    return normal(name).casefold()


def _twice(image: str, lines: Sequence[_Line]) -> str:
    numbers = ", ".join(str(line.number) for line in lines)
    alike = all(line.values == lines[0].values for line in lines)
    verdict = "and they say the same" if alike else "and they differ, so none of them is used"
    return f"{image} has {len(lines)} lines ({numbers}), {verdict}"


def _other_manifests(path: Path) -> tuple[str, ...]:
    """Files that were meant as a manifest, it seems, under another name."""
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    return tuple(
        f"{printable(other.name)} is passed over: a manifest is a table named {path.name}"
        for other in sorted(beside)
        if stem(other.name).lower() == path.stem and other.is_file()
    )


def _repeated(names: Sequence[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name and names.count(name) > 1]


def _told(names: Sequence[str], one: str, several: str) -> list[str]:
    if not names:
        return []
    return [f"{len(names)} {one if len(names) == 1 else several}: {some(names)}"]
