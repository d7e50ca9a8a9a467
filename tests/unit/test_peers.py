"""Other people's packages as models: what they are asked to do, and who is asked."""

import sys
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from containers.base.segmentation.plain import foreign, origin, read_plain
from containers.cellpose.settings import Settings as CellposeSettings
from containers.stardist.settings import Settings as StardistSettings
from contract import CallError, SettingsModel, TrainPair, sha256_file, take, write_mask
from contract.settings import read_settings
from harness.models.registry import INSTALLED, Model, all_models, choose_models
from harness.runners.local import LocalRunner
from tests.datasets import add_pair
from tests.programs import ROOT, run, run_model

Kind = TypeVar("Kind", bound=SettingsModel)
PEERS = {"cellpose", "stardist"}


def settings(peer: str, profile: str, kind: type[Kind], *overrides: str) -> Kind:
    """What a profile with overrides makes of a peer's settings."""
    return take(
        read_settings(ROOT / "containers" / peer / "profiles", profile, overrides, (kind,)), kind
    )


def test_peers_run_by_name_or_with_all_models_and_never_by_default() -> None:
    peers = {name for name, model in all_models().items() if model.card.peer}
    assert peers == PEERS
    assert not peers & {model.name for model in choose_models(None)}
    everything = [model.name for model in choose_models(["all"])]
    assert set(everything) == peers | {model.name for model in choose_models(None)}
    assert [model.name for model in choose_models(["cellpose", "all"])] == everything
    assert [model.name for model in choose_models(["cellpose"])] == ["cellpose"]


def test_peers_are_listed_apart() -> None:
    done = run("harness", "models")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    first = next(place for place, line in enumerate(lines) if "peer" in line)
    assert "otsu" in "".join(lines[:first])
    assert "otsu" not in "".join(lines[first:])
    assert "--models all" in done.stdout


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_a_peer_has_packages_of_its_own(
    peer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    model: Model = all_models()[peer]
    assert model.lacks_packages
    with pytest.raises(CallError, match="packages of its own") as caught:
        LocalRunner().prepare(model, print)
    assert f"make peer-{peer}" in caught.value.do
    (tmp_path / peer).mkdir()
    (tmp_path / peer / INSTALLED).touch()
    LocalRunner().prepare(model, print)
    assert model.python_path.startswith(str(tmp_path / peer))
    assert all_models()["unet"].packages is None


@pytest.mark.parametrize("peer", sorted(PEERS))
def test_a_peer_describes_itself_without_its_package(peer: str) -> None:
    """In an environment that has none of it: settings are checked before anything starts."""
    done = run_model(peer, "describe", "--profile", "tiny")
    assert done.returncode == 0, done.stderr
    assert '"peer": true' in done.stdout


def test_cellpose_is_called_with_what_the_profile_says() -> None:
    chosen = settings("cellpose", "tiny", CellposeSettings, "second_channel=3")
    assert chosen.arguments == {
        "channels": [0, 3],
        "n_epochs": 12,
        "nimg_per_epoch": 8,
        "batch_size": 4,
        "bsize": 96,
        "SGD": True,
        "learning_rate": 0.1,
        "weight_decay": 0.0001,
        "min_train_masks": 1,
    }
    assert chosen.steps([3, 3, 3]) == 2
    plain = CellposeSettings(batch_size=2)
    assert plain.steps([9, 4, 5, 6]) == 2, "an image with four cells is left out"


def test_stardist_is_called_with_what_the_profile_says() -> None:
    chosen = settings("stardist", "tiny", StardistSettings, "rays=16")
    assert chosen.arguments == {
        "n_rays": 16,
        "grid": (2, 2),
        "n_channel_in": 3,
        "unet_n_depth": 3,
        "unet_n_filter_base": 16,
        "net_conv_after_unet": 64,
        "train_patch_size": (96, 96),
        "train_batch_size": 4,
        "train_epochs": 4,
        "train_steps_per_epoch": 25,
        "train_learning_rate": 0.001,
        "train_tensorboard": False,
        "use_gpu": False,
    }


@pytest.mark.parametrize(
    ("override", "reason"),
    [("grid=3", "power of two"), ("crop=100", "must be a multiple of 16")],
)
def test_stardist_refuses_what_its_network_cannot_divide(override: str, reason: str) -> None:
    with pytest.raises(CallError, match=reason):
        settings("stardist", "tiny", StardistSettings, override)


def test_images_that_cannot_be_used_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        add_pair(tmp_path, name)
    pairs = [
        TrainPair(image=image, label=tmp_path / f"labels/{image.stem}_label.tiff", subset="train")
        for image in sorted((tmp_path / "images").iterdir())
    ]
    pairs[0].image.write_bytes(b"no picture")
    write_mask(pairs[1].label, np.ones((5, 5), np.uint8))
    found = read_plain(pairs, "train")
    assert len(found.images) == len(found.labels) == 1
    said = capsys.readouterr().err
    assert all(f"{pair.image.name} is left out" in said for pair in pairs[:2])
    assert read_plain(pairs, "val").images == []
    write_mask(pairs[2].label, np.zeros(found.labels[0].shape, np.uint8))
    with pytest.raises(CallError, match="No training image has a labelled cell"):
        read_plain(pairs, "train")


def test_weights_given_by_path_are_told_by_their_hash(tmp_path: Path) -> None:
    file = tmp_path / "lab_model"
    file.write_bytes(b"weights")
    assert origin(None) == "none"
    for text in (origin(str(file)), foreign(file)):
        assert f"lab_model, sha256 {sha256_file(file)}" in text
        assert "licence" in text
