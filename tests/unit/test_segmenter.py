"""A model's weights folder, as it is written now and as it was written before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from containers.base.segmentation.weights import FACTS, TENSORS
from containers.maunet.network import build_network as build_maunet
from containers.maunet.settings import NetworkSettings as MaunetLayout
from containers.unet.network import build_unet
from containers.unet.settings import NetworkSettings as UnetLayout
from contract import CallError, Image, Prediction
from tests.programs import code, finish
from tests.unit.sac_fixtures import LAYOUT as SAC_LAYOUT
from tests.unit.sac_fixtures import SIDE, small_network, sure
from tests.unit.settings_fixtures import MODELS, segmenter_of

UNET_LAYOUT = UnetLayout(channels=[4, 8], strides=[2], residual_units=0, normalisation="batch")
MAUNET_LAYOUT = MaunetLayout(encoders=["resnet18"], encoder_width=4, features=4)
CORES = {"core": 0.01, "foreground": 0.1, "grow": 3.0, "smallest_core": 4.0, "smallest_cell": 4.0}
TASKS: dict[str, dict[str, Any]] = {
    "unet": {"ring_depth": 2, "class_weights": None, "smallest_cell": 4.0},
    "maunet": {"smallest_cell": 4.0},
    "sac": {
        "prompts": 4, "wrong_prompts": 1, "entropy_weight": 1.0, "reach": 32.0, "grow": 24.0,
        "smallest_cell": 4.0, "accept": 0.5, "reject": 0.2, "stability": 0.5, "nms": 0.5,
    },
}  # fmt: skip
MASKS = {"accept": 0.6, "reject": 0.0, "stability": 0.4, "nms": 0.3}


def write(folder: Path, weights: torch.nn.Module, network: Any, task: Any, decoding: Any) -> Path:
    """A weights folder with these facts."""
    folder.mkdir()
    save_file(weights.state_dict(), folder / TENSORS)
    viewing = {
        "tile": 64, "overlap": 0.25, "tta": "none", "scales": [1.0], "cell_diameter": None,
        "typical_diameter": 16.0, "diameters": [16.0, 16.0],
    }  # fmt: skip
    facts = {
        "format": 1, "network": network, "task": task, "viewing": viewing, "decoding": decoding,
        "precision": "fp32",
    }  # fmt: skip
    (folder / FACTS).write_text(json.dumps(facts))
    return folder


def unet(folder: Path) -> Path:
    torch.manual_seed(0)
    layout = UNET_LAYOUT.model_dump()
    return write(folder, build_unet(UNET_LAYOUT, 3), layout, TASKS["unet"], CORES)


def maunet(folder: Path, *, earlier: bool = False) -> Path:
    torch.manual_seed(0)
    layout = MAUNET_LAYOUT.model_dump()
    kept = {"layout": layout, "pretrained": "none"} if earlier else layout
    decoding = {"core": 0.01, "foreground": 0.1, "rim": -0.1, "split": 0.0, "tolerance": 2.0}
    return write(folder, build_maunet(MAUNET_LAYOUT), kept, TASKS["maunet"], decoding)


def sac(folder: Path, *, earlier: bool = False) -> Path:
    layout = SAC_LAYOUT.model_dump()
    task: dict[str, Any] = TASKS["sac"]
    decoding: dict[str, Any] = {"regions": CORES, "accepting": MASKS}
    if earlier:
        layout |= {"checkpoint": None, "train_encoder": None}
        task = {"image_size": SIDE, "overlap": 0.25, **task}
        decoding = {**CORES, **MASKS}
    return write(folder, sure(small_network()), layout, task, decoding)


@pytest.mark.parametrize(("model", "folder"), [("maunet", maunet), ("sac", sac)])
def test_weights_of_before_are_those_of_now(
    model: str, folder: Callable[..., Path], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    labels, settings = [], []
    for earlier in (False, True):
        segmenter = segmenter_of(model)(folder(tmp_path / str(earlier), earlier=earlier), 1)
        found = segmenter.predict(Image(name="a.png", pixels=pixels))
        labels.append(found.labels if isinstance(found, Prediction) else found)
        predictor = segmenter._predictor
        settings.append((predictor.task, predictor.decoding, predictor.viewing))
    assert labels[0].any()
    assert np.array_equal(*labels)
    assert settings[0] == settings[1]


@pytest.mark.parametrize(
    ("model", "other"), [("unet", maunet), ("maunet", unet), ("sac", unet), ("nnunet", sac)]
)
def test_weights_of_another_model_are_a_wrong_call(
    model: str, other: Callable[[Path], Path], tmp_path: Path
) -> None:
    with pytest.raises(CallError, match="do not fit this model"):
        segmenter_of(model)(other(tmp_path / "weights"), 1)


def test_what_is_no_weights_folder_is_a_wrong_call(tmp_path: Path) -> None:
    folder = unet(tmp_path / "weights")
    facts = json.loads((folder / FACTS).read_text())
    del facts["viewing"]["tile"]
    for text in ("", "[", json.dumps(facts), json.dumps({**facts, "format": 2})):
        (folder / FACTS).write_text(text)
        with pytest.raises(CallError, match="no usable"):
            segmenter_of("unet")(folder, 1)


@pytest.mark.parametrize("model", MODELS)
def test_a_segmenter_needs_no_torch_before_there_is_work(model: str) -> None:
    text = f"import sys, containers.{model}.segmenter; print('torch' in sys.modules)"
    assert finish(code(text)).stdout == "False\n"
