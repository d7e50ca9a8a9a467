"""Small networks and drawn cells for the tests of SAC."""

from typing import Any

import numpy as np
import torch

from containers.base.segmentation.crops import Crop
from containers.base.segmentation.device import Device
from containers.base.segmentation.predict import Viewing
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.step import Stepper
from containers.base.segmentation.workers import Workers
from containers.sac.network import SegmentAnyCell, build_network
from containers.sac.predictor import PromptingPredictor
from containers.sac.settings import NetworkSettings, Pretraining
from containers.sac.task import PromptTask
from contract import take
from tests.unit.settings_fixtures import changed, profile_values

SIDE = 64
LAYOUT = NetworkSettings(
    image_size=SIDE,
    patch=8,
    width=32,
    depth=2,
    heads=2,
    global_blocks=[1],
    window=4,
    embedding=32,
    decoder_mlp=32,
    decoder_heads=2,
    generator_channels=[8, 8, 16, 16],
)
TASK = PromptTask(prompts=4, wrong_prompts=1)
FROZEN = Pretraining(train_encoder=False)
CPU = Device(device=torch.device("cpu"), precision="fp32")


def settings_of(name: str, **changes: Any) -> tuple[Settings, PromptTask, NetworkSettings]:
    """Settings, task and layout of a profile."""
    values = profile_values("sac", name, **changes)
    return take(values, Settings), take(values, PromptTask), take(values, NetworkSettings)


def small_network(
    seed: int = 0, *, image_size: int = SIDE, pretraining: Pretraining | None = None
) -> SegmentAnyCell:
    """A network that runs in milliseconds."""
    torch.manual_seed(seed)
    return build_network(changed(LAYOUT, image_size=image_size), pretraining)


def sure(network: SegmentAnyCell) -> SegmentAnyCell:
    """The network, which expects an IoU of about 1 of every mask from now on."""
    torch.nn.init.ones_(network.sam.mask_decoder.iou_prediction_head.layers[-1].bias)
    return network


def discs(shape: tuple[int, int], pitch: int, radius: float) -> np.ndarray:
    """Labels with a disc in every square of `pitch` pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = (rows % pitch - pitch / 2) ** 2 + (columns % pitch - pitch / 2) ** 2 <= radius**2
    across = -(-shape[1] // pitch)
    return np.where(inside, rows // pitch * across + columns // pitch + 1, 0).astype(np.int32)


def perfect_maps(labels: np.ndarray, task: PromptTask = TASK) -> np.ndarray:
    """The maps of a network that is always right."""
    cells = task.encode(labels)
    return np.stack([np.minimum(cells[1], cells[2]), labels > 0]).astype(np.float16)


def predictor(
    network: torch.nn.Module, task: PromptTask = TASK, *, tile: int = SIDE
) -> PromptingPredictor:
    """A predictor that shows images at their own size."""
    viewing = Viewing(
        tile=tile,
        overlap=0.25,
        tta="none",
        cell_diameter=None,
        typical_diameter=16.0,
        diameters=(16.0, 16.0),
    )
    decoding = task.first_decoding()
    return PromptingPredictor(network, task, viewing, decoding, device=CPU, workers=Workers(1))


def one_step(network: SegmentAnyCell, labels: np.ndarray, steps: int = 1) -> Stepper:
    """Trains on crops with these cells, white on black."""
    image = np.repeat((labels > 0).astype(np.float32)[..., None], 3, 2)
    stepper = Stepper(
        network,
        lambda position: Crop(image=image, labels=labels),  # type: ignore[arg-type]
        TASK,
        Settings(steps=1, batch_size=2, shares=1, clip_gradient=5.0),
        device=CPU,
        workers=Workers(1),
    )
    for step in range(steps):
        stepper(step, 1e-3)
    return stepper
