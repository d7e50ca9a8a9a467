"""Running programs as an ordinary user, also where the tests run as root."""

import grp
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import psutil
import pytest

from tests.programs import ROOT, environment

CHECK = "import sys, numpy, pydantic; print(*sys.version_info[:2])"


@dataclass(frozen=True, kw_only=True)
class OtherUser:
    """Somebody who is not root, with a folder of their own; `python` is what they may start."""

    uid: int
    gid: int
    home: Path
    python: str = sys.executable
    groups: tuple[int, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)

    def start(self, words: Sequence[object], *, cwd: Path = ROOT) -> "subprocess.Popen[str]":
        """Starts a command whose output can be read."""
        own = {} if self.uid == os.getuid() else {"user": self.uid, "group": self.gid}
        packages = [path for path in sys.path if path.endswith("site-packages")]
        return subprocess.Popen(
            [str(word) for word in words],
            cwd=cwd,
            env={
                **environment(),
                "HOME": str(self.home),
                "TMPDIR": str(self.home),
                "PYTHONPATH": os.pathsep.join([str(ROOT), *packages]),
                "PYTHONDONTWRITEBYTECODE": "1",
                **self.variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **({**own, "extra_groups": self.groups} if own else {}),
        )

    def run(
        self, *words: object, cwd: Path = ROOT, memory: list[int] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Runs a command to its end; `memory` takes its largest resident size, in bytes."""
        process = self.start(words, cwd=cwd)
        largest = 0
        while True:
            largest = max(largest, _resident(process.pid))
            try:
                out, err = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            if memory is not None:
                memory.append(largest)
            return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def harness(
        self, *arguments: object, cwd: Path = ROOT, memory: list[int] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Runs `harness` to its end."""
        words = (self.python, "-m", "harness.commands.cli", *arguments)
        return self.run(*words, cwd=cwd, memory=memory)

    def own(self, folder: Path) -> Path:
        """Gives a folder and all below to this user."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)
        return folder


def _resident(pid: int) -> int:
    """Bytes of memory of a process and all below it; shared pages count for each."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with suppress(psutil.Error):
                total += one.memory_info().rss
    return total


@contextmanager
def other_user(*, group: str | None = None) -> Iterator[OtherUser]:
    """An ordinary user with an empty home below /tmp: nobody, or the caller who is none but that.

    `group` is one that the user must be in. Skips where no Python of this version can be started
    by everybody.
    """
    home = Path(mkdtemp(prefix="cellbench-user-", dir="/tmp"))
    try:
        groups: tuple[int, ...] = ()
        if group is not None:
            groups = (grp.getgrnam(group).gr_gid,)
        if os.getuid() != 0:
            yield OtherUser(uid=os.getuid(), gid=os.getgid(), home=home)
            return
        nobody = pwd.getpwnam("nobody")
        user = OtherUser(uid=nobody.pw_uid, gid=nobody.pw_gid, home=home, groups=groups)
        user.own(home)
        yield _with_python(user)
    finally:
        rmtree(home, ignore_errors=True)


def _with_python(user: OtherUser) -> OtherUser:
    """The user with a Python that they may start, this one or the system's."""
    wanted = " ".join(map(str, sys.version_info[:2]))
    for python in (sys.executable, "/usr/bin/python3"):
        chosen = OtherUser(**{**vars(user), "python": python})
        try:
            done = chosen.run(python, "-c", CHECK)
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.strip() == wanted:
            return chosen
    pytest.skip(f"needs a Python {wanted} that other users may start, with this one's packages")
