"""Short trainings of generators, one of them killed, and the samples that they give."""

import importlib
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import load_file

from contract import GenerateCall, Sample, TrainCall, TrainingSummary, write_mask
from contract.dataset import training_pairs
from contract.schema import Masks
from contract.settings import read_settings
from tests.programs import ROOT, code, finish
from tests.unit.training_fixtures import KILLED_AT_FIRST_CHECKPOINT

CHECKPOINTS_ALWAYS = "from containers.base.generation import loop; loop.SAVE_SECONDS = 0\n"
SHORT = {"max_seconds": "null", "crop": 32, "batch_size": 2, "epoch_steps": 4, "shape_steps": 30}
FRAMES = 5


def generator_of(model: str) -> Any:
    """A generator's class."""
    return importlib.import_module(f"containers.{model}.generator").Generator


def values(model: str, profile: str = "tiny", **changes: Any) -> dict[str, Any]:
    """All settings of a profile with changes, checked as `train` checks them."""
    overrides = [f"{key}={value}" for key, value in changes.items()]
    folder = ROOT / "containers" / model / "profiles"
    return read_settings(folder, profile, overrides, generator_of(model).settings)


def train(model: str, source: Path, out: Path, **changes: Any) -> TrainingSummary:
    """Trains in this process, from the checkpoint in `out` if there is one."""
    (out / "weights").mkdir(parents=True, exist_ok=True)
    call = TrainCall(
        pairs=training_pairs(source, 0)[0],
        weights=out / "weights",
        out=out,
        profile="tiny",
        settings=values(model, **{**SHORT, **changes}),
        seed=0,
        threads=1,
        progress=lambda done, total, message: None,
    )
    summary: TrainingSummary = generator_of(model)(None, 1).train(call)
    return summary


def train_until_killed(model: str, source: Path, out: Path, **changes: Any) -> None:
    """Trains in a process that is killed when its first checkpoint is written."""
    options = [f"--set={key}={value}" for key, value in {**SHORT, **changes}.items()]
    arguments = (f"containers.{model}.generator", "train", source, out, "--profile", "tiny")
    ended = finish(code(CHECKPOINTS_ALWAYS + KILLED_AT_FIRST_CHECKPOINT, *arguments, *options))
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert not (out / "training.json").exists()


def assert_resumes(model: str, source: Path, place: Path, **changes: Any) -> None:
    """A killed training that is taken up leaves the weights of one that was not."""
    train_until_killed(model, source, place / "killed", **changes)
    assert (place / "killed/checkpoint/state.pt").exists()
    train(model, source, place / "killed", **changes)
    train(model, source, place / "whole", **changes)
    one, other = (load_file(place / name / "weights/weights.safetensors") for name in KINDS)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)
    facts = [(place / name / "weights/weights.json").read_bytes() for name in KINDS]
    assert facts[0] == facts[1]


KINDS = ("killed", "whole")


def prepared(
    model: str,
    source: Path,
    trained: Path,
    *,
    seed: int = 0,
    masks: Masks | None = None,
) -> Any:
    """A generator that is about to make samples."""
    generator = generator_of(model)(trained / "weights", 1)
    pairs = tuple(pair for pair in training_pairs(source, 0)[0] if pair.subset == "train")
    generator.prepare(
        GenerateCall(pairs=pairs, held=(), count=9, seed=seed, masks=masks, threads=1)
    )
    return generator


def same(one: Sample, other: Sample) -> bool:
    """Whether two samples have the same pixels, labels and words."""
    return (
        np.array_equal(one.pixels, other.pixels)
        and np.array_equal(one.labels, other.labels)
        and (one.sources, one.score, one.message) == (other.sources, other.score, other.message)
    )


def without_validation(source: Path, place: Path) -> Path:
    """A copy of a training folder with noise in place of all but its training images."""
    shutil.copytree(source, place)
    for line in (place / "split.csv").read_text().splitlines()[1:]:
        name, subset = line.split(",")
        if subset != "train":
            pixels = np.random.default_rng(0).integers(0, 256, (48, 48), np.uint8)
            Image.fromarray(pixels).save(place / "images" / name)
    return place


def movie_folder(root: Path) -> Path:
    """FRAMES frames of three bright discs that move to the right, two pixels a frame."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    rows, columns = np.mgrid[:48, :64]
    lines = ["image,sequence,frame\n"]
    for frame in range(FRAMES):
        labels = np.zeros(rows.shape, np.uint8)
        for number, (row, column) in enumerate(((12, 12), (12, 24), (34, 20)), start=1):
            disc = (rows - row) ** 2 + (columns - column - 2 * frame) ** 2 <= 36
            labels[disc & (labels == 0)] = number
        noise = np.random.default_rng(frame).normal(0, 6, labels.shape)
        pixels = np.clip(np.where(labels > 0, 170, 40) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"f{frame}.png")
        write_mask(root / "labels" / f"f{frame}_label.tiff", labels)
        lines.append(f"f{frame}.png,one,{frame}\n")
    (root / "sequences.csv").write_text("".join(lines))
    split = "".join(f"f{frame}.png,train\n" for frame in range(FRAMES))
    (root / "split.csv").write_text(f"image,subset\n{split}")
    return root
