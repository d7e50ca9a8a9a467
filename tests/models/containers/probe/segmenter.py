"""Prints one JSON line on stderr with everything that isolation should forbid or limit."""

import json
import os
import socket
import sys
from pathlib import Path

import numpy as np

from contract import Image, serve


class Segmenter:
    def __init__(self, weights: Path | None, threads: int) -> None:
        self.threads = threads

    def predict(self, image: Image) -> np.ndarray:
        print(json.dumps(self.look()), file=sys.stderr, flush=True)
        return np.zeros(image.pixels.shape[:2], np.uint8)

    def look(self) -> dict[str, object]:
        status = dict(
            line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return {
            "uid": os.getuid(),
            "gid": os.getgid(),
            "interfaces": sorted(name for _, name in socket.if_nameindex()),
            "network": _attempt(lambda: socket.create_connection(("192.0.2.1", 80), 2)),
            "root": _attempt(lambda: Path("/opt/cellbench/mark").write_text("x")),
            "in": _attempt(lambda: Path("/in/mark").write_text("x")),
            "tmp": _attempt(lambda: Path("/tmp/mark").write_text("x")),
            "home": os.environ["HOME"],
            "capabilities": int(status["CapEff"], 16),
            "no_new_privileges": status["NoNewPrivs"].strip(),
            "memory": _limit("memory/memory.limit_in_bytes", "memory.max"),
            "swap": _limit("memory/memory.memsw.limit_in_bytes", "memory.swap.max"),
            "pids": _limit("pids/pids.max", "pids.max"),
            "shm": _size("/dev/shm"),
            "tmp_size": _size("/tmp"),
            "init": Path("/proc/1/comm").read_text().strip(),
            "threads": self.threads,
        }


def _attempt(act: object) -> str:
    try:
        act()  # type: ignore[operator]
    except OSError as error:
        return type(error).__name__ + f" {error.errno}"
    return "allowed"


def _limit(version_1: str, version_2: str) -> str:
    for path in (Path("/sys/fs/cgroup") / version_1, Path("/sys/fs/cgroup") / version_2):
        if path.exists():
            return path.read_text().strip()
    return "unknown"


def _size(path: str) -> int:
    facts = os.statvfs(path)
    return facts.f_frsize * facts.f_blocks


if __name__ == "__main__":
    serve(Segmenter)
