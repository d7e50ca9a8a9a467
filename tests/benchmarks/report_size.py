"""CPU time, time and size of large reports, and how fast a browser opens them: `make bench-report`.

The runs are drawn: five models that leave out different shares of round cells, on noisy images.
"""

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
CASES = ((101, 640), (1000, 256))
OPENINGS = 5
MB = 1_000_000


def main() -> None:
    """Makes both reports and prints a line of a Markdown table for each."""
    print("| models × images | image side | report made in | CPU time | index.html | opened in |")
    print("| --- | --- | --- | --- | --- | --- |")
    for images, side in CASES:
        with tempfile.TemporaryDirectory() as folder:
            names = [f"cell_{number:05d}.png" for number in range(1, images + 1)]
            run = make_run(Path(folder), models=MODELS, names=names, shape=(side, side))
            start, spent = time.perf_counter(), cpu_seconds()
            page = build_report(run, run / "report").index_html
            made, spent = time.perf_counter() - start, cpu_seconds() - spent
            size = page.stat().st_size / MB
            opened = max(opening_seconds(page, Path(folder)) for _ in range(OPENINGS))
        print(
            f"| {len(MODELS)} × {images} | {side} px | {made:.1f} s | {spent:.1f} s |"
            f" {size:.1f} MB | {opened:.2f} s |",
            flush=True,
        )


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
    main()
