"""How images, labels and masks are named, and which files of a folder are images."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from contract.errors import CallError, undecodable

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg"})
LABEL_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".bmp", ".npy"})
LONGEST_NAME = 255
"""Bytes that file systems allow for a name."""
IGNORE = "_ignore"
"""Before the suffix of a file beside a label: it is no label, but says where nothing counts."""
NAMED = 3
"""So many names of a long list are given; the rest are counted."""
OURS = ".cellbench"
"""Files whose names start so are this program's own notes."""
DIAMETERS = "cell_diameter.csv"
"""Beside images: how wide their cells are; see `contract.diameters`."""


def stem(name: str) -> str:
    """The name up to its first dot, which is the challenge's rule: "a.b.png" gives "a"."""
    return name.split(".", 1)[0]


def label_name(name: str) -> str:
    """The name of the mask that belongs to an image: "cell_1.png" gives "cell_1_label.tiff"."""
    return f"{stem(name)}_label.tiff"


def label_stem(name: str) -> str:
    """The stem of the image that a label file belongs to: a trailing "_label" is dropped."""
    return stem(name).removesuffix("_label")


def ignore_file(label: Path) -> Path | None:
    """The mask of what does not count beside a label, <stem>_ignore.tiff; None when there is none.

    Any format of labels will do. Every pixel that is not 0 is ignored, unless the label has a cell
    there.
    """
    wanted = f"{label_stem(label.name)}{IGNORE}"
    for suffix in (".tiff", *sorted(LABEL_SUFFIXES - {".tiff"})):
        found = label.with_name(wanted + suffix)
        if found.is_file():
            return found
    return None


def normal(name: str) -> str:
    """The form in which names are compared: Unicode's composed one (NFC).

    An accent that is a character of its own (as macOS stores it) and one that is part of its
    letter look alike and mean the same.
    """
    return unicodedata.normalize("NFC", name)


def list_images(folder: Path) -> list[Path]:
    """The images in a folder, by suffix (any case), sorted by name.

    Hidden files and folders are no images. A link to a file that is not there is listed, so that
    it is reported and not passed over. Raises CallError for a name that is no UTF-8.
    """
    return _listed(folder, IMAGE_SUFFIXES)


def list_labels(folder: Path) -> list[Path]:
    """The label files in a folder, by suffix, sorted by name; otherwise as `list_images`.

    Masks of ignored regions (see `ignore_file`) are none.
    """
    return [path for path in _listed(folder, LABEL_SUFFIXES) if not is_ignore(path.name)]


def is_ignore(name: str) -> bool:
    """Whether a file of this name says where nothing counts."""
    return stem(name).endswith(IGNORE)


def passed_over(folder: Path, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> str:
    """What a listing by `suffixes` leaves out, counted and named; "" when that is nothing."""
    kinds: dict[str, list[str]] = {"file of another format": [], "folder": [], "hidden file": []}
    for path in sorted(folder.iterdir()):
        if _is_listed(path, suffixes) or path.name.startswith((OURS, DIAMETERS)):
            continue
        kind = "hidden file" if path.name.startswith(".") else "file of another format"
        kinds["folder" if path.is_dir() else kind].append(printable(path.name))
    plural = {"file of another format": "files of other formats"}
    parts = [
        f"{len(names)} {kind if len(names) == 1 else plural.get(kind, f'{kind}s')} ({some(names)})"
        for kind, names in kinds.items()
        if names
    ]
    if not parts:
        return ""
    formats = ", ".join(sorted(suffix.removeprefix(".") for suffix in suffixes))
    return f"{' and '.join(parts)} passed over: read are {formats}, directly in the folder"


def some(names: Sequence[str]) -> str:
    """The first few names and how many more there are."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def printable(name: str) -> str:
    """The name with what cannot be printed or written as UTF-8 in escapes."""
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in name
    )


def holds_files(folder: Path) -> bool:
    """Whether it is a folder with something in it."""
    return folder.is_dir() and any(folder.iterdir())


def told_apart(names: Iterable[str]) -> str:
    """The names, joined; those that would look alike with the codes that differ."""
    names = sorted(names)
    normals = [normal(name) for name in names]
    return " and ".join(
        f"{name} (stored as {name!a})" if normals.count(form) > 1 else name
        for name, form in zip(names, normals, strict=True)
    )


def refuse_shared_stems(paths: Iterable[Path]) -> None:
    """Raises CallError when two images would write the same mask.

    Names are compared in one normal form: two that differ in it alone share their stem.
    """
    by_stem: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_stem[normal(stem(path.name))].append(path.name)
    clashes = sorted(told_apart(names) for names in by_stem.values() if len(names) > 1)
    if clashes:
        raise CallError(
            f"Two images share one stem: {'; '.join(clashes[:5])}.",
            "a mask is named after the image's name up to its first dot, so both would write"
            " the same file",
            "rename one of them",
        )


def too_long(name: str) -> str:
    """Why an image's name leaves no room for that of its mask; "" when it does."""
    length = len(os.fsencode(label_name(name)))
    if length <= LONGEST_NAME:
        return ""
    return (
        f"the name is too long: that of its mask, <stem>_label.tiff, would have {length} bytes,"
        f" and file systems allow {LONGEST_NAME}; rename the image"
    )


def unopenable(path: Path) -> str:
    """Why a file cannot be opened, as far as its folder tells; "" when it can."""
    if os.access(path, os.R_OK):
        return ""
    if path.is_symlink() and not path.exists():
        return "a link to a file that is not there"
    return "no permission to read the file" if path.exists() else "there is no such file"


def _listed(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    found = [path for path in folder.iterdir() if _is_listed(path, suffixes)]
    for path in found:
        try:
            path.name.encode()
        except UnicodeEncodeError as error:
            where = printable(str(folder))
            raise undecodable(f"In {where} the name", path.name) from error
    return sorted(found, key=lambda path: path.name)


def _is_listed(path: Path, suffixes: frozenset[str]) -> bool:
    return (
        path.suffix.lower() in suffixes
        and not path.name.startswith(".")
        and (path.is_file() or (path.is_symlink() and not path.exists()))
    )
