"""The five faults that gave the reference run of SAC an F1 of 0.0037, each kept from returning."""

import numpy as np
import pytest
import torch

from containers.base.segmentation.match import f1_scores
from containers.sac.lora import LoraQkv
from containers.sac.network import SegmentAnyCell
from containers.sac.sam import MEAN, STD
from contract import CallError
from tests.unit.sac_fixtures import (
    FROZEN,
    SIDE,
    TASK,
    discs,
    one_step,
    perfect_maps,
    predictor,
    settings_of,
    small_network,
)


def watch(network: SegmentAnyCell) -> list[torch.Tensor]:
    """Everything that SAM's image encoder is shown from now on."""
    shown: list[torch.Tensor] = []
    network.sam.image_encoder.register_forward_pre_hook(
        lambda module, inputs: shown.append(inputs[0].detach().clone())
    )
    return shown


def test_1_the_encoder_sees_0_to_255_less_sams_mean_in_training_and_prediction() -> None:
    network = small_network()
    shown = watch(network)
    labels = discs((SIDE, SIDE), 32, 9)
    one_step(network, labels)
    image = np.where(labels > 0, 255, 0).astype(np.uint8)[..., None].repeat(3, 2)
    see = predictor(network)
    maps = see.look(image)
    see.decode(image, perfect_maps(labels), [see.decoding])
    assert len(maps)
    assert len(shown) == 3
    for pixels in shown:
        for channel in range(3):
            black, white = -MEAN[channel] / STD[channel], (255 - MEAN[channel]) / STD[channel]
            values = pixels[:, channel]
            assert values.min().item() == pytest.approx(black, abs=1e-4)
            assert values.max().item() == pytest.approx(white, abs=1e-4)


def test_2_adapters_are_in_the_forward_pass_and_learn() -> None:
    network = small_network(pretraining=FROZEN).train()
    adapters = [part for part in network.modules() if isinstance(part, LoraQkv)]
    assert len(adapters) == 2
    labels = discs((SIDE, SIDE), 32, 9)
    one_step(network, labels)
    for adapter in adapters:
        for update in (adapter.b_q, adapter.b_v):
            assert update.weight.grad is not None
            assert update.weight.grad.abs().sum() > 0


def test_2_the_embedding_changes_once_b_is_not_zero() -> None:
    network = small_network().eval()
    pixels = torch.rand(1, 3, SIDE, SIDE)
    with torch.inference_mode():
        before = network.sam.image_encoder(network.normalise(pixels))
        for part in [part for part in network.modules() if isinstance(part, LoraQkv)]:
            for name in ("b_q", "b_v"):
                update = getattr(part, name).weight
                update.add_(0.1)
                changed = network.sam.image_encoder(network.normalise(pixels))
                assert (changed - before).abs().max() > 1e-4, name
                update.sub_(0.1)
        after = network.sam.image_encoder(network.normalise(pixels))
    torch.testing.assert_close(after, before)


def test_3_moving_a_prompt_changes_the_mask() -> None:
    network = small_network().eval()
    with torch.inference_mode():
        embedding = network.embed(torch.rand(1, 3, SIDE, SIDE))
        points = torch.tensor([[[10.0, 12.0]], [[50.0, 40.0]], [[10.0, 12.0]]])
        kinds = torch.tensor([[1], [1], [0]])
        cores = torch.zeros(3, SIDE // 2, SIDE // 2, dtype=torch.bool)
        logits, expected = network.masks(embedding, points, kinds, cores)
    assert logits.shape == (3, SIDE // 2, SIDE // 2)
    assert (logits[0] - logits[1]).abs().max() > 1e-3
    assert (logits[0] - logits[2]).abs().max() > 1e-3
    assert expected.shape == (3,)


def test_3_prompt_and_mask_decoder_learn() -> None:
    network = small_network()
    parts = (network.sam.mask_decoder.transformer, network.sam.prompt_encoder.point_embeddings)
    before = [[weight.detach().clone() for weight in part.parameters()] for part in parts]
    one_step(network, discs((SIDE, SIDE), 32, 9))
    moved = [
        sum(not torch.equal(new, old) for new, old in zip(part.parameters(), was, strict=True))
        for part, was in zip(parts, before, strict=True)
    ]
    assert moved[0] == len(before[0])
    assert moved[1] >= 2, "the types of positive and negative points"


@pytest.mark.parametrize("profile", ["tiny", "quick", "report", "upstream"])
def test_4_training_and_prediction_have_one_size(profile: str) -> None:
    settings, _, layout = settings_of(profile)
    assert settings.crop == settings.tile == layout.image_size
    with pytest.raises(CallError, match="must be the same number"):
        settings_of(profile, crop=settings.crop // 2)
    with pytest.raises(CallError, match="must be the same number"):
        settings_of(profile, tile=settings.tile * 2)


def test_4_a_large_image_is_cut_into_windows_and_never_squeezed() -> None:
    network = small_network()
    shown = watch(network)
    see = predictor(network)
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (150, 2 * SIDE + 9, 3), np.uint8)
    see.look(image)
    assert {tuple(pixels.shape[2:]) for pixels in shown} == {(SIDE, SIDE)}
    assert len(shown) >= 9
    corner = torch.from_numpy(image[:SIDE, :SIDE].copy()).permute(2, 0, 1)[None] / 255.0
    torch.testing.assert_close(shown[0][:1], network.normalise(corner))


def test_4_the_second_look_shows_the_same_pixels_as_the_first() -> None:
    network = small_network()
    shown = watch(network)
    see = predictor(network)
    labels = discs((SIDE, SIDE), 32, 9)
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    see.look(image)
    see.decode(image, perfect_maps(labels), [see.decoding])
    assert len(shown) == 2
    assert torch.equal(shown[0], shown[1])


def test_5_cells_keep_every_pixel() -> None:
    """Discs that touch: cores alone (interior components) would lose most of their area."""
    labels = discs((96, 96), 16, 8)
    found = TASK.decode(perfect_maps(labels), labels.shape, TASK.first_decoding(), 1.0)
    assert f1_scores(labels, found, (0.9,)) == [1.0]
