"""Training the LSTM-UNet: the full network's step, resuming, and the way through the contract."""

import json
from pathlib import Path

import pytest
import torch

from containers.base.segmentation.crops import CropSampler
from containers.base.segmentation.data import Pool
from containers.base.segmentation.device import choose_device
from containers.base.segmentation.step import Stepper
from containers.base.segmentation.workers import Workers
from containers.lstmunet.network import build_lstmunet
from tests.unit.lstmunet_fixtures import count, load, train, without_numbers
from tests.unit.model_fixtures import assert_predicts, draw_source, run_model, set_options
from tests.unit.settings_fixtures import changed
from tests.unit.training_fixtures import make_data, train_until_killed


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_one_step_of_the_full_network(profile: str, tmp_path: Path) -> None:
    settings, task, layout = load(profile)
    settings = changed(settings, crop=32, batch_size=2, shares=1, device="cpu", warmup_steps=0)
    device = choose_device(settings.device, settings.precision)
    sampler = CropSampler(Pool(make_data(tmp_path, images=2), settings.cache_bytes), settings, 0)
    torch.manual_seed(0)
    network = device.place(build_lstmunet(layout, task.channels))
    watched = [network.lstms[3].get_submodule("recurrent"), network.head]
    before = [part.get_parameter("weight").detach().clone() for part in watched]
    stepper = Stepper(network, sampler, task, settings, device=device, workers=Workers(1))
    loss = stepper(0, settings.learning_rate)
    # Three equal classes cost log 3 times the mean weight, somewhere between 0.15 and 0.6.
    assert 0.1 < loss < 1
    for part, old in zip(watched, before, strict=True):
        moved = (part.get_parameter("weight") - old).abs().max()
        assert 0 < moved < 2.1 * settings.learning_rate


def tensors(out: Path) -> bytes:
    return (out / "weights/weights.safetensors").read_bytes()


def test_a_training_is_the_same_on_any_number_of_threads(tmp_path: Path) -> None:
    make_data(tmp_path)
    summary = train(tmp_path, tmp_path / "one")
    train(tmp_path, tmp_path / "two", threads=2)
    assert tensors(tmp_path / "one") == tensors(tmp_path / "two")
    assert summary.steps == 12
    assert summary.final_loss is not None
    history = (tmp_path / "one/history.jsonl").read_text().splitlines()
    losses = [json.loads(line)["loss"] for line in history]
    assert losses[-1] < losses[0]


def test_a_killed_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    make_data(tmp_path)
    train(tmp_path, tmp_path / "whole")
    broken = tmp_path / "broken"
    train_until_killed("tests.unit.lstmunet_fixtures", tmp_path, broken)
    assert (broken / "checkpoint/state.pt").exists()
    assert not (broken / "weights/weights.safetensors").exists()
    train(tmp_path, broken)
    assert tensors(broken) == tensors(tmp_path / "whole")


@pytest.mark.parametrize("sequence", ["coarse_to_fine", "repetition"])
def test_train_and_predict_through_the_contract(sequence: str, tmp_path: Path) -> None:
    source = draw_source(tmp_path / "in")
    short = set_options("steps=4", "epoch_steps=2", "batch_size=2", f"sequence={sequence}")
    trained = run_model(
        "lstmunet", "train", source, tmp_path / "model", "--profile", "tiny", *short
    )
    assert trained.returncode == 0, trained.stderr
    record = json.loads((tmp_path / "model/training.json").read_text())
    assert (record["steps"], record["epochs"], record["stopped"]) == (4, 2, "finished")
    assert record["parameters"] == count(without_numbers(load("tiny")[2]))
    facts = json.loads((tmp_path / "model/weights/weights.json").read_text())
    assert facts["network"]["sequence"] == sequence
    assert_predicts("lstmunet", tmp_path, tmp_path / "model/weights")


def test_an_unknown_sequence_is_refused(tmp_path: Path) -> None:
    source = draw_source(tmp_path / "in")
    done = run_model("lstmunet", "train", source, tmp_path / "out", "--set", "sequence=film")
    assert done.returncode == 2
    assert "coarse_to_fine, photometric, repetition" in done.stderr
