"""Parallel work on a CPU: several threads with a part of the batch each.

Splitting every single operation over threads, which is torch's own way, costs several times the
time once another process wants the same cores: each operation waits for the slowest thread. Here
threads meet once per step, and results do not depend on how many there are.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """Calls a function on several items at a time. Sets torch itself to one thread."""

    def __init__(self, threads: int) -> None:
        torch.set_num_threads(1)
        self.threads = max(1, threads)
        self._pool = ThreadPoolExecutor(self.threads) if threads > 1 else None

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Results in the order of `items`; the first exception is raised."""
        if self._pool is None:
            return [function(item) for item in items]
        return list(self._pool.map(function, items))
