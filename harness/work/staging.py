"""Laying out the folders that containers read: links where the file system allows them."""

import csv
import io
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from contract import label_name, write_mask, write_text
from contract.dataset import read_rows
from contract.diameters import write_diameters
from contract.guarded import read_mask
from contract.names import DIAMETERS, normal
from contract.schema import Subset
from harness.datasets.folder import Pair

SEQUENCES = "sequences.csv"
"""Beside images/: which of them are frames of a movie."""
TIFF_SUFFIXES = {".tif", ".tiff"}
READABLE_BY_ALL = 0o444
FOR_ALL = 0o644
FOLDER_FOR_ALL = 0o755
"""Modes of what is made here: a container's user may be another one, whatever the umask says."""


def stage_images(
    folder: Path, images: Iterable[Path], diameters: Mapping[str, float] | None = None
) -> Path:
    """Fills a new `folder` with the images under their own names.

    Where `diameters` says how many pixels wide their cells are, a table beside them does too.
    """
    _renew(folder)
    names = []
    for image in images:
        _place(image, folder / image.name)
        names.append(image.name)
    known = {name: diameters[name] for name in names if diameters and name in diameters}
    if known:
        write_diameters(folder, known)
        (folder / DIAMETERS).chmod(FOR_ALL)
    return folder


def stage_labels(folder: Path, pairs: Iterable[Pair]) -> Path:
    """Fills a new `folder` with labels as <stem>_label.tiff, converting other formats."""
    _renew(folder)
    for pair in pairs:
        target = folder / label_name(pair.name)
        if pair.label.suffix.lower() in TIFF_SUFFIXES:
            _place(pair.label, target)
        else:
            write_mask(target, read_mask(pair.label))
            target.chmod(FOR_ALL)
    return folder


def stage_training(
    folder: Path, pairs: Iterable[Pair], split: Mapping[str, Subset], *, tables: bool = False
) -> Path:
    """Fills a new `folder` with images/, labels/ and split.csv, as train expects them.

    Generators are given `tables`, too: see `tables_of`.
    """
    pairs = list(pairs)
    _renew(folder)
    stage_images(folder / "images", (pair.image for pair in pairs))
    stage_labels(folder / "labels", pairs)
    sources = {pair.name: pair.strata.get("source", "") for pair in pairs}
    for name, text in {
        "split.csv": split_csv(split, sources),
        **(tables_of(pairs) if tables else {}),
    }.items():
        write_text(folder / name, text)
        (folder / name).chmod(FOR_ALL)
    return folder


def split_csv(split: Mapping[str, Subset], sources: Mapping[str, str]) -> str:
    """The split as `image,subset,source` lines, sorted by image."""
    rows = [(name, split[name], sources.get(name, "")) for name in sorted(split)]
    return _csv(["image", "subset", "source"], rows)


def tables_of(pairs: Iterable[Pair]) -> dict[str, str]:
    """What manifest.csv (the modality alone) and sequences.csv say of the pairs, by file name.

    A table of which no line is left is none. Raises CallError for one that cannot be read.
    """
    pairs = sorted(pairs, key=lambda pair: pair.name)
    modalities = [(pair.name, pair.strata.get("modality", "")) for pair in pairs]
    movies = {
        row.get("image") or "": (row.get("sequence") or "", row.get("frame") or "")
        for folder in {pair.image.parent.parent for pair in pairs}
        if (folder / SEQUENCES).is_file()
        for row in read_rows(folder / SEQUENCES)
    }
    named = {normal(image): movie for image, movie in movies.items()}
    frames = [
        (pair.name, *named[normal(pair.name)]) for pair in pairs if normal(pair.name) in named
    ]
    tables = {}
    if any(modality for _, modality in modalities):
        tables["manifest.csv"] = _csv(["image", "modality"], modalities)
    if frames:
        tables[SEQUENCES] = _csv(["image", "sequence", "frame"], frames)
    return tables


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _renew(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(FOLDER_FOR_ALL)


def _place(source: Path, target: Path) -> None:
    """A hard link; a copy across file systems and of files that not everybody may read.

    A broken link stays one, so that it is reported as an image like any other.
    """
    if not source.exists():
        target.symlink_to(source)
        return
    source = source.resolve()
    readable = source.stat().st_mode & READABLE_BY_ALL == READABLE_BY_ALL
    if readable or os.getuid() != 0:
        try:
            os.link(source, target)
            return
        except OSError:
            pass
    shutil.copyfile(source, target)
    target.chmod(FOR_ALL)
