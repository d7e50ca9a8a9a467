"""Notes what a Python process asks the system for; imported by Python itself at its start.

The kit puts this file's folder on PYTHONPATH of a model without a container and names a file in
CELLBENCH_WATCH. Every name that is looked up, address that is connected to and file that is opened
for writing becomes a line `kind<TAB>what`. It imports nothing but the standard library.
"""

import os
import sys

_NOTES = os.environ.get("CELLBENCH_WATCH")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _heed(event: str, arguments: "tuple[object, ...]") -> None:
    if event == "open":
        path, _, flags = arguments
        if path == _NOTES or not isinstance(path, str | bytes):
            return
        if isinstance(flags, int) and flags & _WRITING:
            _note("write", os.path.abspath(os.fsdecode(path)))  # noqa: PTH100
    elif event == "socket.getaddrinfo":
        _note("network", arguments[0])
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        _note("network", arguments[1][0])


def _note(kind: str, what: object) -> None:
    line = f"{kind}\t{what!a}\n".encode()
    file = os.open(_NOTES or os.devnull, os.O_WRONLY | os.O_APPEND)
    os.write(file, line)
    os.close(file)


if _NOTES:
    sys.addaudithook(_heed)
