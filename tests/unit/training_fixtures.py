"""A small network, a small dataset and one call of the training loop, as tests need them.

Run as a program (`training_fixtures.py DATA OUT`) it trains, so that a test can kill it.
"""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.loop import train_network
from containers.base.segmentation.predict import Predictor
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.step import MakeStepper, Stepper
from containers.base.segmentation.three_class import ThreeClass
from contract import TrainCall, TrainingSummary, TrainPair, write_mask
from tests.programs import code, finish
from tests.unit.settings_fixtures import changed

SETTINGS = Settings(
    steps=24,
    epoch_steps=8,
    batch_size=2,
    crop=32,
    learning_rate=0.01,
    cell_diameter=12.0,
    size_steps=3,
    tile=64,
    tta="flips",
    precision="fp32",
    device="cpu",
)


def build(dropout: float = 0.1) -> torch.nn.Module:
    """Three layers, one of them with state of its own and one that draws random numbers."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 5, padding=2),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.Dropout(dropout),
        torch.nn.Conv2d(8, 3, 5, padding=2),
    )


def make_data(folder: Path, images: int = 5) -> tuple[TrainPair, ...]:
    """Bright discs on dark ground; the last image is for validation."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:70, :90]
    for index in range(images):
        labels = np.zeros((70, 90), np.int32)
        for number in range(1, 9):
            row, column, radius = rng.uniform(8, 62), rng.uniform(8, 82), rng.uniform(5, 8)
            inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
            labels[inside & (labels == 0)] = number
        pixels = np.where(labels > 0, 180, 40) + rng.normal(0, 8, labels.shape)
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / f"i{index}.png")
        write_mask(folder / f"i{index}_label.tiff", labels)
    return find_data(folder)


def find_data(folder: Path) -> tuple[TrainPair, ...]:
    """The pairs that `make_data` left in `folder`."""
    images = sorted(folder.glob("i*.png"))
    return tuple(
        TrainPair(
            image=image,
            label=folder / f"{image.stem}_label.tiff",
            subset="val" if image == images[-1] else "train",
        )
        for image in images
    )


def train(
    pairs: tuple[TrainPair, ...],
    out: Path,
    settings: Settings = SETTINGS,
    *,
    seed: int = 0,
    progress: Callable[[int, int, str], None] = lambda done, total, message: None,
    save_seconds: float = 0.02,
    threads: int = 1,
    network: Callable[[], torch.nn.Module] = build,
    make_stepper: MakeStepper = Stepper,
    make_predictor: Callable[..., Predictor[Decoding]] = Predictor,
) -> TrainingSummary:
    """One call of the loop, with frequent checkpoints."""
    (out / "weights").mkdir(parents=True, exist_ok=True)
    call = TrainCall(
        pairs=pairs,
        weights=out / "weights",
        out=out,
        profile="test",
        settings={},
        seed=seed,
        threads=threads,
        progress=progress,
    )
    return train_network(
        call,
        build=network,
        task=ThreeClass(ring_depth=1, smallest_cell=8.0),
        settings=settings,
        network={},
        make_stepper=make_stepper,
        make_predictor=make_predictor,
        save_seconds=save_seconds,
    )


def result(out: Path) -> tuple[dict[str, torch.Tensor], str, list[dict[str, object]]]:
    """Weights, their JSON, and the history without its times."""
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    for line in history:
        del line["seconds"]
    weights = out / "weights"
    tensors = load_file(weights / "weights.safetensors") | load_file(weights / "sizes.safetensors")
    return tensors, (weights / "weights.json").read_text(), history


def assert_same(one: Path, other: Path) -> None:
    """Two trainings left the same weights and the same history."""
    (tensors, facts, history), (tensors2, facts2, history2) = result(one), result(other)
    assert tensors.keys() == tensors2.keys()
    assert all(torch.equal(tensors[name], tensors2[name]) for name in tensors)
    assert facts == facts2
    assert history == history2


KILLED_AT_FIRST_CHECKPOINT = """
import os, runpy, signal, sys
from containers.base.segmentation import journal
save = journal.save
def save_and_die(*arguments):
    save(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
journal.save = save_and_die
module = sys.argv.pop(1)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def train_until_killed(module: str, *arguments: object) -> None:
    """Runs a module that trains; the process is killed when its first checkpoint is written."""
    ended = finish(code(KILLED_AT_FIRST_CHECKPOINT, module, *arguments))
    assert ended.returncode == -signal.SIGKILL, ended.stderr


if __name__ == "__main__":
    train(
        find_data(Path(sys.argv[1])),
        Path(sys.argv[2]),
        changed(SETTINGS, steps=200, epoch_steps=20),
    )
