"""SAC: its profiles, and training and prediction through the contract."""

import json
import re
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from containers.base.segmentation.crops import CropSampler
from containers.base.segmentation.data import Pool
from containers.base.segmentation.device import choose_device
from containers.base.segmentation.loop import train_network
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.step import Stepper
from containers.base.segmentation.workers import Workers
from containers.sac.network import build_network
from containers.sac.predictor import MASK_DECODER, WATERSHED, PromptingPredictor
from containers.sac.share import total
from contract import TrainCall, TrainPair
from tests.unit.model_fixtures import SHAPES, assert_predicts, draw_source, run_model, set_options
from tests.unit.sac_fixtures import FROZEN, LAYOUT, SIDE, TASK, settings_of, sure
from tests.unit.settings_fixtures import PROFILES, changed
from tests.unit.training_fixtures import make_data


def test_all_profiles_have_parameters_of_the_same_names() -> None:
    names = []
    for profile in PROFILES:
        with torch.device("meta"):
            network = build_network(settings_of(profile)[2])
        names.append({re.sub(r"\d+", "N", name) for name, _ in network.named_parameters()})
    assert names[0] == names[1] == names[2] == names[3]


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_the_long_profiles_are_sams_vit_b(profile: str) -> None:
    settings, _, layout = settings_of(profile)
    with torch.device("meta"):
        network = build_network(changed(layout, image_size=1024))
    own = {name: weight.numel() for name, weight in network.sam.named_parameters()}
    lora = sum(size for name, size in own.items() if re.search(r"\.[ab]_[qv]\.", name))
    assert sum(own.values()) - lora == 93_735_472
    assert lora == 12 * 4 * 4 * 768
    assert layout.lora_rank == 4
    assert (settings.steps is None) != (settings.epochs is None)


@pytest.mark.parametrize("profile", ["tiny", "quick"])
def test_the_short_profiles_have_a_safety_net(profile: str) -> None:
    limit = settings_of(profile)[0].max_seconds
    assert limit is not None
    assert limit <= {"tiny": 60, "quick": 390}[profile]


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_a_vit_b_does_a_step_on_a_cpu(profile: str, tmp_path: Path) -> None:
    """One crop, two prompts, the encoder frozen as with a checkpoint; upstream at half its size."""
    size = 512
    settings, task, layout = settings_of(
        profile,
        batch_size=1,
        prompts=2,
        wrong_prompts=1,
        image_size=size,
        crop=size,
        tile=size,
    )
    device, workers = choose_device("cpu", settings.precision), Workers(1)
    pool = Pool(make_data(tmp_path)[:1], 2**30)
    torch.manual_seed(0)
    network = device.place(build_network(layout, FROZEN))
    before = network.sam.image_encoder.blocks[0].attn.qkv.b_q.weight.clone()
    stepper = Stepper(
        network, CropSampler(pool, settings, 0), task, settings, device=device, workers=workers
    )
    assert np.isfinite(stepper(0, 1e-3))
    assert not torch.equal(before, network.sam.image_encoder.blocks[0].attn.qkv.b_q.weight)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak < 4 * 2**30


def train(pairs: tuple[TrainPair, ...], out: Path, stop_at: int | None = None) -> None:
    """A short training; leaves like a killed one when step `stop_at` is reported."""
    (out / "weights").mkdir(parents=True, exist_ok=True)

    def progress(done: int, total: int, message: str) -> None:
        if stop_at is not None and done >= stop_at and message.startswith("epoch"):
            raise KeyboardInterrupt

    call = TrainCall(
        pairs=pairs,
        weights=out / "weights",
        out=out,
        profile="test",
        settings={},
        seed=0,
        threads=1,
        progress=progress,
    )
    settings = Settings(
        steps=6,
        epoch_steps=2,
        batch_size=2,
        crop=SIDE,
        tile=SIDE,
        cell_diameter=20.0,
        precision="fp32",
        device="cpu",
    )
    train_network(
        call,
        build=lambda: sure(build_network(LAYOUT)),
        task=changed(TASK, stability=0.0),
        settings=settings,
        network={},
        make_predictor=PromptingPredictor,
        save_seconds=0.0,
    )


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path: Path) -> None:
    pairs = make_data(tmp_path)
    train(pairs, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(pairs, tmp_path / "cut", stop_at=4)
    assert (tmp_path / "cut/checkpoint/state.pt").exists()
    train(pairs, tmp_path / "cut")
    first, second = (
        load_file(tmp_path / name / "weights/weights.safetensors") for name in ("whole", "cut")
    )
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name
    assert (tmp_path / "whole/weights/weights.json").read_text() == (
        tmp_path / "cut/weights/weights.json"
    ).read_text()


def test_train_and_predict_through_the_contract(tmp_path: Path) -> None:
    source = draw_source(tmp_path / "in")
    sets = set_options(
        "steps=4", "epoch_steps=2", "batch_size=2", "accept=0", "reject=0", "stability=0"
    )
    trained = run_model("sac", "train", source, tmp_path / "model", "--profile", "tiny", *sets)
    assert trained.returncode == 0, trained.stderr
    assert "random weights" in trained.stderr
    record = json.loads((tmp_path / "model/training.json").read_text())
    assert (record["steps"], record["epochs"], record["stopped"]) == (4, 2, "finished")
    assert record["pretrained"] == "none"
    assert not (tmp_path / "model/checkpoint").exists()
    shapes = {**SHAPES, "big.png": (200, 230)}
    assert_predicts("sac", tmp_path, tmp_path / "model/weights", shapes)
    lines = tmp_path / "a/predictions.jsonl"
    said: list[dict[str, Any]] = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(said) == len(shapes)
    for line in said:
        assert set(line["counts"]) == {MASK_DECODER, WATERSHED}
        assert sum(line["counts"].values()) == line["cells"]
    assert total(lines).total() == sum(line["cells"] for line in said)


def test_a_wrong_checkpoint_ends_the_call_before_any_work(tmp_path: Path) -> None:
    source = draw_source(tmp_path / "in")
    wrong = tmp_path / "sam_vit_b_01ec64.pth"
    wrong.write_bytes(b"broken off")
    done = run_model("sac", "train", source, tmp_path / "out", "--set", f"checkpoint={wrong}")
    assert done.returncode == 2
    assert "sha256" in done.stderr
    assert "download it again" in done.stderr
