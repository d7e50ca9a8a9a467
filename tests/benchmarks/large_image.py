"""Peak memory and time of predicting one very large image: `make bench-large RUN=runs/…`.

Without a run it trains the profile for a few steps first: the network is the full one, its masks
are poor, and memory and time are those of that many wrong cells.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile

from harness.datasets.simulated.dataset import simulate_dataset, simulate_image
from harness.models.provenance import hardware
from tests.programs import ROOT, command, environment

MIB = 2**20
PATCH = 500
PATCHES = 8


def main() -> None:
    """Makes the image, predicts it and prints what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--run", type=Path, help="a run that trained the model")
    parser.add_argument("--profile", default="quick", help="what to train without a run")
    parser.add_argument("--side", type=int, default=8000, help="height and width, in pixels")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "images").mkdir()
        image = place / "images" / "large.tif"
        tifffile.imwrite(image, mosaic(asked.side), compression="zlib")
        weights = (
            asked.run / "models" / asked.model / "seed0/train/weights"
            if asked.run
            else train(asked.model, asked.profile, place)
        )
        harness("predict", asked.model, place / "images", place / "masks", "--weights", weights,
                "--runner", "local")  # fmt: skip
        usage = json.loads((place / "masks/usage.json").read_text())
        line = json.loads((place / "masks/predictions.jsonl").read_text())
    megapixels = asked.side**2 / 1e6
    machine = hardware()
    print(f"machine: {machine.cpu}, {machine.cores} cores")
    print(f"{asked.model}: {asked.side}×{asked.side} pixels, {line['cells']} cells")
    print(f"seconds: {line['seconds']:.1f}, a megapixel {line['seconds'] / megapixels:.2f}")
    print(f"peak memory: {usage['peak_memory_bytes'] / MIB:.0f} MiB")


def mosaic(side: int) -> np.ndarray:
    """A side×side×3 uint8 picture of simulated nuclei, from a few patches, turned and mirrored."""
    rng = np.random.default_rng(0)
    patches = [simulate_image("fluorescence", seed, PATCH).pixels for seed in range(PATCHES)]
    whole = np.empty((side, side, 3), np.uint8)
    for row in range(0, side, PATCH):
        for column in range(0, side, PATCH):
            patch = np.rot90(patches[rng.integers(PATCHES)], rng.integers(4))
            place = whole[row : row + PATCH, column : column + PATCH]
            place[...] = patch[: place.shape[0], : place.shape[1], None]
    return whole


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


def harness(*arguments: object) -> None:
    """Runs the harness and stops at a failure."""
    subprocess.run(command("harness", *arguments), cwd=ROOT, env=environment(), check=True)


if __name__ == "__main__":
    main()
