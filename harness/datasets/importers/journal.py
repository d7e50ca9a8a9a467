"""What an import has finished, so that the same call goes on where an earlier one ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import CallError, sha256_json
from contract.files import append_line, read_lines
from contract.names import OURS
from harness.datasets.importers.record import Record

NAME = f"{OURS}-import.jsonl"


@dataclass(frozen=True, kw_only=True)
class Done:
    """A record that was imported."""

    state: str
    """Changes when a file of the record does."""
    part: str
    stem: str
    group: str
    images: tuple[dict[str, Any], ...]
    """A row of the manifest each."""
    cells: int
    remarks: tuple[str, ...]


class Journal:
    """The lines of `folder`/.cellbench-import.jsonl: first the call, then a line a record."""

    def __init__(self, folder: Path, call: Mapping[str, Any]) -> None:
        self._path = folder / NAME
        self.done: dict[str, Done] = {}
        lines = [line for line in read_lines(self._path) if isinstance(line, dict)]
        if lines and lines[0].get("call") != call:
            before = lines[0].get("call", {})
            other = [key for key in call if before.get(key) != call[key]]
            raise CallError(
                f"{folder} holds an import that was asked for otherwise: {', '.join(other)}.",
                f"before it was {', '.join(f'{key} {before.get(key)}' for key in other)}",
                "choose another folder, or give the same options as before to go on",
            )
        self._call = dict(call) if not lines else None
        for line in lines[1:]:
            images, remarks = tuple(line.pop("images")), tuple(line.pop("remarks"))
            original = line.pop("original")
            self.done[original] = Done(images=images, remarks=remarks, **line)

    def add(self, original: str, done: Done) -> None:
        """Notes that a record is imported."""
        if self._call is not None:
            append_line(self._path, {"call": self._call})
            self._call = None
        append_line(self._path, {"original": original, **vars(done)})
        self.done[original] = done

    def holds(self, folder: Path, record: Record) -> bool:
        """Whether the record was imported as it is now, and its images are still there."""
        done = self.done.get(record.original)
        return (
            done is not None
            and done.state == state(record)
            and all(
                (folder / done.part / "images" / row["image"]).is_file()
                and (folder / done.part / "labels" / row["label"]).is_file()
                for row in done.images
            )
        )


def state(record: Record) -> str:
    """A hash of sizes and times of the record's files."""
    files = {*record.files}
    files |= {path for path in (record.image, record.label) if isinstance(path, Path)}
    found = []
    for path in sorted(files):
        if path.is_file():
            status = path.stat()
            found.append([str(path), status.st_size, status.st_mtime_ns])
    return sha256_json(found)[:16]
