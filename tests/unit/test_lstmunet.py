"""The LSTM-UNet's network: its size, its gradients, and that frames are remembered."""

from typing import Any

import numpy as np
import pytest
import torch

from containers.lstmunet.contour import Contour
from containers.lstmunet.conv_lstm import ConvLstm
from containers.lstmunet.network import (
    LstmUnet,
    build_lstmunet,
    enlarge,
    enlarge_in_order,
)
from containers.lstmunet.sequence import make_sequence
from containers.lstmunet.settings import NetworkSettings, Sequence
from tests.unit.lstmunet_fixtures import SMALL, count, load, without_numbers
from tests.unit.settings_fixtures import PROFILES, changed

KINDS: list[Sequence] = ["coarse_to_fine", "photometric", "repetition"]


def small(**changes: Any) -> LstmUnet:
    torch.manual_seed(0)
    return build_lstmunet(changed(SMALL, **changes), 3)


def image(height: int = 32, width: int = 40) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))


def test_the_published_configuration_has_its_74_6_million_parameters() -> None:
    assert count(without_numbers(NetworkSettings(), inputs=1)) == 74_606_531
    assert count(without_numbers(NetworkSettings(kernel=5), inputs=1)) == 93_596_099
    assert count(without_numbers(SMALL)) == 182_699


@pytest.mark.parametrize("profile", ["report", "upstream"])
def test_the_full_profiles_have_the_published_network_with_three_colours(profile: str) -> None:
    layout = load(profile)[2]
    first_kernels = 25 * 4 * 128 + 9 * 32
    assert count(without_numbers(layout)) == 74_606_531 + 2 * first_kernels
    assert changed(layout, sequence="coarse_to_fine", frames=3) == NetworkSettings()


def test_the_upstream_profile_is_the_published_recipe() -> None:
    settings, task, layout = load("upstream")
    assert (settings.learning_rate, settings.batch_size, settings.crop) == (1e-5, 5, 128)
    assert (settings.weight_decay, settings.steps, layout.frames) == (0, 1_000_000, 4)
    assert task.class_weights == [0.15, 0.25, 0.6]
    assert task.growth == "edges"


def test_parameters_have_the_same_names_in_all_profiles() -> None:
    names = {
        tuple(name for name, _ in without_numbers(load(profile)[2]).named_parameters())
        for profile in PROFILES
    }
    assert len(names) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_fits_the_strides(profile: str) -> None:
    settings, _, _ = load(profile)
    assert settings.crop % 8 == 0
    assert settings.tile % 32 == 0
    assert (settings.steps is None) != (settings.epochs is None)


@pytest.mark.parametrize(("profile", "limit"), [("tiny", 60), ("quick", 390)])
def test_the_short_profiles_have_a_safety_net(profile: str, limit: float) -> None:
    seconds = load(profile)[0].max_seconds
    assert seconds is not None
    assert seconds <= limit


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (1, 1), (7, 130)])
@pytest.mark.parametrize("kind", KINDS)
def test_logits_have_the_size_of_the_image(kind: Sequence, shape: tuple[int, int]) -> None:
    network = small(sequence=kind)
    assert network(image(*shape)).shape == (3, 2, 3, *shape)
    with torch.inference_mode():
        assert network.eval()(image(*shape)).shape == (2, 3, *shape)


@pytest.mark.parametrize("kind", KINDS)
def test_prediction_gives_what_the_last_frame_gives(kind: Sequence) -> None:
    network = small(sequence=kind)
    every = network.train()(image())
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.momentum = 1.0
    network(image())
    network.eval()
    with torch.inference_mode():
        last = network(image())
    assert last.shape == every[-1].shape
    assert torch.equal(last, network(image()))


@pytest.mark.parametrize("frames", [3, 1])
def test_gradients_reach_the_recurrent_kernels_only_when_there_is_a_past(frames: int) -> None:
    network = small(frames=frames)
    target = torch.randint(0, 3, (2, 32, 40), generator=torch.Generator().manual_seed(2))
    Contour().loss(network(image()), target).backward()
    for name, weight in network.named_parameters():
        if "recurrent" in name and frames == 1:
            assert weight.grad is None, name
        else:
            assert weight.grad is not None, name
            assert weight.grad.abs().max() > 0, name


def test_the_forget_gate_has_no_gradient_without_a_past() -> None:
    gradients = {}
    for frames in (1, 3):
        network = small(frames=frames)
        network(image()).square().mean().backward()
        gradient = network.lstms[0].get_submodule("input").weight.grad
        assert isinstance(gradient, torch.Tensor)
        gradients[frames] = float(gradient[8:16].abs().max())
    assert gradients[1] == 0
    assert gradients[3] > 0


def test_the_last_output_changes_when_an_earlier_frame_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = small().eval()
    before = network(image())

    def another_first(seen: torch.Tensor, kind: Sequence, frames: int) -> list[torch.Tensor]:
        made = make_sequence(seen, kind, frames)
        return [1 - made[0], *made[1:]]

    monkeypatch.setattr("containers.lstmunet.network.make_sequence", another_first)
    assert (network(image()) - before).abs().max() > 1e-4


def test_an_earlier_output_does_not_see_later_frames() -> None:
    lstm = ConvLstm(3, 4, 3)
    lstm.initialise()
    frames = torch.cat(make_sequence(image(), "photometric", 3))
    first = lstm(frames, 3)
    changed = frames.clone()
    changed[4:] = 0
    assert torch.equal(lstm(changed, 3)[:4], first[:4])
    assert not torch.equal(lstm(changed, 3)[4:], first[4:])


def test_images_do_not_share_a_state() -> None:
    network = small().eval()
    pair = image()
    with torch.inference_mode():
        alone = torch.cat([network(pair[:1]), network(pair[1:])])
        assert torch.allclose(network(pair), alone, atol=1e-5)


def test_a_cell_computes_the_published_formula() -> None:
    lstm = ConvLstm(1, 1, 1)
    with torch.no_grad():
        lstm.input.weight[:] = torch.tensor([0.5, -1.0, 2.0, 1.5]).view(4, 1, 1, 1)
        lstm.input.bias[:] = torch.tensor([0.0, 1.0, 0.1, -0.2])  # type: ignore[index]
        lstm.recurrent.weight[:] = torch.tensor([1.0, 2.0, -1.0, 0.5]).view(4, 1, 1, 1)
    seen = [0.4, -0.7, 3.0]
    found = lstm(torch.tensor(seen).view(3, 1, 1, 1), 3).flatten().tolist()
    hidden = cell = 0.0
    for value, result in zip(seen, found, strict=True):
        into, keep, out = (
            np.clip(0.2 * (w * value + u * hidden + b) + 0.5, 0, 1)
            for w, u, b in ((0.5, 1.0, 0.0), (-1.0, 2.0, 1.0), (1.5, 0.5, -0.2))
        )
        cell = keep * cell + into * np.tanh(2.0 * value - hidden + 0.1)
        hidden = out * np.tanh(cell)
        assert result == pytest.approx(hidden, abs=1e-6)


def test_first_weights() -> None:
    lstm = small().lstms[1]
    assert isinstance(lstm, ConvLstm)
    assert lstm.input.bias is not None
    assert lstm.input.bias.view(4, 16).unique(dim=1).flatten().tolist() == [0, 1, 0, 0]
    recurrent = lstm.recurrent.weight.flatten(1)
    assert torch.allclose(recurrent @ recurrent.T, torch.eye(64), atol=1e-5)
    limit = (6 / (9 * 8 + 9 * 64)) ** 0.5
    assert 0.98 * limit < lstm.input.weight.abs().max() <= limit


def test_sequences_end_with_the_image() -> None:
    seen = image()
    for kind in KINDS:
        for frames in (1, 2, 3, 4):
            made = make_sequence(seen, kind, frames)
            assert len(made) == frames
            assert torch.equal(made[-1], seen)
            assert all(frame.shape == seen.shape for frame in made)


def test_coarse_to_fine_blurs_by_four_then_by_two() -> None:
    seen = torch.zeros(1, 1, 16, 16)
    seen[..., 8, 8] = 1
    coarse, middle, _ = make_sequence(seen, "coarse_to_fine", 3)
    assert coarse.max() == pytest.approx((1 / 16) * 0.875**2)
    assert middle.max() == pytest.approx((1 / 4) * 0.75**2)
    assert float(coarse.sum()) == pytest.approx(1)


def test_photometric_frames_share_their_geometry() -> None:
    bright, dark, _ = make_sequence(torch.full((1, 3, 8, 8), 0.5), "photometric", 3)
    assert float(bright.mean()) == pytest.approx(0.5**0.7)
    assert float(dark.mean()) == pytest.approx(0.5**1.4)


@pytest.mark.parametrize("shape", [(1, 1), (5, 8)])
def test_both_ways_to_enlarge_agree(shape: tuple[int, int]) -> None:
    maps = image(*shape)
    assert torch.allclose(enlarge_in_order(maps), enlarge(maps), atol=1e-6)
