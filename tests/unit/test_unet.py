"""The U-Net: its layout, its profiles, and one training and prediction through the contract."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from containers.base.segmentation.settings import Settings
from containers.unet.network import build_unet
from containers.unet.settings import NetworkSettings
from contract import take
from tests.unit.model_fixtures import assert_predicts, draw_source, run_model, set_options
from tests.unit.settings_fixtures import profile_values


def load(profile: str) -> tuple[Settings, NetworkSettings]:
    values = profile_values("unet", profile)
    return take(values, Settings), take(values, NetworkSettings)


def parameters(layout: NetworkSettings) -> int:
    return sum(weight.numel() for weight in build_unet(layout, 3).parameters())


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_the_published_profiles_have_the_baseline_network(profile: str) -> None:
    settings, layout = load(profile)
    assert parameters(layout) == 1_626_072
    assert (settings.learning_rate, settings.batch_size, settings.crop) == (6e-4, 8, 256)


@pytest.mark.parametrize("profile", ["tiny", "quick", "report", "upstream"])
def test_every_profile_is_complete_and_its_network_runs(profile: str) -> None:
    settings, layout = load(profile)
    step = int(np.prod(layout.strides))
    assert settings.tile % step == 0
    assert settings.crop % step == 0
    assert (settings.steps is None) != (settings.epochs is None)
    network = build_unet(layout, 3).eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 64, 96)).shape == (1, 3, 64, 96)


@pytest.mark.parametrize("profile", ["tiny", "quick"])
def test_the_short_profiles_have_a_safety_net(profile: str) -> None:
    limit = load(profile)[0].max_seconds
    assert limit is not None
    assert limit <= {"tiny": 60, "quick": 370}[profile]


def test_train_and_predict_through_the_contract(tmp_path: Path) -> None:
    source = draw_source(tmp_path / "in")
    short = set_options("steps=4", "epoch_steps=2", "batch_size=2")
    trained = run_model("unet", "train", source, tmp_path / "model", "--profile", "tiny", *short)
    assert trained.returncode == 0, trained.stderr
    record = json.loads((tmp_path / "model/training.json").read_text())
    assert (record["steps"], record["epochs"], record["stopped"]) == (4, 2, "finished")
    assert (record["optimizer"], record["pretrained"]) == ("AdamW", "none")
    assert record["parameters"] == parameters(load("tiny")[1])
    assert not (tmp_path / "model/checkpoint").exists()
    assert_predicts("unet", tmp_path, tmp_path / "model/weights")


def test_a_misspelt_setting_is_named(tmp_path: Path) -> None:
    done = run_model("unet", "train", tmp_path, tmp_path / "out", "--set", "step=3")
    assert done.returncode == 2
    assert "steps" in done.stderr
