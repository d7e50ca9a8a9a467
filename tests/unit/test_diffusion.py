"""The diffusion model: conditions, the path from noise, whole pictures, kill and resume."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from containers.base.generation.settings import GeneratorSettings
from containers.diffusion.conditions import channels_of, coarse
from containers.diffusion.drawing import draw
from containers.diffusion.learner import decay_of
from containers.diffusion.network import ClearingNetwork, with_flag
from containers.diffusion.settings import DiffusionSettings
from contract import CallError, take
from tests.unit.generation_fixtures import assert_resumes, prepared, same, train, values
from tests.unit.generator_fixtures import training_folder

SMALL = {"widths": "[8, 16]", "groups": 4, "draws": 6}
LAYOUT = DiffusionSettings(widths=[8, 8], groups=4, blocks=1, draws=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_folder(tmp_path_factory.mktemp("in") / "data")


@pytest.mark.parametrize("profile", ["tiny", "quick", "report"])
def test_every_profile_is_complete(profile: str) -> None:
    found = values("diffusion", profile)
    layout = take(found, DiffusionSettings)
    assert all(width % layout.groups == 0 for width in layout.widths)
    assert found["crop"] % 2 ** (len(layout.widths) - 1) == 0
    assert 10 <= layout.draws <= 25


def test_it_draws_cells_onto_masks(source: Path, tmp_path: Path) -> None:
    steps = {"steps": 150, "epoch_steps": 50, "learning_rate": 0.004}
    train("diffusion", source, tmp_path, **steps, **SMALL)
    history = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert history[-1]["loss"] < history[0]["loss"] / 2
    for masks in ("replaced", "real", "sampled"):
        sample = prepared("diffusion", source, tmp_path, masks=masks).generate(1)
        inside = sample.labels > 0
        assert sample.pixels[inside].mean() - sample.pixels[~inside].mean() > 30
        assert set(sample.sources) <= {"t0", "t1", "t2"}
        assert same(sample, prepared("diffusion", source, tmp_path, masks=masks).generate(1))


@pytest.mark.parametrize("condition", ["low_resolution", "latent"])
def test_other_conditions(source: Path, tmp_path: Path, condition: str) -> None:
    train("diffusion", source, tmp_path, steps=20, condition=condition, **SMALL)
    generator = prepared("diffusion", source, tmp_path, masks="real")
    sample = generator.generate(0)
    assert sample.labels.max() == 3
    assert len(sample.sources) == 1
    assert not np.array_equal(sample.pixels, generator.generate(3).pixels)
    if condition == "low_resolution":
        with pytest.raises(CallError, match="masks real"):
            prepared("diffusion", source, tmp_path, masks="sampled")


def test_killed_and_resumed_it_learns_the_same(source: Path, tmp_path: Path) -> None:
    assert_resumes("diffusion", source, tmp_path, steps=4, condition="latent", **SMALL)


def test_a_large_picture_has_no_seams() -> None:
    """A shift of the condition and the noise shifts the picture: nothing depends on a tile's grid.

    Only group normalisation sees the whole picture, and a shift around the edges leaves it as it is
    but for what the borders see.
    """
    torch.manual_seed(0)
    network = ClearingNetwork(LAYOUT, channels_of(LAYOUT, 1), 1).eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.05)
    condition = torch.randn(1, channels_of(LAYOUT, 1), 1000, 700)
    noise = torch.randn(1, 1, 1000, 700)
    drawn = draw(network, condition, noise, LAYOUT)
    assert drawn.shape == (1, 1, 1000, 700)
    shift = (122, 58)
    moved = draw(network, condition.roll(shift, (2, 3)), noise.roll(shift, (2, 3)), LAYOUT)
    back = moved.roll((-shift[0], -shift[1]), (2, 3))
    inner = (slice(None), slice(None), slice(40, 838), slice(40, 602))
    assert float(drawn.std()) > 0.01
    assert float((drawn[inner] - back[inner]).abs().max()) < 0.02 * float(drawn.std())
    rows = (drawn[..., 1:, :] - drawn[..., :-1, :]).abs().mean(dim=(0, 1, 3))
    assert float(rows.max() / rows.median()) < 1.5


def test_a_network_that_knows_the_picture_is_followed_to_it() -> None:
    class Knowing(torch.nn.Module):
        def forward(
            self, noisy: torch.Tensor, condition: torch.Tensor, times: torch.Tensor
        ) -> torch.Tensor:
            return condition[:, :1] * 0.5

    condition = torch.rand(1, 3, 16, 16)
    settings = DiffusionSettings(draws=7, guidance=1.5)
    drawn = draw(Knowing(), condition, torch.randn(1, 1, 16, 16), settings)  # type: ignore[arg-type]  # a network in all but name
    assert torch.allclose(drawn, condition[:, :1] * 0.75, atol=1e-6)


def test_a_hidden_condition_shows_nothing() -> None:
    condition = torch.rand(2, 3, 4, 4) + 1
    shown = with_flag(condition, torch.tensor([1.0, 0.0]))
    assert shown.shape == (2, 4, 4, 4)
    assert torch.equal(shown[0, :3], condition[0])
    assert shown[1].abs().max() == 0


def test_a_coarse_image_keeps_what_is_coarse() -> None:
    image = torch.arange(32.0)[None, None, None].expand(1, 1, 32, 32) / 32
    assert torch.allclose(coarse(image)[..., 4:28], image[..., 4:28], atol=1e-6)
    noise = torch.randn(1, 1, 64, 64)
    assert float(coarse(noise).std()) < 0.3


def test_a_short_training_averages_over_less() -> None:
    def decay(steps: int) -> float:
        return decay_of(GeneratorSettings(steps=steps), DiffusionSettings(average=0.999))

    assert decay(90) == 0.9
    assert decay(100000) == 0.999
