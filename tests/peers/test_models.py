"""Peers as models: each trains and predicts through its package, where that is installed."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from contract import read_lines, read_mask, read_size
from harness.datasets.simulated.dataset import simulate_dataset
from harness.models.registry import all_models
from harness.runners.local import LocalRunner
from tests.conftest import need
from tests.programs import environment, finish, model_command

FEW = {
    "cellpose": ["epochs=2", "images_per_epoch=2", "batch_size=2", "crop=64"],
    "stardist": ["epochs=1", "epoch_steps=2", "batch_size=2", "crop=64", "features=8"],
}
"""Settings with which a training takes seconds."""
LARGE = {"stardist"}
"""Peers whose packages take more than a gigabyte, and are tested where they are."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cells")
    simulate_dataset(folder, images=8, size=96)
    return folder


@pytest.fixture(params=sorted(FEW))
def peer(request: pytest.FixtureRequest) -> str:
    model = all_models()[request.param]
    reason = f"needs `make peer-{model.name}`"
    if model.name in LARGE and model.lacks_packages:
        pytest.skip(reason)
    need(not model.lacks_packages, reason)
    return model.name


def call(peer: str, *arguments: object) -> None:
    """Runs the peer with its own packages in front, as the local runner does."""
    env = {**environment(), "PYTHONPATH": all_models()[peer].python_path}
    done = finish(model_command(peer, *arguments), env=env)
    assert done.returncode == 0, done.stderr
    for line in done.stdout.splitlines():
        json.loads(line)  # the package prints nothing among the events


def test_a_peer_is_trained_and_predicts(peer: str, data: Path, tmp_path: Path) -> None:
    LocalRunner().prepare(all_models()[peer], print)
    few = [word for text in FEW[peer] for word in ("--set", text)]
    trained, masks = tmp_path / "trained", tmp_path / "masks"
    trained.mkdir()
    masks.mkdir()
    call(peer, "train", data / "Training-labeled", trained, "--profile", "tiny", *few)
    record = json.loads((trained / "training.json").read_text())
    assert record["pretrained"] == "none"
    assert record["parameters"] > 10_000
    assert record["final_loss"] is not None
    history = read_lines(trained / "history.jsonl")
    assert history
    assert history[-1]["step"] <= record["steps"]
    weights = trained / "weights"
    if peer == "cellpose":  # a model file of any name, as it comes from elsewhere
        weights = tmp_path / "given"
        weights.mkdir()
        (trained / "weights" / "cellpose_model").rename(weights / "lab_model")
    images = tmp_path / "images"
    shutil.copytree(data / "Tuning/images", images)
    Image.new("L", (1, 1), 9).save(images / "pixel.png")
    call(peer, "predict", images, masks, "--weights", weights)
    lines = read_lines(masks / "predictions.jsonl")
    assert {line["outcome"] for line in lines} == {"predicted"}
    for line in lines:
        assert read_mask(masks / line["mask"]).shape == read_size(images / line["image"])
