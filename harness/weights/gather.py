"""The training folder of shipped weights: what may be learned from and passed on, and the rest."""

import csv
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from contract import CallError, label_name, sha256_file, sha256_json, write_json
from contract.dataset import read_rows
from harness.datasets.folder import TEST_PART, TRAIN_PART, load_dataset, split_training
from harness.datasets.leakage.audit import audit
from harness.datasets.simulated.dataset import simulate_dataset

SOURCES = Path(__file__).with_name("sources.yaml")
EXCLUDED_CSV, GATHERED_JSON = "excluded.csv", "gathered.json"
COLUMNS = ("image", "modality", "source", "licence", "group", "original", "learned")
SIMULATED = "simulated"
OURS = "drawn by harness data simulate"
DOUBLES = ("equal", "copy")
ROUNDS = 5


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Folder(_Rule):
    """A part of a dataset whose manifest says source, modality and licence of each image."""

    train: str
    test: str
    every: int = 1
    """One in so many is taken."""


class Movie(_Rule):
    """A folder of frames, images/ and labels/."""

    folder: str
    licence: str
    modality: str
    frames: tuple[int, ...]


class Drawn(_Rule):
    """What is simulated on top."""

    images: int
    size: int
    seed: int


class Sources(_Rule):
    """sources.yaml."""

    free: tuple[str, ...]
    """Licences, as SPDX names them, under which weights may be trained and passed on."""
    folders: tuple[Folder, ...] = ()
    movies: tuple[Movie, ...] = ()
    groups: Mapping[str, str] = {}
    """How the column `original` begins → the group of such an image."""
    simulated: Drawn | None = None
    origins: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One image with its label, and what became of it."""

    image: Path
    label: Path
    name: str
    """In the gathered folder."""
    source: str
    modality: str
    licence: str
    original: str = ""
    group: str = ""
    reason: str = ""
    """Why it is left out; "" when it is not."""


def read_sources(path: Path = SOURCES) -> Sources:
    """What a file such as sources.yaml says."""
    return Sources.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))


def is_free(licence: str, free: Sequence[str]) -> bool:
    """Whether the whole text is one of these licences; "CC BY-NC 4.0" is not CC-BY-4.0."""
    return _plain(licence) in {_plain(one) for one in free}


def gather(data: Path, out: Path, sources: Sources) -> list[Row]:
    """Writes `out` in the challenge's layout; returns all rows, those left out with a reason.

    Training-labeled has every image below `data` that may be learned from, with simulated ones;
    Tuning has those of the folders `test`. A training image that shows the same as a Tuning image
    is left out. `out` is made anew unless it is of the same images and rules.
    """
    rows = [*_of_folders(data, sources), *_of_movies(data, sources)]
    tests = list(_of_tests(data, sources))
    key = _key(rows, tests, sources)
    kept = out / GATHERED_JSON
    if not kept.is_file() or yaml.safe_load(kept.read_text(encoding="utf-8"))["key"] != key:
        aside = out.with_name(f"{out.name}.aside")
        shutil.rmtree(aside, ignore_errors=True)
        _write(aside, rows, tests, sources)
        doubles = _without_doubles(aside)
        write_json(aside / GATHERED_JSON, {"key": key, "doubles": doubles})
        _write_excluded(aside, _told(rows, doubles))
        shutil.rmtree(out, ignore_errors=True)
        aside.rename(out)
    return _told(rows, yaml.safe_load(kept.read_text(encoding="utf-8"))["doubles"])


def _told(rows: Sequence[Row], doubles: Mapping[str, str]) -> list[Row]:
    return [replace(row, reason=row.reason or doubles.get(row.name, "")) for row in rows]


def _of_folders(data: Path, sources: Sources) -> Iterator[Row]:
    for folder in sources.folders:
        part = data / folder.train
        taken: dict[str, int] = {}
        for line in _lines(part):
            row = _row(part, folder.train, line)
            if not is_free(row.licence, sources.free):
                yield replace(row, reason="its licence does not allow it")
                continue
            taken[row.source] = taken.get(row.source, 0) + 1
            over = (taken[row.source] - 1) % folder.every
            why = f"one image in {folder.every} of this source is enough"
            groups = [to for begin, to in sources.groups.items() if row.original.startswith(begin)]
            group = groups[0] if groups else ""
            yield replace(row, group=group, reason=why if over else "")


def _of_movies(data: Path, sources: Sources) -> Iterator[Row]:
    for movie in sources.movies:
        folder = data / movie.folder
        if not is_free(movie.licence, sources.free):
            raise CallError(f"{movie.folder} has the licence {movie.licence}, which is not free.")
        for image in sorted((folder / "images").glob("*.tif")):
            number = int(re.sub(r"\D", "", image.stem))
            apart = "a frame near one that is learned from"
            late = "a late frame of the movie, left to tests"
            why = late if number > max(movie.frames) else apart
            yield Row(
                image=image,
                label=folder / "labels" / label_name(image.name),
                name=f"{folder.name}_{image.name}",
                source=folder.name,
                modality=movie.modality,
                licence=movie.licence,
                original=image.name,
                group=folder.name,
                reason="" if number in movie.frames else why,
            )


def _of_tests(data: Path, sources: Sources) -> Iterator[Row]:
    for folder in sources.folders:
        for line in _lines(data / folder.test):
            yield _row(data / folder.test, folder.test, line)


def _lines(part: Path) -> list[dict[str, str]]:
    manifest = part / "manifest.csv"
    if not manifest.is_file():
        raise CallError(
            f"No {manifest}.",
            "the licence of each image stands there",
            "name the folder of data with DATA=DIR",
        )
    return read_rows(manifest)


def _row(part: Path, name: str, line: Mapping[str, str]) -> Row:
    return Row(
        image=part / "images" / line["image"],
        label=part / "labels" / label_name(line["image"]),
        name=f"{Path(name).parent.name}_{line['image']}",
        source=line["source"],
        modality=line["modality"],
        licence=line["licence"],
        original=line.get("original", ""),
    )


def _key(rows: Sequence[Row], tests: Sequence[Row], sources: Sources) -> str:
    images = [
        [row.name, row.reason, sha256_file(row.image), sha256_file(row.label)]
        for row in (*rows, *tests)
    ]
    return sha256_json([images, sources.model_dump(mode="json")])


def _write(out: Path, rows: Sequence[Row], tests: Sequence[Row], sources: Sources) -> None:
    chosen = [row for row in rows if not row.reason]
    learned = {row.source for row in chosen}
    parts: dict[str, list[dict[str, str]]] = {TRAIN_PART: [], TEST_PART: []}
    for part, own in ((TRAIN_PART, chosen), (TEST_PART, list(tests))):
        for kind in ("images", "labels"):
            (out / part / kind).mkdir(parents=True)
        for row in own:
            shutil.copyfile(row.image, out / part / "images" / row.name)
            shutil.copyfile(row.label, out / part / "labels" / label_name(row.name))
            line = {"image": row.name, "learned": "yes" if row.source in learned else "no"}
            for name in ("modality", "source", "licence", "group", "original"):
                line[name] = getattr(row, name)
            parts[part].append(line)
    if sources.simulated:
        parts[TRAIN_PART] += _simulate(out, sources.simulated)
    for part, lines in parts.items():
        _write_csv(out / part / "manifest.csv", COLUMNS, lines)


def _simulate(out: Path, drawn: Drawn) -> list[dict[str, str]]:
    """Simulated images of both parts go to training: the Tuning images are real ones."""
    aside, lines = out / SIMULATED, []
    simulate_dataset(aside, images=drawn.images, size=drawn.size, seed=drawn.seed)
    for part in (TRAIN_PART, TEST_PART):
        for line in read_rows(aside / part / "manifest.csv"):
            name = f"{SIMULATED}_{line['image']}"
            image = line["image"], name, "images"
            label = label_name(line["image"]), label_name(name), "labels"
            for old, new, kind in (image, label):
                (aside / part / kind / old).rename(out / TRAIN_PART / kind / new)
            lines.append(
                {
                    "image": name,
                    "modality": line["modality"],
                    "source": line["source"],
                    "licence": "CC0-1.0",
                    "learned": "yes",
                }
            )
    shutil.rmtree(aside)
    return lines


def _without_doubles(out: Path) -> dict[str, str]:
    """Removes training images that show the same as a Tuning image; says which, and why."""
    removed: dict[str, str] = {}
    for _ in range(ROUNDS):
        dataset = load_dataset(out)
        found = audit(dataset, split_training(dataset.train))
        doubles = {
            one.other: f"the same picture as the Tuning image {one.image}"
            for one in found.found
            if one.subset == "test" and one.kind in DOUBLES
        }
        if not doubles:
            return removed
        removed |= doubles
        part = out / TRAIN_PART
        lines = [line for line in read_rows(part / "manifest.csv") if line["image"] not in doubles]
        _write_csv(part / "manifest.csv", COLUMNS, lines)
        for name in doubles:
            (part / "images" / name).unlink()
            (part / "labels" / label_name(name)).unlink()
    raise CallError(f"Training images in {out} are Tuning images again and again.")


def _write_excluded(out: Path, rows: Sequence[Row]) -> None:
    columns = ("image", "source", "licence", "reason")
    lines = [{key: getattr(row, key) for key in columns} for row in rows if row.reason]
    _write_csv(
        out / EXCLUDED_CSV, columns, [{**line, "image": str(line["image"])} for line in lines]
    )


def _write_csv(path: Path, columns: Sequence[str], lines: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)


def _plain(licence: str) -> str:
    return re.sub(r"[\s_-]+", "-", licence.strip().lower())
