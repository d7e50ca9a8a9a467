"""Runs a command that the kernel kills when the harness dies: `leash.py PARENT_PID COMMAND…`.

A file of its own, started as a script, because the death signal must be set between fork and
exec, where code in a process with threads is unsafe.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ties this process to its parent, then becomes the command."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(137)
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
