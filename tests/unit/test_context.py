"""Build contexts: what is in them, who may read it, and that the base's Dockerfile finds it."""

import re
import tarfile
from pathlib import Path

from harness.models.build import BASE_DOCKERFILE
from harness.models.context import pack
from harness.models.registry import BASE_PARTS, SOURCES


def test_a_context_holds_files_readable_by_everybody_and_no_byte_code(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    (folder / "__pycache__").mkdir(parents=True)
    (folder / "__pycache__" / "a.cpython-311.pyc").touch()
    (folder / "b.pyc").touch()
    (folder / "w.bin").write_bytes(b"\0\1")
    (folder / "w.bin").chmod(0o600)
    folder.chmod(0o700)
    with tarfile.open(fileobj=pack({"Dockerfile": "FROM ü\n", "w": folder})) as tar:
        entries = {entry.name: entry for entry in tar}
        assert set(entries) == {"Dockerfile", "w", "w/w.bin"}
        assert [oct(entries[name].mode) for name in ("w", "w/w.bin")] == ["0o755", "0o644"]
        assert {(entry.uid, entry.gid) for entry in entries.values()} == {(0, 0)}
        text, weights = tar.extractfile("Dockerfile"), tar.extractfile("w/w.bin")
        assert text is not None
        assert weights is not None
        assert (text.read().decode(), weights.read()) == ("FROM ü\n", b"\0\1")


def test_the_bases_context_has_what_its_dockerfile_copies() -> None:
    with tarfile.open(fileobj=pack({part: SOURCES / part for part in BASE_PARTS})) as tar:
        names = set(tar.getnames())
    text = (SOURCES / BASE_DOCKERFILE).read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (\S+) \S+$", text, re.MULTILINE)
    assert {BASE_DOCKERFILE, *copied} <= names
    kept = (SOURCES / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in kept if line.startswith("!")} == set(BASE_PARTS)
