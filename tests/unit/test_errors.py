"""Messages in three parts, exit codes, and what counts as out of memory."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from contract import CallError, CellbenchError, Interrupted, OutOfMemory, UnreadableImage
from contract.errors import is_out_of_memory, os_error
from contract.events import parse_event
from tests.programs import ROOT, code, finish, start


def run(lines: str) -> subprocess.CompletedProcess[str]:
    """Runs `lines` as the body of a command line."""
    body = "\n".join(f"    {line}" for line in lines.splitlines())
    program = (
        "import os, sys\nfrom contract.errors import *\nfrom contract.errors import run_cli\n"
        f"def app():\n{body}\nrun_cli(app)\n"
    )
    return finish(code(program))


def test_a_message_has_up_to_three_parts() -> None:
    assert str(CellbenchError("It broke.")) == "It broke."
    lines = str(CellbenchError("It broke.", "it was old", "buy a new one")).splitlines()
    assert [line.split(":")[0].strip() for line in lines] == [
        "It broke.",
        "likely why",
        "do this",
    ]


@pytest.mark.parametrize(
    ("lines", "exit_code", "message"),
    [
        ("pass", 0, ""),
        ("raise CallError('No.', 'because', 'do that')", 2, "error: No.\n  likely why: because"),
        ("raise UnreadableImage('dark')", 1, "error: dark"),
        ("raise OutOfMemory('full')", 4, "error: full"),
        ("raise MemoryError", 4, "error: Out of memory."),
        ("raise KeyboardInterrupt", 130, "error: Interrupted."),
        ("raise Interrupted('stop')", 130, "error: stop"),
        ("raise OSError(28, 'No space left on device', '/out/x')", 1, "The disk is full: /out/x"),
        ("open('/proc/self/mem/x', 'w')", 2, "error: Cannot use /proc/self/mem/x"),
    ],
)
def test_exit_codes(lines: str, exit_code: int, message: str) -> None:
    ended = run(lines)
    assert ended.returncode == exit_code
    assert ended.stdout == ""
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("name", "variables", "words"),
    [
        (b"Zellk\xf6rper", {}, "is no valid UTF-8"),
        ("Zellkörper".encode(), {"LC_ALL": "C", "PYTHONUTF8": "0"}, "set the variable PYTHONUTF8"),
    ],
)
def test_names_that_are_no_text_are_refused_before_any_work(
    tmp_path: Path, name: bytes, variables: dict[str, str], words: str
) -> None:
    """As an argument, and as the folder that the program is started in."""
    program = ["-c", "from contract.errors import run_cli; run_cli(lambda: print('worked'))"]
    folder = tmp_path / os.fsdecode(name)
    folder.mkdir()
    plain = {"PYTHONCOERCECLOCALE": "0", **variables, "PYTHONPATH": str(ROOT)}
    for arguments, where in (([name], tmp_path), ([], folder)):
        ended = subprocess.run(
            [sys.executable, *program, *arguments],
            cwd=where,
            env={**os.environ, **plain},
            capture_output=True,
            check=False,
        )
        assert ended.returncode == 2, ended.stderr
        assert ended.stdout == b""
        assert words.encode() in ended.stderr
        assert b"Traceback" not in ended.stderr


def test_programming_errors_keep_their_traceback() -> None:
    ended = run("return {}['key']")
    assert ended.returncode == 1
    assert "KeyError: 'key'" in ended.stderr


def test_a_reader_that_has_left_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    program = "from contract.errors import run_cli\nrun_cli(lambda: print('x'))"
    ended = start(code(program), stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    _, words = ended.communicate()
    assert (ended.returncode, words) == (141, "")


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (errno.ENOSPC, CellbenchError, "disk is full"),
        (errno.EDQUOT, CellbenchError, "disk is full"),
        (errno.EACCES, CallError, "No permission"),
        (errno.EROFS, CallError, "No permission"),
        (errno.ENOTDIR, CallError, "Cannot use"),
        (errno.ENAMETOOLONG, CallError, "Cannot use"),
        (errno.EIO, CellbenchError, "Input/output error"),
    ],
)
def test_refusals_of_the_system(number: int, kind: type, words: str) -> None:
    error = os_error(OSError(number, os.strerror(number), "/out/x"))
    assert type(error) is kind
    assert words in error.what
    assert "/out/x" in error.what


def test_a_full_disk_is_named_not_the_file_that_was_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sizes of disks are made up; the last path's disk is the only one without room."""
    source, target, mount = tmp_path / "in.png", tmp_path / "new/out.png", tmp_path / "full"

    def usage(place: Path) -> Any:
        return namedtuple("usage", "free")(0 if place == mount else 2**40)

    monkeypatch.setattr(shutil, "disk_usage", usage)
    error = OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))
    assert os_error(error).what == f"The disk is full: {target}."
    monkeypatch.setattr(Path, "is_mount", lambda self: self == mount)
    monkeypatch.setenv("TMPDIR", str(mount))
    mount.mkdir()
    for refused in (error, OSError(errno.ENOSPC, "No space left on device")):
        assert os_error(refused).what == f"The disk is full: {mount}."


def test_what_counts_as_out_of_memory() -> None:
    class OutOfMemoryError(RuntimeError):
        """Named as torch's."""

    with pytest.raises(MemoryError) as numpys:
        np.empty(2**62, np.uint8)
    for error in (
        MemoryError(),
        numpys.value,
        OutOfMemoryError("CUDA"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ):
        assert is_out_of_memory(error)
    for error in (RuntimeError("shapes differ"), ValueError("out of memory"), OSError(5, "I/O")):
        assert not is_out_of_memory(error)


def test_exit_codes_are_the_contracts() -> None:
    kinds = (CellbenchError, CallError, OutOfMemory, Interrupted, UnreadableImage)
    assert [kind.exit_code for kind in kinds] == [1, 2, 4, 130, 1]


@pytest.mark.parametrize(
    "line",
    ["", "epoch 3", "{", "{not json}", "[1]", "17", json.dumps({"done": 1}), '{"event": 3}'],
)
def test_other_lines_are_no_events(line: str) -> None:
    assert parse_event(line) is None


def test_events_are_parsed() -> None:
    event = {"event": "progress", "done": 3, "total": 4, "message": "a\u2028b"}
    assert parse_event(f" {json.dumps(event)}\n") == event
