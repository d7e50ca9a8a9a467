"""A Dask scheduler and workers as processes of their own."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.integration.harness_fixtures import wait_until
from tests.programs import module, start

MEMORY = 4 * 2**30
PATIENCE = 300
"""Seconds; a dozen processes start here, perhaps on a machine with other things to do."""


def until(condition: Callable[[], object]) -> None:
    """Returns once `condition` holds."""
    wait_until(condition, PATIENCE)


class Daemons:
    """One scheduler with workers that a test may kill."""

    def __init__(self, folder: Path) -> None:
        from distributed import Client

        self._folder = folder
        self._file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen[str]] = []
        self._start("scheduler", "--host", "127.0.0.1", "--port", 0, "--no-dashboard")
        until(self._file.exists)
        self.client = Client(scheduler_file=str(self._file), set_as_default=False)
        self.address = str(self.client.scheduler.address)

    def workers(self) -> dict[int, str]:
        """Process id → address of those that are there."""
        found = self.client.scheduler_info(n_workers=-1)["workers"]
        return {int(worker["name"].split("-")[1]): address for address, worker in found.items()}

    def fill(self, number: int = 2) -> None:
        """Starts workers until there are so many."""
        for _ in range(number - len(self.workers())):
            self._start(
                "worker", "--no-nanny", "--nthreads", 1, "--memory-limit", MEMORY,
                "--no-dashboard", "--local-directory", self._folder,
                "--preload", self._named(),
            )  # fmt: skip
        until(lambda: len(self.workers()) == number)

    def at_work(self, word: str) -> int | None:
        """The process id of the worker that runs a step whose command line holds `word`."""
        for pid in self.workers():
            with suppress(psutil.Error):
                for child in psutil.Process(pid).children(recursive=True):
                    with suppress(psutil.Error):
                        if any(word in part for part in child.cmdline()):
                            return pid
        return None

    def close(self) -> None:
        """Ends them all."""
        self.client.close()
        for process in self.processes:
            process.kill()
            process.wait()

    def _named(self) -> Path:
        """A preload that names each worker by its process."""
        path = self._folder / "named.py"
        path.write_text(
            "import os\n\ndef dask_setup(worker):\n    worker.name = f'worker-{os.getpid()}'\n"
        )
        return path

    def _start(self, kind: str, *arguments: object) -> None:
        words = module(f"distributed.cli.dask_{kind}", *arguments, "--scheduler-file", self._file)
        self.processes.append(start(words, cwd=self._folder))


@contextmanager
def daemons(folder: Path) -> Iterator[Daemons]:
    """A scheduler with two workers, ended with the block."""
    made = Daemons(folder)
    try:
        made.fill()
        yield made
    finally:
        made.close()
