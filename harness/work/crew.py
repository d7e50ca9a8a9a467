"""Who carries out the items of a run: this process, processes beside it, or a cluster."""

import pickle
import queue
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from contract import Interrupted
from harness.runners.job import Limits
from harness.work.apart import Lost, Relay, Stopped, Task, carry_out_apart
from harness.work.items import Done, Item, carry_out, recorded
from harness.work.progress import Display

TRIES = 2
"""How often an item is begun whose process or worker is lost."""
AHEAD = 1
"""Items that wait in front of the workers, so that none is idle while a report is rendered."""

ResultT = TypeVar("ResultT")
KeyT = TypeVar("KeyT")
Together = tuple[Item, ...]
"""Items that may be carried out beside each other."""
Course = Generator[Item | Together, Done, ResultT]
"""Items that follow from each other: it is sent how each ended, and returns what came of all.

For items together it is sent the first end that was not well, else the first, with all as `parts`.
"""


class Crew(Protocol):
    """Carries out items, in the order in which they come or beside each other."""

    width: int
    """How many items it can make use of at once."""

    def submit(self, item: Item) -> Future[Done]:
        """Begins an item, or has it wait for its turn."""
        ...

    def close(self) -> None:
        """Stops what still runs, and returns once nothing is left of it."""
        ...


class InTurn:
    """Carries out each item at once, in this process."""

    width = 1

    def __init__(self, show: Display) -> None:
        self._show = show

    def submit(self, item: Item) -> Future[Done]:
        """Returns when the item has ended; raises as `carry_out`."""
        future: Future[Done] = Future()
        future.set_result(carry_out(item, self._show))
        return future

    def close(self) -> None:
        """Nothing runs between two calls."""


class Beside:
    """Carries out up to `workers` items at a time, each in a process of its own.

    `devices` are the GPUs, one for each worker; without them the items see what `limits` allows.
    """

    def __init__(
        self, workers: int, limits: Limits, show: Display, devices: tuple[str, ...] = ()
    ) -> None:
        self.width = workers + AHEAD
        self._limits = limits
        self._show = show
        self._devices: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        for number in range(workers):
            self._devices.put(devices[number] if number < len(devices) else None)
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="item")

    def submit(self, item: Item) -> Future[Done]:
        """Has the item wait for the next worker that is free."""
        return self._pool.submit(self._carry_out, item)

    def close(self) -> None:
        """Ends the processes, and with them their steps and containers."""
        self._closed.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _carry_out(self, item: Item) -> Done:
        device = self._devices.get()
        try:
            limits = replace(self._limits, device=device)
            task = pickle.dumps(Task(item=within(item, limits)))
            for _ in range(TRIES):
                with suppress(Lost):
                    done = carry_out_apart(task, Relay(self._show), self._closed.is_set)
                    self._show.ended(item.name, well=done.outcome == "done")
                    return done
                self._show.say(f"{item.name}: its process was killed")
        except Stopped:
            raise Interrupted("The run was interrupted.") from None
        finally:
            self._devices.put(device)
        return lost(item, f"its process was killed {TRIES} times", self._show)


def within(item: Item, limits: Limits) -> Item:
    """The item with other limits."""
    changes: Mapping[str, Any] = {"context": replace(item.context, limits=limits)}
    return replace(item, **changes)  # type: ignore[type-var]  # items are dataclasses


def lost(item: Item, reason: str, show: Display) -> Done:
    """The end of an item that nobody could carry out to its end, recorded as far as it can be."""
    done = Done(outcome="crashed", message=reason, recorded=recorded(item, reason))
    show.say(f"{item.name}: {reason}")
    show.ended(item.name, well=False)
    return done


def follow(
    courses: Mapping[KeyT, Callable[[], Course[ResultT]]], crew: Crew
) -> Iterator[tuple[KeyT, ResultT]]:
    """Carries out every course; yields what came of each, as it ends.

    A course that has begun goes on before another one begins.
    """
    waiting = iter(courses.items())
    running: dict[Future[Done], tuple[_Group[KeyT, ResultT], int]] = {}

    def send(key: KeyT, course: Course[ResultT], due: Item | Together) -> None:
        items = due if isinstance(due, tuple) else (due,)
        group = _Group(key, course, len(items))
        for number, item in enumerate(items):
            running[crew.submit(item)] = group, number

    def fill() -> None:
        while len(running) < crew.width:
            following = next(waiting, None)
            if following is None:
                return
            key, begin = following
            course = begin()
            send(key, course, next(course))

    fill()
    while running:
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            group, number = running.pop(future)
            group.ends[number] = future.result()
            if len(group.ends) < group.size:
                continue
            try:
                due = group.course.send(group.end)
            except StopIteration as end:
                yield group.key, end.value
                fill()
            else:
                send(group.key, group.course, due)


class _Group(Generic[KeyT, ResultT]):
    """Items of a course that were submitted together, and how those ended that have."""

    def __init__(self, key: KeyT, course: Course[ResultT], size: int) -> None:
        self.key = key
        self.course = course
        self.size = size
        self.ends: dict[int, Done] = {}

    @property
    def end(self) -> Done:
        """One end for all of them."""
        ends = tuple(self.ends[number] for number in range(self.size))
        worst = next((end for end in ends if end.outcome != "done"), ends[0])
        return replace(worst, parts=ends)
