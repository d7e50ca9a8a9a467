"""How a run scales over workers: `make bench-scaling`, under three minutes on two quiet cores.

First a real run, of otsu on pictures that it sees many times, with one worker and with two. Then a
simulated cluster of up to 64 workers: the courses, items, hand-overs and rows are the real ones,
and only the work of an item is replaced by sleep, of durations that were measured and then
shortened. What the harness itself spends on an item does not shrink with them.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from functools import partial
from pathlib import Path

from evaluator.runs.records import TestImage
from evaluator.scores.rows import ScoreRow, write_scores
from harness.datasets.simulated.dataset import simulate_dataset
from harness.models.registry import SOURCES, choose_models, python_path
from harness.runners.choose import Chosen
from harness.runners.local import LocalRunner
from harness.work import run_all as whole
from harness.work.apart import Task
from harness.work.courses import course
from harness.work.crew import Beside, follow
from harness.work.items import Context, Done, Item
from harness.work.progress import PlainDisplay
from harness.work.request import Request
from harness.work.scoring import ScoreItem
from harness.work.shards import SHARD_IMAGES, BeginItem, GatherItem, ShardItem
from harness.work.training import TrainItem
from tests.unit.harness_items import LIMITS, context

DRAWN, TIMES, SIDE = 16, 50, 256
"""Pictures of the real run, how often each lies there, and their side in pixels."""
SECONDS = {TrainItem: 300.0, BeginItem: 1.0, ShardItem: 125.0, GatherItem: 2.0, ScoreItem: 5.0}
"""Of an item on a worker: a training of five minutes, 250 images of half a second each."""
SHORTENED = 100
IMAGES = 1000
WORKERS = (1, 4, 16, 64)
MODELS_EACH = 2
"""As many trained models for each worker."""


def main() -> None:
    """Prints both tables in Markdown."""
    with tempfile.TemporaryDirectory() as folder:
        _real(Path(folder))
        _simulated(Path(folder))
    _process()


def _real(folder: Path) -> None:
    data = _pictures(folder / "data")
    print(f"otsu on {DRAWN // 4 * TIMES} test images of {SIDE} px, load {os.getloadavg()[0]:.1f}\n")
    print("| workers | time | speed-up | efficiency |\n| --- | --- | --- | --- |")
    first = 0.0
    for workers in (1, 2):
        request = Request(
            data=data,
            out=folder / f"run{workers}",
            models=choose_models(["otsu"]),
            profile="tiny",
            settings={},
            seeds=(0,),
            protocol=None,
            limits=replace(LIMITS, cores=1),
        )
        with _silent():
            show = PlainDisplay()
            start = time.perf_counter()
            crew = Beside(workers, request.limits, show)
            whole.run_all(request, Chosen(LocalRunner(), "for the benchmark"), show, crew)
            took = time.perf_counter() - start
        first = first or took
        print(f"| {workers} | {took:.1f} s | {first / took:.2f} | {first / took / workers:.0%} |")


def _pictures(folder: Path) -> Path:
    simulate_dataset(folder, images=DRAWN, size=SIDE)
    for part in ("images", "labels"):
        for path in sorted((folder / "Tuning" / part).iterdir()):
            name, dot, rest = path.name.replace("_label", "").partition(".")
            end = f"_label{dot}{rest}" if part == "labels" else f"{dot}{rest}"
            for copy in range(1, TIMES):
                os.link(path, path.with_name(f"{name}-{copy}{end}"))
    (folder / "Tuning" / "manifest.csv").unlink(missing_ok=True)
    return folder


class Sleepers:
    """A crew of so many workers that do nothing for as long as an item would take."""

    def __init__(self, workers: int) -> None:
        self.width = 2**31
        self.items = 0
        self.bytes = 0
        self._pool = ThreadPoolExecutor(workers)

    def submit(self, item: Item) -> "Future[Done]":
        """Hands the item over as a cluster does, pickled."""
        task = pickle.dumps(Task(item=item))
        self.items += 1
        self.bytes += len(task)
        return self._pool.submit(_sleep, task)

    def close(self) -> None:
        """Ends the workers."""
        self._pool.shutdown()


def _sleep(task: bytes) -> Done:
    item = pickle.loads(task).item  # made above
    time.sleep(SECONDS[type(item)] / SHORTENED)
    match item:
        case BeginItem():
            return Done(outcome="done", shards=tuple(range(len(item.parts))))
        case ScoreItem():
            return Done(outcome="done", rows=tuple(_rows(item)))
        case _:
            return Done(outcome="done")


def _rows(item: ScoreItem) -> Iterator[ScoreRow]:
    for image in item.context.record.dataset.images:
        for threshold in item.context.record.thresholds:
            yield ScoreRow(
                model=item.model, seed=item.seed, image=image.image, threshold=threshold,
                outcome="scored", true_cells=9, predicted_cells=9, tp=8, fp=1, fn=1,
                precision=8 / 9, recall=8 / 9, f1=8 / 9, dice=0.9, modality="",
            )  # fmt: skip


def _simulated(folder: Path) -> None:
    shared = _context(folder)
    (unet,) = choose_models(["unet"])
    shards = -(-IMAGES // SHARD_IMAGES)
    each = SECONDS[TrainItem] + SECONDS[BeginItem] + SECONDS[GatherItem]
    each += shards * (SECONDS[ShardItem] + SECONDS[ScoreItem])
    print(
        f"\n{MODELS_EACH} models a worker, {IMAGES:,} images each, durations 1/{SHORTENED}\n\n"
        "| workers | items | efficiency, shortened | CPU of the harness an item | handed over |"
        " efficiency, as long as they are |\n| --- | --- | --- | --- | --- | --- |"
    )
    for workers in WORKERS:
        crew = Sleepers(workers)
        models = MODELS_EACH * workers
        courses = {seed: partial(course, shared, unet, seed) for seed in range(models)}
        start, spent = time.perf_counter(), time.process_time()
        rows = [row for _, found in follow(courses, crew) for row in found]
        write_scores(folder / "scores.csv", rows)
        took, spent = time.perf_counter() - start, time.process_time() - spent
        crew.close()
        ideal = models * each / workers
        print(
            f"| {workers} | {crew.items} | {ideal / SHORTENED / took:.0%} |"
            f" {1000 * spent / crew.items:.1f} ms | {crew.bytes / crew.items / 1000:.0f} kB |"
            f" {ideal / (ideal + took - ideal / SHORTENED):.1%} |",
            flush=True,
        )


def _context(folder: Path) -> Context:
    """That of a small run, with more test images, which nobody opens."""
    small = context(folder / "small", ["unet"], LocalRunner())
    (pair, *_) = small.dataset.test
    names = [f"cell_{number:05d}.png" for number in range(IMAGES)]
    pairs = tuple(replace(pair, image=pair.image.with_name(name)) for name in names)
    images = tuple(
        TestImage(image=name, image_path=str(pair.image.with_name(name)), label_path="l.tiff")
        for name in names
    )
    listed = small.record.dataset.model_copy(update={"images": images})
    return replace(
        small,
        dataset=replace(small.dataset, test=pairs),
        record=small.record.model_copy(update={"dataset": listed}),
    )


def _process() -> None:
    """What the process of an item costs before it does anything."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-m", "harness.work.apart", "0"],
        env={**os.environ, "PYTHONPATH": python_path(SOURCES)},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    after = os.times()
    spent = after.children_user + after.children_system
    spent -= before.children_user + before.children_system
    print(f"\nThe process of an item: {spent:.2f} s of CPU, {time.perf_counter() - start:.2f} s.")


@contextmanager
def _silent() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere, redirect_stderr(nowhere):
        yield


if __name__ == "__main__":
    main()
