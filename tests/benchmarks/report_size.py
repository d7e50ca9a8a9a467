"""CPU time, time, memory and size of large reports, and how fast a browser opens them.

`make bench-report`. The runs are drawn: five models that leave out different shares of round cells,
on noisy images. Where there are very many, a hundred lie there a hundred times, under other names.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from evaluator.report import build_report
from tests.browser import open_browser
from tests.unit.report_fixtures import Models, make_run

MODELS: Models = {
    name: (f"Model {name}", "segmenter", (0,), skill)
    for name, skill in zip("abcde", (0.9, 0.8, 0.7, 0.5, 0.3), strict=True)
}
CASES = ((101, 640, 1), (1000, 256, 1), (100, 256, 100))
"""Images drawn, their side in pixels, and how often each lies there."""
OPENINGS = 5
MB = 1_000_000


def main() -> None:
    """Makes the reports and prints a line of a Markdown table for each."""
    print(
        "| models × images | image side | report made in | CPU time | peak memory | index.html |"
        " opened in |\n| --- | --- | --- | --- | --- | --- | --- |"
    )
    for images, side, times in CASES:
        with tempfile.TemporaryDirectory() as folder:
            names = [f"cell_{number:05d}.png" for number in range(1, images + 1)]
            run = make_run(Path(folder), models=MODELS, names=names, shape=(side, side))
            if times > 1:
                multiply(run, times)
            told = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.report_size", str(run)],
                stdout=subprocess.PIPE,
                check=True,
            )
            made, spent, peak = json.loads(told.stdout)
            page = run / "report" / "index.html"
            size = page.stat().st_size / MB
            opened = max(opening_seconds(page, Path(folder)) for _ in range(OPENINGS))
        print(
            f"| {len(MODELS)} × {images * times:,} | {side} px | {made:.1f} s | {spent:.1f} s |"
            f" {peak / 1e9:.2f} GB | {size:.1f} MB | {opened:.2f} s |",
            flush=True,
        )


def one(run: Path) -> None:
    """Makes a report in this process, and prints its seconds, CPU seconds and peak bytes."""
    start, spent = time.perf_counter(), cpu_seconds()
    build_report(run, run / "report")
    made, spent = time.perf_counter() - start, cpu_seconds() - spent
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps([made, spent, peak]))


def multiply(run: Path, times: int) -> None:
    """Has every image, with its masks, tables, lines and rows, lie there so many times."""
    record = json.loads((run / "run.json").read_text())
    drawn = record["dataset"]["images"]
    for image in list(drawn):
        for number in range(1, times):
            paths = {key: _linked(Path(image[key]), number) for key in ("image_path", "label_path")}
            name = Path(paths["image_path"]).name
            drawn.append({**image, **paths, "image": name})
    (run / "run.json").write_text(json.dumps(record))
    for folder in run.glob("models/*/seed*"):
        for path in [*folder.glob("predict/*_label.tiff"), *folder.glob("overlaps/*.npz")]:
            for number in range(1, times):
                _linked(path, number)
        lines = folder / "predict" / "predictions.jsonl"
        _repeat(lines, times, first=0)
    _repeat(run / "scores.csv", times, first=1)


def _linked(path: Path, number: int) -> str:
    copy = path.with_name(_renamed(path.name, number))
    os.link(path, copy)
    return str(copy)


def _renamed(text: str, number: int) -> str:
    return text.replace("cell_0", f"copy{number}_0")


def _repeat(path: Path, times: int, *, first: int) -> None:
    """Repeats the lines of a file from the `first` on, about the copies in place of the images."""
    lines = path.read_text().splitlines(keepends=True)
    with path.open("a") as stream:
        for number in range(1, times):
            stream.writelines(_renamed(line, number) for line in lines[first:])


def cpu_seconds() -> float:
    """User and system time so far, of this process and of the one that decodes files for it."""
    me = psutil.Process()
    used = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in used)


def opening_seconds(page: Path, home: Path) -> float:
    """From the start of the navigation in a fresh browser until the viewer's picture is drawn."""
    with open_browser(Path(tempfile.mkdtemp(dir=home))) as driver:
        start = time.perf_counter()
        driver.get(page.as_uri())
        driver.execute_async_script(
            "const done = arguments[0];"
            "Promise.all([...document.querySelectorAll('.canvas img')].map((e) => e.decode()))"
            ".then(() => requestAnimationFrame(() => setTimeout(done)))"
        )
        return time.perf_counter() - start


if __name__ == "__main__":
    one(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
