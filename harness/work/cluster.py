"""Items on the workers of a Dask cluster, which may be other machines over one shared folder."""

import pickle
import threading
import time
import uuid
from collections.abc import Mapping
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import replace
from typing import Any

from harness.runners.job import Limits
from harness.work.apart import Lost, Message, Relay, Stopped, Task, carry_out_apart
from harness.work.crew import TRIES, lost, within
from harness.work.items import Done, Item
from harness.work.progress import Display

WATCH_SECONDS = 1.0
"""How often it is looked which items wait for a worker that there is not."""
MEMORY_SHARE = 0.9
ENDING_SECONDS = 30
"""How long interrupted items may take to end their containers."""

TOO_OFTEN = f"its worker was lost {TRIES} times"
BEGUN, ENDED = "begun", "ended"
"""What a worker says of an item beside what the item's own process says."""
GPU, MEMORY = "GPU", "MEMORY"
"""Resources that workers may declare: whole devices, and bytes."""


def needs(limits: Limits, *, memory_asked: bool, item: Item) -> dict[str, float]:
    """What a worker must have declared to be handed the item; scoring needs nothing."""
    if item.runs is None:
        return {}
    wanted: dict[str, float] = {}
    if limits.gpu:
        wanted[GPU] = 1
    if memory_asked:
        wanted[MEMORY] = limits.memory
    return wanted


class Cluster:
    """Hands items to the workers of a Dask cluster, all of them at once.

    `patience` is for how many seconds an item may wait while no worker has what it needs.
    """

    width = 2**31

    def __init__(
        self,
        client: Any,
        limits: Limits,
        show: Display,
        *,
        memory_asked: bool = False,
        patience: float = 600,
    ) -> None:
        self._client = client
        self._limits = limits
        self._show = show
        self._memory_asked = memory_asked
        self._patience = patience
        self._topic = f"cellbench-{uuid.uuid4().hex}"
        self._sent: dict[str, _Sent] = {}
        self._closed = threading.Event()
        client.subscribe_topic(self._topic, self._hear)
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def submit(self, item: Item) -> Future[Done]:
        """Hands the item over; the future never fails for reasons of the cluster."""
        wanted = needs(self._limits, memory_asked=self._memory_asked, item=item)
        code = item.runs.code_sha256() if item.runs else None
        task = pickle.dumps(Task(item=within(item, self._limits), code=code, prepare=True))
        name = f"cellbench-{uuid.uuid4().hex}"
        executor = self._client.get_executor(pure=False, resources=wanted, retries=0)
        sent = _Sent(item, wanted, Relay(self._show))
        self._sent[name] = sent
        asked = None if self._memory_asked else MEMORY_SHARE
        sent.future = executor.submit(serve, task, name, self._topic, asked, key=name)
        sent.future.add_done_callback(lambda future: self._settle(name, future))
        return sent.promise

    def close(self) -> None:
        """Calls every item off, and waits for the workers to have ended what they had begun."""
        self._closed.set()
        self._watcher.join()
        open_items = [sent for sent in self._sent.values() if not sent.promise.done()]
        for sent in open_items:
            sent.future.cancel()
        deadline = time.monotonic() + ENDING_SECONDS
        while any(sent.begun > sent.ended for sent in open_items) and time.monotonic() < deadline:
            time.sleep(0.1)
        self._client.unsubscribe_topic(self._topic)
        self._client.close()

    def _hear(self, event: tuple[float, Any]) -> None:
        """Takes what a worker says of one of the items."""
        _, (name, worker, message) = event
        sent = self._sent.get(name)
        if sent is None:
            return
        if message == BEGUN:
            sent.begun += 1
            if sent.begun > TRIES:
                sent.given_up = time.monotonic()  # the watcher calls it off
            elif sent.begun > 1:
                self._show.say(f"{sent.item.name}: begun again on {worker}")
        elif message == ENDED:
            sent.ended += 1
            if sent.given_up is not None:
                self._lose(sent, TOO_OFTEN)
        elif not sent.promise.done():
            kind, words = message  # what was a tuple may come as a list
            sent.relay((kind, words))

    def _settle(self, name: str, future: "Future[Done]") -> None:
        sent = self._sent[name]
        if sent.promise.done() or self._closed.is_set() or sent.given_up is not None:
            return
        try:
            done = future.result()
        except (Exception, CancelledError) as error:
            words = str(error).strip().splitlines()
            self._lose(sent, words[0] if words else f"lost: {type(error).__name__}")
            return
        self._show.ended(sent.item.name, well=done.outcome == "done")
        sent.promise.set_result(done)
        self._sent.pop(name, None)

    def _lose(self, sent: "_Sent", reason: str) -> None:
        if sent.promise.done():
            return
        done = lost(sent.item, reason, self._show)
        with suppress(Exception):  # it was settled meanwhile
            sent.promise.set_result(done)
        sent.future.cancel()

    def _watch(self) -> None:
        """Gives up items that no worker could serve for longer than there is patience."""
        while not self._closed.wait(WATCH_SECONDS):
            workers = self._workers()
            now = time.monotonic()
            for sent in list(self._sent.values()):
                if sent.promise.done():
                    continue
                if sent.given_up is not None:
                    sent.future.cancel()  # once its worker has let go of it, it is lost
                    if now - sent.given_up > ENDING_SECONDS:
                        self._lose(sent, TOO_OFTEN)
                elif any(_has(worker, sent.wanted) for worker in workers):
                    sent.since = now
                elif now - sent.since > self._patience:
                    self._lose(sent, _unserved(sent.wanted, len(workers), self._patience))

    def _workers(self) -> list[Mapping[str, Any]]:
        with suppress(Exception):  # the scheduler is restarting
            return list(self._client.scheduler_info(n_workers=-1)["workers"].values())
        return []


class _Sent:
    """An item that was handed over."""

    def __init__(self, item: Item, wanted: Mapping[str, float], relay: Relay) -> None:
        self.item = item
        self.wanted = wanted
        self.relay = relay
        self.promise: Future[Done] = Future()
        self.future: Future[Done] = Future()
        self.since = time.monotonic()
        """When there last was a worker that could serve it."""
        self.given_up: float | None = None
        """When it was called off because its workers were lost too often."""
        self.begun = 0
        self.ended = 0


def _has(worker: Mapping[str, Any], wanted: Mapping[str, float]) -> bool:
    declared = worker.get("resources") or {}
    return all(declared.get(name, 0) >= amount for name, amount in wanted.items())


def _unserved(wanted: Mapping[str, float], workers: int, patience: float) -> str:
    words = " and ".join(f"{name}={amount:g}" for name, amount in wanted.items())
    return (
        f"no worker of the cluster has {words or 'come'}: there were {workers} workers"
        f" for {patience:g} s"
    )


def serve(task: bytes, name: str, topic: str, share: float | None) -> Done:
    """What a worker does for one item: a process of its own, ended with the item or the worker.

    `share` is the part of the worker's memory that the item may use, None where it has a limit.
    """
    from distributed import get_worker

    worker = get_worker()

    def tell(message: Message | str) -> None:
        worker.log_event(topic, (name, worker.address, message))

    def called_off() -> bool:
        state = worker.state.tasks.get(name)
        return state is None or state.state not in ("executing", "long-running")

    tell(BEGUN)
    try:
        own = _own_limits(pickle.loads(task), worker, share)  # noqa: S301  # from the run's head
        for _ in range(TRIES):
            with suppress(Lost):
                return carry_out_apart(own, tell, called_off)
        raise Lost(f"its process was killed {TRIES} times")
    except Stopped:
        return Done(outcome="crashed", message="called off")
    finally:
        tell(ENDED)


def _own_limits(task: Task, worker: Any, share: float | None) -> bytes:
    """The task with as many cores and as much memory as one of this worker's threads has."""
    import psutil

    from contract.serve import usable_cores

    limits = task.item.context.limits
    limits = replace(limits, cores=max(1, usable_cores() // worker.state.nthreads))
    if share is not None:
        memory = worker.memory_manager.memory_limit or psutil.virtual_memory().total
        limits = replace(limits, memory=int(share * memory / worker.state.nthreads))
    return pickle.dumps(replace(task, item=within(task.item, limits)))
