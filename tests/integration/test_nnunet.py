"""nnU-Net plans, trains and predicts in its container, with the /dev/shm that it asks for."""

import csv
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from contract import read_mask
from tests.programs import ROOT, run

STEPS = 6


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, engine: Any) -> Path:
    """A folder with a short run in Docker, under the harness's isolation."""
    place = tmp_path_factory.mktemp("nnunet")
    made = run("harness", "data", "simulate", place / "data", "--images", 12, "--size", 128)
    assert made.returncode == 0, made.stderr
    done = run(
        "harness", "run-all", "--data", place / "data", "--out", place / "run",
        "--models", "nnunet", "--profile", "tiny", "--runner", "docker",
        "--set", f"steps={STEPS}", "--set", "epoch_steps=3", cwd=ROOT, timeout=1500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return place


@pytest.mark.timeout(1800)
def test_every_image_is_scored(trained: Path) -> None:
    with (trained / "run/scores.csv").open(newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["model"] == "nnunet"]
    assert {row["outcome"] for row in rows} == {"scored"}
    assert len({row["image"] for row in rows}) == 3


def test_training_left_a_record_and_no_checkpoint(trained: Path) -> None:
    out = trained / "run/models/nnunet/seed0/train"
    record = json.loads((out / "training.json").read_text())
    assert (record["steps"], record["stopped"]) == (STEPS, "finished")
    assert not (out / "checkpoint").exists()
    names = sorted(path.name for path in (out / "weights").iterdir())
    assert names == ["weights.json", "weights.safetensors"]


def test_it_predicts_for_anybody_with_little_shared_memory(trained: Path) -> None:
    images, masks = trained / "images", trained / "masks"
    for folder in (images, masks):
        folder.mkdir()
    masks.chmod(0o777)
    pixels = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    Image.fromarray(pixels).save(images / "large.png")
    weights = trained / "run/models/nnunet/seed0/train/weights"
    done = subprocess.run(
        [
            "docker", "run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp",
            "--user", "1234:1234", "--cap-drop", "ALL", "--shm-size", "2m",
            "-v", f"{images}:/in:ro", "-v", f"{masks}:/out", "-v", f"{weights}:/weights:ro",
            "cellbench/nnunet", "predict", "/in", "/out",
        ],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_mask(masks / "large_label.tiff").shape == (512, 512)
