"""Which files of a folder this program wrote, so that it never replaces any other."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from contract.errors import CallError
from contract.files import append_line, read_lines, sha256_file
from contract.names import OURS, normal, printable, some

RECORD = f"{OURS}-wrote.jsonl"


class Written:
    """The record of what this program wrote into a folder: `folder`/.cellbench-wrote.jsonl.

    A line names a file, or a folder with all that is in it by a slash at its end. It is written
    before the file appears, so a killed call leaves nothing that the next one would not know, and
    once more with the file's hash where a later change by hand is to be noticed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._hashes: dict[str, str | None] = {}
        for line in read_lines(folder / RECORD):
            if isinstance(line, dict) and isinstance(line.get("file"), str):
                digest = line.get("sha256")
                self._hashes[normal(line["file"])] = digest if isinstance(digest, str) else None

    @property
    def names(self) -> frozenset[str]:
        """What this program wrote here, also what is no longer there."""
        return frozenset(self._hashes)

    def refuse_others(self, names: Iterable[str]) -> None:
        """Raises CallError when any of these would replace what this program did not write.

        A folder without anything in it is nobody's.
        """
        foreign, changed = [], []
        for name in names:
            path = self.folder / name
            if not os.path.lexists(path) or _is_empty_folder(path):
                continue
            digest = self._hashes.get(normal(name), "")
            if digest == "":
                foreign.append(name)
            elif digest and (not path.is_file() or sha256_file(path) != digest):
                changed.append(name)
        where = printable(str(self.folder))
        if foreign:
            raise CallError(
                f"{where} holds {some([printable(name) for name in foreign])}, which cellbench did"
                " not write and does not replace.",
                "the folder holds your own files, or masks whose record was not copied with them",
                "choose another folder",
            )
        if changed:
            raise CallError(
                f"{where} holds {some([printable(name) for name in changed])}, changed since"
                " cellbench wrote it and not to be replaced.",
                "a mask was corrected by hand",
                "choose another folder, or move what you want to keep",
            )

    def claim(self, names: Sequence[str], *, known: bool = False) -> None:
        """Makes the folder and records that these are ours.

        Raises as `refuse_others` before, unless the folder is `known` to be ours.
        """
        if not known:
            self.refuse_others(names)
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            self.note(name)

    def note(self, name: str, *, final: bool = False) -> None:
        """Records that a file is ours: before it is written and, `final`, with its hash behind."""
        digest = sha256_file(self.folder / name) if final else None
        if normal(name) in self._hashes and self._hashes[normal(name)] == digest:
            return
        append_line(self.folder / RECORD, {"file": name, "sha256": digest})
        self._hashes[normal(name)] = digest


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is None
