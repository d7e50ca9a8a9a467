"""Prediction that looks at every window at several sizes."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch

from containers.base.segmentation import predict
from containers.base.segmentation.device import Device
from containers.base.segmentation.predict import Predictor, Viewing
from containers.base.segmentation.workers import Workers

IMAGE = np.random.default_rng(0).integers(0, 256, (128, 150, 3), np.uint8)


class Side(torch.nn.Module):
    """Stands for a network: what it says of every pixel is the height of the window it sees."""

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        return torch.full_like(planes[:, :1], planes.shape[2])


class Copy(torch.nn.Module):
    """Stands for a network: the image itself."""

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        return planes


@dataclass(frozen=True)
class Plain:
    """Keeps the logits as maps."""

    maps: int

    def activate(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.float()

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: object, scale: float
    ) -> np.ndarray:
        raise NotImplementedError


def look(
    network: torch.nn.Module, image: np.ndarray, scales: tuple[float, ...], *, plainly: bool = False
) -> np.ndarray:
    viewing = Viewing(
        tile=128,
        overlap=0.25,
        tta="flips",
        scales=scales,
        cell_diameter=None,
        typical_diameter=20.0,
        diameters=(10.0, 40.0),
    )
    predictor = Predictor(
        network,
        Plain(1 if isinstance(network, Side) else 3),
        viewing,
        None,
        device=Device(device=torch.device("cpu"), precision="fp32"),
        workers=Workers(1),
    )
    return predictor.look(image, plainly=plainly)


def test_windows_are_shown_at_every_scale_and_logits_averaged() -> None:
    maps = look(Side(), IMAGE, (1.0, 1.25, 1.5))
    assert maps.shape == (1, 128, 150)
    assert np.unique(maps).tolist() == [(128 + 160 + 192) / 3]


def test_one_look_is_one_scale() -> None:
    assert np.unique(look(Side(), IMAGE, (1.0, 1.5), plainly=True)).tolist() == [128]


def test_large_images_are_seen_at_one_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predict, "LARGEST_AT_SCALES", 128 * 150)
    assert np.unique(look(Side(), IMAGE, (1.0, 1.5))).tolist() == [128]


def test_what_is_seen_at_another_scale_lands_where_it_belongs() -> None:
    rows, columns = np.mgrid[:128, :150]
    smooth = np.stack([rows, columns, (rows + columns) // 2], 2).astype(np.uint8)
    maps = look(Copy(), smooth, (1.0, 0.5, 1.5))
    error = np.abs(maps.transpose(1, 2, 0) * 255 - smooth)
    assert error[4:-4, 4:-4].max() < 1.5
