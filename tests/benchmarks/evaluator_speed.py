"""`make bench-evaluator`: scoring beside stardist and cellpose, in ratios of CPU time.

Prints Markdown. Everything runs in one process on one thread, on the same arrays, the best of
several repetitions; the whole command line and the 16384×16384 image run in processes of their
own. Wall times depend on what else the machine does, CPU times much less, their ratios least.
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from contract import write_mask
from evaluator import count, overlap_table
from evaluator.overlap import compiled

ROOT = Path(__file__).resolve().parents[2]
Labels = npt.NDArray[np.integer]
Pairs = list[tuple[Labels, Labels]]

PITCH = 41
THRESHOLDS = (0.5, 0.7, 0.9)
NEVER = 10**18


def scene(side: int, seed: int = 0) -> tuple[Labels, Labels]:
    """A grid of wobbly ellipses with shuffled ids, and a prediction with every kind of error.

    Moved and resized; 5 % missed, 4 % split, 4 % merged, 3 % spurious.
    """
    rng = np.random.default_rng(seed)
    cells = side // PITCH
    dtype = np.uint16 if 2 * cells**2 < 2**16 else np.uint32
    truth, predicted = np.zeros((2, side, side), dtype)
    ids = rng.permutation(cells**2) + 1
    other = rng.permutation(2 * cells**2) + 1
    stamps = [[_stamp(rng, size) for size in (0.94, 1.0, 1.06)] for _ in range(32)]
    fate = rng.random(cells**2)
    for cell in range(cells**2):
        top, left = (PITCH * place for place in divmod(cell, cells))
        shape = stamps[rng.integers(32)]
        _paste(truth, shape[1], top, left, ids[cell])
        if fate[cell] < 0.05:
            continue
        merged = 0.05 <= fate[cell] < 0.09 and cell % cells > 0
        found = shape[rng.integers(3)]
        down, right = rng.integers(-2, 3, 2)
        name = other[2 * (cell - 1)] if merged else other[2 * cell]
        _paste(predicted, found, top + down, left + right, name)
        if 0.09 <= fate[cell] < 0.13:
            _paste(predicted, found & (np.arange(PITCH) > PITCH // 2), top + down, left + right,
                   other[2 * cell + 1])  # fmt: skip
        elif fate[cell] > 0.97:
            predicted[top : top + 6, left : left + 6] = other[2 * cell + 1]
    return truth, predicted


def _stamp(rng: np.random.Generator, size: float) -> npt.NDArray[np.bool_]:
    y, x = np.mgrid[:PITCH, :PITCH] - PITCH // 2
    angle = np.arctan2(y, x)
    wobble = 1 + 0.08 * np.sin(3 * angle + rng.random() * 6) + 0.05 * np.sin(5 * angle)
    radius = rng.uniform(16, 18) * size * wobble
    return np.hypot(y * rng.uniform(0.95, 1.15), x) < radius


def _paste(labels: Labels, stamp: npt.NDArray[np.bool_], top: int, left: int, name: int) -> None:
    height, width = labels.shape
    above, before = max(0, -top), max(0, -left)
    stamp = stamp[above : height - top, before : width - left]
    top, left = top + above, left + before
    labels[top : top + stamp.shape[0], left : left + stamp.shape[1]][stamp] = name


def cpu(work: Callable[[], object], least: int = 3, seconds: float = 1.5) -> float:
    """Seconds of CPU time, the best of at least `least` repetitions after one to warm up."""
    work()
    times: list[float] = []
    begun = time.process_time()
    while len(times) < least or (time.process_time() - begun < seconds and len(times) < 30):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def ours(pairs: Pairs) -> list[int]:
    """True positives over all pairs at each threshold."""
    tables = [overlap_table(*pair) for pair in pairs]
    return [sum(count(table, t, protocol="plain").tp for table in tables) for t in THRESHOLDS]


def stardist(pairs: Pairs) -> list[int]:
    from stardist.matching import matching

    found = [matching(*pair, thresh=THRESHOLDS) for pair in pairs]
    return [sum(int(one[place].tp) for one in found) for place in range(len(THRESHOLDS))]


def cellpose(pairs: Pairs) -> list[int]:
    from cellpose.metrics import average_precision

    _, tp, _, _ = average_precision(*map(list, zip(*pairs, strict=True)), threshold=[*THRESHOLDS])
    return [int(number) for number in tp.sum(axis=0)]


def bench_scoring() -> None:
    print("## Scoring, masks in memory, three thresholds\n")
    print("CPU milliseconds, in brackets as a multiple of the default path.\n")
    print("| masks | default (numpy, scipy) | compiled (numba) | stardist | cellpose |")
    print("| --- | --- | --- | --- | --- |")
    sets: dict[str, Pairs] = {
        "512², 144 cells": [_gapless(scene(512))],
        "2048², 2401 cells": [_gapless(scene(2048))],
        "101 images of 704², 29 189 cells": [_gapless(scene(704, n)) for n in range(101)],
    }
    for name, pairs in sets.items():
        compiled.PAYS_FROM = NEVER
        expected = ours(pairs)
        base = cpu(lambda pairs=pairs: ours(pairs))
        compiled.PAYS_FROM = 0
        cells = [f"{1000 * base:.1f}"]
        for peer in (ours, stardist, cellpose):
            if peer(pairs) != expected:
                raise SystemExit(f"{peer.__name__} counts {peer(pairs)}, not {expected}")
            taken = cpu(lambda peer=peer, pairs=pairs: peer(pairs))
            cells.append(f"{1000 * taken:.1f} ({taken / base:.2f}×)")
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\nAll four count the same true positives at every threshold.\n")


def bench_table() -> None:
    print("## Overlap table alone\n")
    print("| masks | default, ns per pixel | compiled, ns per pixel |")
    print("| --- | --- | --- |")
    for side in (2048, 4096):
        truth, predicted = scene(side)
        cells = []
        for pays_from in (NEVER, 0):
            compiled.PAYS_FROM = pays_from
            seconds = cpu(lambda pair=(truth, predicted): overlap_table(*pair))
            cells.append(f"{1e9 * seconds / truth.size:.2f}")
        print(f"| {side}² {truth.dtype} | {' | '.join(cells)} |", flush=True)
    print()


def bench_process() -> None:
    """`evaluator score` on 101 zlib TIFFs, imports and writing included."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(101):
            for side, labels in zip(("gt", "pred"), scene(704, number), strict=True):
                write_mask(Path(folder) / side / f"{number:03}.tif", labels)
        command = [sys.executable, "-c", "from evaluator.cli import main; main()", "score",
                   f"{folder}/gt", f"{folder}/pred", "--out", f"{folder}/out"]  # fmt: skip
        walls, cpus = [], []
        for _ in range(3):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            start = time.perf_counter()
            subprocess.run(command, check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
            walls.append(time.perf_counter() - start)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    print("## The whole command: `evaluator score` on 101 zlib TIFFs of 704², 50 megapixels\n")
    print(f"wall {min(walls):.2f} s, CPU {min(cpus):.2f} s (the best of 3; imports, decoding,")
    print("three thresholds under `challenge`, overlap tables and CSV written)\n", flush=True)


def bench_large() -> None:
    print("## One image of 16384², 159 201 cells, uint32\n")
    for path, pays_from in (("default", NEVER), ("compiled", 0)):
        command = [sys.executable, "-m", "tests.benchmarks.evaluator_speed", str(pays_from)]
        done = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True)
        print(f"* {path}: {done.stdout.strip()}", flush=True)


def large(pays_from: int) -> None:
    """Run alone in a process: peak memory above the masks while they are scored."""
    truth, predicted = scene(16384)
    compiled.PAYS_FROM = NEVER
    ours([scene(512)])  # scipy is loaded
    compiled.PAYS_FROM = pays_from
    process, peak, done = psutil.Process(), 0, threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    tp = ours([(truth, predicted)])
    taken = time.process_time() - start
    done.set()
    watcher.join()
    print(
        f"{taken:.2f} s of CPU, {(peak - before) / 1e6:.0f} MB above the masks"
        f" ({2 * truth.nbytes / 1e9:.1f} GB); tp {tp}"
    )


def _gapless(pair: tuple[Labels, Labels]) -> tuple[Labels, Labels]:
    """Ids 1 to n, as cellpose wants them."""
    one, other = (np.unique(side, return_inverse=True)[1].astype(side.dtype) for side in pair)
    return one.reshape(pair[0].shape), other.reshape(pair[1].shape)


def main() -> None:
    print(f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start;")
    print(f"Python {platform.python_version()}, numpy {np.__version__}; one thread.\n")
    bench_scoring()
    bench_table()
    bench_process()
    bench_large()


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        large(int(sys.argv[1]))
    else:
        main()
