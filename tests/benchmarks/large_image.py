"""Peak memory and time of predicting and scoring one very large image: `make bench-large`.

The image is a tiled TIFF of simulated nuclei; its mask is scored against the nuclei drawn. Without
a run it trains the profile for a few steps first: the network is the full one, its masks are poor,
and memory and time are those of that many wrong cells.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import tifffile

from containers.base.simulated.modalities import simulate_image
from harness.datasets.simulated.dataset import simulate_dataset
from harness.models.provenance import hardware
from tests.programs import ROOT, command, environment

MIB = 2**20
TILE = 512
PATCHES = 8
TRAINED = ("unet", "nnunet", "sac", "lstmunet", "maunet")


def main() -> None:
    """Makes the image, predicts and scores it, and prints what that took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="otsu")
    parser.add_argument("--run", type=Path, help="a run that trained the model")
    parser.add_argument("--profile", default="tiny", help="what to train without a run")
    parser.add_argument("--side", type=int, default=20000, help="height and width, in pixels")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for part in ("images", "truth"):
            (place / part).mkdir()
        write_mosaic(place, asked.side)
        weights: list[object] = []
        if asked.run:
            weights = ["--weights", asked.run / "models" / asked.model / "seed0/train/weights"]
        elif asked.model in TRAINED:
            weights = ["--weights", train(asked.model, asked.profile, place)]
        run("harness", "predict", asked.model, place / "images", place / "masks", *weights,
            "--runner", "local")  # fmt: skip
        usage = json.loads((place / "masks/usage.json").read_text())
        line = json.loads((place / "masks/predictions.jsonl").read_text())
        scored = run("evaluator", "score", place / "truth", place / "masks", "--out", place / "s")
    megapixels = asked.side**2 / 1e6
    machine = hardware()
    print(f"machine: {machine.cpu}, {machine.cores} cores")
    print(f"{asked.model}: {asked.side}×{asked.side} pixels, {line['cells']} cells")
    print(f"predicting: {line['seconds']:.1f} s, {line['seconds'] / megapixels:.2f} s a megapixel,"
          f" peak memory {usage['peak_memory_bytes'] / MIB:.0f} MiB")  # fmt: skip
    seconds, own, mapped = scored
    print(f"scoring: {seconds:.1f} s, peak memory {own / MIB:.0f} MiB of its own,"
          f" {mapped / MIB:.0f} MiB with what is mapped to files")  # fmt: skip


def write_mosaic(place: Path, side: int) -> None:
    """images/large.tif, uint8 and tiled, from a few patches turned and mirrored; and its truth."""
    patches = [simulate_image("fluorescence", seed, TILE) for seed in range(PATCHES)]
    across = -(-side // TILE)
    options = {"shape": (side, side), "tile": (TILE, TILE), "compression": "zlib", "bigtiff": True}

    def chosen() -> Iterator[tuple[int, int, int]]:
        rng = np.random.default_rng(0)
        for number in range(across**2):
            yield number, int(rng.integers(PATCHES)), int(rng.integers(4))

    tifffile.imwrite(
        place / "images/large.tif",
        (np.rot90(patches[patch].pixels, turns) for _, patch, turns in chosen()),
        dtype=np.uint8,
        **options,
    )
    labels = [patch.labels.astype(np.uint32) for patch in patches]
    most = max(int(one.max()) for one in labels)
    tifffile.imwrite(
        place / "truth/large_label.tiff",
        (
            np.rot90(np.where(labels[patch] > 0, labels[patch] + number * most, 0), turns)
            for number, patch, turns in chosen()
        ),
        dtype=np.uint32,
        **options,
    )


def train(model: str, profile: str, place: Path) -> Path:
    """The weights of a training of twenty steps."""
    simulate_dataset(place / "data", images=8, size=128)
    subprocess.run(
        [sys.executable, "-m", f"containers.{model}.segmenter", "train",
         place / "data/Training-labeled", place / "trained", "--profile", profile,
         "--set", "steps=20"],
        cwd=ROOT, env=environment(), check=True, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return place / "trained" / "weights"


def run(*arguments: object) -> tuple[float, int, int]:
    """Runs a program and stops at a failure: seconds, peak bytes of its own and with mapped ones.

    Of all its processes together, looked at ten times a second.
    """
    start = time.monotonic()
    program = subprocess.Popen(command(*arguments), cwd=ROOT, env=environment())
    own = mapped = 0
    while program.poll() is None:
        found = [_memory(one) for one in [psutil.Process(program.pid), *_children(program.pid)]]
        own = max(own, sum(one for one, _ in found))
        mapped = max(mapped, sum(one for _, one in found))
        time.sleep(0.1)
    if program.returncode not in (0, 3):
        raise SystemExit(program.returncode)
    return time.monotonic() - start, own, mapped


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _memory(process: psutil.Process) -> tuple[int, int]:
    """Resident bytes that belong to no file on a disk, and all."""
    try:
        found = process.memory_info()
        text = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    except (psutil.NoSuchProcess, OSError):
        return 0, 0
    fields = dict(line.split(":", 1) for line in text.splitlines())
    kilobytes = [int(fields[name].split()[0]) for name in ("RssAnon", "RssShmem") if name in fields]
    return sum(kilobytes) * 1024, found.rss


if __name__ == "__main__":
    main()
