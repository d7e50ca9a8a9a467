"""Meta's checkpoints: recognised by hash, loaded through the real path, kept frozen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from containers.sac.checkpoint import PUBLISHED, Published, fitted, load_into, recognise
from containers.sac.lora import LoraQkv
from containers.sac.network import SegmentAnyCell, build_network, pretrained
from containers.sac.sam import build_sam
from containers.sac.settings import NetworkSettings, Pretraining
from contract import CallError, sha256_file
from tests.unit.sac_fixtures import CPU, FROZEN, LAYOUT, SIDE, discs, one_step, small_network

VIT_B = {
    "patch": 16,
    "width": 768,
    "depth": 12,
    "heads": 12,
    "global_blocks": [2, 5, 8, 11],
    "window": 14,
    "embedding": 256,
    "decoder_mlp": 2048,
    "decoder_heads": 8,
}


@pytest.fixture(scope="module")
def vit_b(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ViT-B as large as Meta's, random, saved as Meta saves it."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("sam") / "sam_vit_b_01ec64.pth"
    torch.save(build_sam(image_size=1024, **VIT_B).state_dict(), path)
    return path


def test_a_vit_b_is_loaded_through_the_real_path(vit_b: Path) -> None:
    table = tuple(
        replace(entry, sha256=sha256_file(vit_b)) if entry.width == 768 else entry
        for entry in PUBLISHED
    )
    assert recognise(vit_b, table).file == "sam_vit_b_01ec64.pth"
    network = build_network(NetworkSettings(), Pretraining(checkpoint=str(vit_b)))
    saved = torch.load(vit_b, weights_only=True)
    loaded = network.sam.state_dict()
    assert len(saved) == 314
    for name, tensor in saved.items():
        assert torch.equal(loaded[name.replace("attn.qkv.", "attn.qkv.base.")], tensor), name
    own = sum(weight.numel() for weight in network.sam.parameters())
    lora = 12 * 4 * 4 * 768
    assert own - lora == 93_735_472


def test_at_another_size_position_embeddings_are_interpolated(vit_b: Path) -> None:
    network = build_network(NetworkSettings(image_size=256), Pretraining(checkpoint=str(vit_b)))
    encoder = network.sam.image_encoder
    assert encoder.pos_embed.shape == (1, 16, 16, 768)
    assert encoder.blocks[2].attn.rel_pos_h.shape == (31, 64)
    assert encoder.blocks[0].attn.rel_pos_h.shape == (27, 64)
    network.eval()
    with torch.inference_mode():
        assert network(torch.rand(1, 3, 256, 256)).embedding.shape == (1, 256, 16, 16)


def test_interpolation_keeps_a_slope() -> None:
    slope = torch.linspace(0, 1, 64).view(1, 64, 1, 1).expand(1, 64, 64, 2).contiguous()
    wanted = {"e.pos_embed": torch.zeros(1, 16, 16, 2), "e.rel_pos_h": torch.zeros(31, 2)}
    ramp = torch.arange(127.0)[:, None].repeat(1, 2)
    found = fitted({"e.pos_embed": slope, "e.rel_pos_h": ramp}, wanted)
    column = found["e.pos_embed"][0, :, 3, 1]
    assert torch.all(column.diff() > 0)
    assert column.mean() == pytest.approx(0.5, abs=1e-3)
    assert found["e.rel_pos_h"][15, 0] == pytest.approx(63, abs=0.1)


def test_a_file_with_another_hash_is_refused(vit_b: Path, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="not ec2df62732614e57411cdcf32a23ffdf"):
        recognise(vit_b)
    with pytest.raises(CallError, match="ec2df6"):
        pretrained(NetworkSettings(), Pretraining(checkpoint=str(vit_b)))
    other = tmp_path / "mine.pth"
    other.write_bytes(b"something else")
    with pytest.raises(CallError, match="none of the checkpoints") as raised:
        recognise(other)
    assert "sam_vit_h_4b8939.pth" in str(raised.value.do)
    with pytest.raises(CallError, match="No checkpoint"):
        recognise(tmp_path / "nothing.pth")


def test_a_checkpoint_of_another_encoder_is_refused(
    vit_b: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = replace(PUBLISHED[1], sha256=sha256_file(vit_b))
    monkeypatch.setattr("containers.sac.network.recognise", lambda path: recognise(path, (large,)))
    with pytest.raises(CallError, match="another network") as raised:
        pretrained(NetworkSettings(), Pretraining(checkpoint=str(vit_b)))
    assert "--set width=1024 --set depth=24" in str(raised.value.do)
    with pytest.raises(CallError, match="does not fit"):
        load_into(build_sam(image_size=1024, **{**VIT_B, "width": 384}), vit_b)


def test_a_file_never_runs_code(tmp_path: Path) -> None:
    import pickle

    path, done = tmp_path / "bad.pth", tmp_path / "done"
    with path.open("wb") as stream:
        pickle.dump(_Bomb(str(done)), stream)
    with pytest.raises(pickle.UnpicklingError):
        load_into(_small_sam(), path)
    assert not done.exists()


class _Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (Path(self.path),)


def _small_sam() -> Any:
    return build_sam(
        image_size=SIDE,
        **{key: getattr(LAYOUT, key) for key in VIT_B},
    )


def test_the_table_names_meta_s_three_encoders() -> None:
    assert [(entry.width, entry.depth) for entry in PUBLISHED] == [
        (768, 12),
        (1024, 24),
        (1280, 32),
    ]
    assert all(isinstance(entry, Published) and len(entry.sha256) == 64 for entry in PUBLISHED)


def _first_adapter(network: torch.nn.Module) -> LoraQkv:
    return next(part for part in network.modules() if isinstance(part, LoraQkv))


def test_a_frozen_encoder_stays_frozen_to_the_bit() -> None:
    network = small_network(pretraining=FROZEN)
    frozen = {
        name: tensor.clone()
        for name, tensor in network.state_dict().items()
        if name.startswith(("sam.image_encoder", "sam.prompt_encoder"))
        and not any(part in name for part in (".a_q.", ".b_q.", ".a_v.", ".b_v."))
    }
    free = _first_adapter(network).b_q.weight.clone()
    decoder = network.sam.mask_decoder.iou_token.weight.clone()
    one_step(network, discs((SIDE, SIDE), 32, 9), steps=3)
    after = network.state_dict()
    assert len(frozen) > 20
    for name, tensor in frozen.items():
        assert torch.equal(after[name], tensor), name
    moved = _first_adapter(network).b_q.weight
    assert not torch.equal(moved, free)
    assert not torch.equal(network.sam.mask_decoder.iou_token.weight, decoder)


def test_without_a_checkpoint_the_encoder_learns(capsys: pytest.CaptureFixture[str]) -> None:
    network = small_network()
    before = network.sam.image_encoder.patch_embed.proj.weight.clone()
    one_step(network, discs((SIDE, SIDE), 32, 9))
    assert not torch.equal(network.sam.image_encoder.patch_embed.proj.weight, before)
    assert pretrained(LAYOUT, Pretraining()) == "none"
    assert "random weights" in capsys.readouterr().err


def test_nothing_changes_what_sam_sees_before_the_first_step() -> None:
    """Adapters and the image branch start as nothing: pretrained SAM starts as it is."""
    network: SegmentAnyCell = small_network().eval()
    pixels = torch.from_numpy(np.random.default_rng(0).random((1, 3, SIDE, SIDE), np.float32))
    with torch.inference_mode():
        plain = network.sam.image_encoder(network.normalise(pixels))
        torch.testing.assert_close(network(pixels).embedding, plain)
        torch.testing.assert_close(network.embed(pixels), plain)
    assert CPU.precision == "fp32"
