"""Runs a command that ends with the harness: `leash.py PARENT_PID COMMAND…`.

This process stays between the two. When the harness dies or asks for the end, it kills whatever
the command has started, also what has left its process group; it does the same when the command
ends by itself. A file of its own, started as a script: it imports nothing but the standard library.
"""

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILLED = 128 + signal.SIGKILL


def main() -> None:
    """Ends with the command's exit code, or 128 plus the number of the signal that ended it."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, _stop)
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_CHILD_SUBREAPER, 1)  # the orphans below become this process's children
    kernel.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(KILLED)
    code = subprocess.call(command)
    _end(code if code >= 0 else 128 - code)


def _stop(number: int, frame: FrameType | None) -> None:
    _end(KILLED)


def _end(code: int) -> None:
    """Kills and reaps children until there are none, then leaves without further ado."""
    with suppress(ChildProcessError):
        while True:
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            os.wait()
    os._exit(code)


if __name__ == "__main__":
    main()
