"""MAUNet: its network, its encoders' weights, its profiles, and the contract."""

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from containers.base.segmentation.crops import CropSampler
from containers.base.segmentation.data import Pool
from containers.base.segmentation.device import choose_device
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.step import Stepper
from containers.base.segmentation.workers import Workers
from containers.maunet.encoder import LAYOUTS, Encoder
from containers.maunet.network import Ensemble, build_network
from containers.maunet.settings import NetworkSettings, Pretraining
from containers.maunet.task import RingAndDistance
from contract import CallError, sha256_file, take
from tests.unit.model_fixtures import (
    assert_predicts,
    draw_source,
    run_model,
    set_options,
)
from tests.unit.settings_fixtures import changed, profile_values
from tests.unit.training_fixtures import make_data, train_until_killed

NAMES = ["tiny", "quick", "report", "upstream"]
SMALL = NetworkSettings(encoders=["resnet18"], encoder_width=4, features=4)


def load(profile: str) -> tuple[Settings, NetworkSettings]:
    values = profile_values("maunet", profile)
    assert take(values, Pretraining) == Pretraining()
    return take(values, Settings), take(values, NetworkSettings)


def parameters(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def names(network: torch.nn.Module) -> set[str]:
    return {name for name, _ in network.named_parameters()}


def test_the_full_network_has_the_published_number_of_parameters() -> None:
    network = build_network(NetworkSettings())
    assert parameters(network) == 39_403_021
    (member,) = network.members
    assert parameters(member.encoder) == 23_508_032
    assert parameters(member.skips) == 12_233_808
    for decoder, head in ((member.classes, 100), (member.distance, 25)):
        assert parameters(decoder.head) == head
        assert parameters(decoder) - head == 1_830_528


def test_the_wide_encoder_has_no_last_stage() -> None:
    network = build_network(NetworkSettings(encoders=["wide_resnet50_2"]))
    (member,) = network.members
    assert member.encoder.channels == [64, 256, 512, 1024]
    assert member.encoder.layer3[0].conv2.weight.shape[0] == 512
    assert [stage.up.weight.shape[1] for stage in member.classes.stages] == [96, 48, 24, 24]


@pytest.mark.parametrize("encoder", ["resnet18", "resnet50", "wide_resnet50_2"])
@pytest.mark.parametrize("size", [(1, 1), (33, 65), (64, 96), (130, 71)])
def test_any_size_goes_in_and_comes_out(encoder: str, size: tuple[int, int]) -> None:
    network = build_network(changed(SMALL, encoders=[encoder]))
    images = torch.rand(2, 3, *size)
    assert network(images).shape == (2, 1, 5, *size)
    with torch.inference_mode():
        assert network.eval()(images).shape == (2, 5, *size)


def test_members_are_averaged_before_the_softmax() -> None:
    torch.manual_seed(0)
    network = build_network(changed(SMALL, encoders=["resnet18", "resnet50"])).eval()
    images = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        each = [member(images) for member in network.members]
        assert torch.allclose(network(images), (each[0] + each[1]) / 2, atol=1e-6)
    assert not torch.allclose(each[0], each[1])


def test_each_member_learns_from_its_own_outputs() -> None:
    torch.manual_seed(0)
    task = RingAndDistance()
    both = build_network(changed(SMALL, encoders=["resnet18", "resnet18"]))
    alone = Ensemble([both.members[0]])
    images, target = torch.rand(2, 3, 64, 64), torch.zeros(2, 2, 64, 64)
    target[:, :, 20:40, 20:40] = 1
    weight = both.members[0].distance.head.weight
    (expected,) = torch.autograd.grad(task.loss(alone(images), target), weight)
    (found,) = torch.autograd.grad(task.loss(both(images), target), weight)
    assert torch.allclose(2 * found, expected, atol=1e-6)


def test_profiles_share_their_parameter_names() -> None:
    """The short ones have fewer and simpler blocks, and nothing that the full ones lack."""
    of = {name: names(build_network(load(name)[1])) for name in NAMES}
    assert of["report"] < of["upstream"]
    only_full = re.compile(
        r"members\.0\.(encoder\.layer\d\.(\d\.(conv3|bn3)|0\.downsample|[2-5])|skips\.\d\.shortcut)\."
    )
    for short in ("tiny", "quick"):
        assert of[short] < of["report"]
        assert all(only_full.match(name) for name in of["report"] - of[short])
    assert all(name.startswith("members.1.") for name in of["upstream"] - of["report"])


@pytest.mark.parametrize("profile", NAMES)
def test_every_profile_is_complete(profile: str) -> None:
    settings, _ = load(profile)
    assert (settings.steps is None) != (settings.epochs is None)
    assert settings.tile % 32 == 0
    limits = {"tiny": 60, "quick": 380}
    if profile in limits:
        assert settings.max_seconds is not None
        assert settings.max_seconds <= limits[profile]


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_the_published_profiles_have_the_original_recipe(profile: str) -> None:
    settings, layout = load(profile)
    assert settings.learning_rate == 6e-4
    assert (settings.schedule, settings.decay_epochs, settings.decay) == ("step", 10, 0.95)
    assert (settings.crop, settings.zoom_min, settings.zoom_max) == (512, 0.25, 2.0)
    assert (settings.zoom_probability, settings.scales) == (1.0, [1.0, 1.25, 1.5])
    assert (layout.encoder_width, layout.features, layout.normalisation) == (64, 24, "instance")


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_one_step_of_a_full_profile_moves_every_parameter(profile: str, tmp_path: Path) -> None:
    settings, layout = load(profile)
    settings = changed(settings, crop=64, batch_size=2, shares=1, device="cpu", precision="fp32")
    network = build_network(layout)
    before = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    stepper = Stepper(
        network,
        CropSampler(Pool(make_data(tmp_path, images=2), settings.cache_bytes), settings, 0),
        RingAndDistance(),
        settings,
        device=choose_device(settings.device, settings.precision),
        workers=Workers(1),
    )
    assert 0 < stepper(0, settings.learning_rate) < 10
    for name, weight in network.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
        assert not torch.equal(weight, before[name]), name
    for member in network.members:
        assert member.classes.head.weight.grad[3].abs().sum() > 0


def torchvision_file(path: Path, encoder: str = "resnet50", width: int = 4) -> Encoder:
    """Saves what torchvision would: the encoder's state dict with a classifier."""
    torch.manual_seed(7)
    source = Encoder(replace(LAYOUTS[encoder], depths=LAYOUTS["resnet50"].depths), width)
    state = source.state_dict()
    state |= {"fc.weight": torch.zeros(10, 32 * width), "fc.bias": torch.zeros(10)}
    torch.save(state, path)
    return source


def test_encoders_take_torchvision_files(tmp_path: Path) -> None:
    first, second = tmp_path / "resnet50-abc.pth", tmp_path / "wide_resnet50_2-abc.pth"
    sources = [torchvision_file(first), torchvision_file(second, "wide_resnet50_2")]
    layout = changed(SMALL, encoders=["resnet50", "wide_resnet50_2"])
    pretraining = Pretraining(encoder_weights=str(first), second_encoder_weights=str(second))
    network = build_network(layout, pretraining)
    for source, member in zip(sources, network.members, strict=True):
        wanted = source.state_dict()
        for name, tensor in member.encoder.state_dict().items():
            assert torch.equal(tensor, wanted[name]), name


def test_the_names_are_those_of_torchvision() -> None:
    found = set(Encoder(LAYOUTS["resnet50"], 64).state_dict())
    assert {
        "conv1.weight", "bn1.running_mean", "layer1.0.conv3.weight", "layer1.0.downsample.0.weight",
        "layer2.0.downsample.1.bias", "layer3.5.bn2.weight", "layer4.2.bn3.num_batches_tracked",
    } <= found  # fmt: skip
    assert len(found) == 318


def test_old_files_without_counters_load(tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torchvision_file(path)
    state = torch.load(path, weights_only=True)
    torch.save({n: t for n, t in state.items() if "num_batches" not in n}, path)
    build_network(changed(SMALL, encoders=["resnet50"]), Pretraining(encoder_weights=str(path)))


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    layout = changed(SMALL, encoders=["resnet50"])
    path = tmp_path / "w.pth"

    def refused(message: str) -> None:
        with pytest.raises(CallError, match=message):
            build_network(layout, Pretraining(encoder_weights=str(path)))

    path.write_bytes(b"no weights")
    refused("no weights that can be opened")
    torch.save(os.getcwd, path)
    refused("no weights that can be opened")
    torch.save([torch.zeros(1)], path)
    refused("no plain state dict")
    torch.save(Encoder(LAYOUTS["resnet18"], 4).state_dict(), path)
    refused("lacks layer1.0.conv3.weight")
    torchvision_file(path, width=8)
    refused("another shape of conv1.weight")
    torchvision_file(path)
    torch.save(torch.load(path, weights_only=True) | {"extra": torch.zeros(1)}, path)
    refused("also has extra")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as train wants it."""
    return draw_source(tmp_path_factory.mktemp("in"))


SHORT = set_options(
    "encoder_width=4", "features=4", "steps=24", "epoch_steps=8", "batch_size=2", "crop=64",
    "cell_diameter=12.0",
)  # fmt: skip


def test_train_and_predict_through_the_contract(source: Path, tmp_path: Path) -> None:
    weights_file = tmp_path / "resnet50-mine.pth"
    torchvision_file(weights_file)
    extra = ["--set", "encoders=[resnet50]", "--set", f"encoder_weights={weights_file}"]
    extra += ["--set", "scales=[1.0, 1.5]"]
    trained = run_model(
        "maunet", "train", source, tmp_path / "model", "--profile", "tiny", *SHORT, *extra
    )
    assert trained.returncode == 0, trained.stderr
    record = json.loads((tmp_path / "model/training.json").read_text())
    assert (record["steps"], record["stopped"]) == (24, "finished")
    assert record["loss"] == "Dice + focal + weighted L1"
    pretrained = f"resnet50-mine.pth sha256:{sha256_file(weights_file)}"
    assert record["pretrained"] == pretrained
    facts = json.loads((tmp_path / "model/weights/weights.json").read_text())
    assert facts["pretrained"] == pretrained
    assert str(tmp_path) not in json.dumps(facts)
    weights_file.unlink()
    assert_predicts("maunet", tmp_path, tmp_path / "model/weights")


def test_a_killed_training_goes_on_to_the_same_weights(source: Path, tmp_path: Path) -> None:
    call = ["--profile", "tiny", *SHORT]
    assert run_model("maunet", "train", source, tmp_path / "a", *call).returncode == 0
    train_until_killed("containers.maunet.segmenter", "train", source, tmp_path / "b", *call)
    assert not (tmp_path / "b/training.json").exists()
    resumed = run_model("maunet", "train", source, tmp_path / "b", *call)
    assert resumed.returncode == 0, resumed.stderr
    assert "resumed at step" in resumed.stdout
    for name in ("weights.safetensors", "weights.json"):
        assert (tmp_path / "a/weights" / name).read_bytes() == (
            tmp_path / "b/weights" / name
        ).read_bytes()


def test_a_missing_weights_file_is_a_wrong_call(source: Path, tmp_path: Path) -> None:
    done = run_model("maunet", "train", source, tmp_path / "out", "--set", "encoder_weights=no.pth")
    assert done.returncode == 2
    assert "there is no file no.pth" in done.stderr
