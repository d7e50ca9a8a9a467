"""Networks applied to images of any size."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from containers.base.segmentation.normalise import normalise
from containers.base.segmentation.tiling import tiled_maps, window_starts


def brightness(planes: torch.Tensor) -> torch.Tensor:
    """Stands for a network: two maps that depend on one pixel each."""
    return torch.stack([planes[:, 0], 1 - planes.mean(1)], 1)


def blurred(planes: torch.Tensor) -> torch.Tensor:
    """Stands for a network with a receptive field of 9 pixels."""
    return torch.nn.functional.avg_pool2d(planes[:, :2], 9, 1, 4, count_include_pad=False)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", [(1, 1), (3, 700), (64, 64), (65, 63), (257, 255), (300, 511)])
def test_windows_are_put_together_where_they_belong(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    maps = tiled_maps(image, brightness, 2, tile=128, overlap=0.25)
    assert maps.shape == (2, *shape)
    assert maps.dtype == np.float16
    assert maps[0] == pytest.approx(image[..., 0] / 255, abs=1e-3)
    assert maps[1] == pytest.approx(1 - image.mean(2) / 255, abs=1e-3)


def test_tiled_equals_untiled_away_from_window_edges() -> None:
    image = noise(256, 320)
    tiled = tiled_maps(image, blurred, 2, tile=96, overlap=0.5)
    whole = tiled_maps(image, blurred, 2, tile=320, overlap=0.5)
    difference = np.abs(tiled.astype(np.float32) - whole)
    assert difference.max() < 0.12
    assert difference.mean() < 0.004


def test_windows_cover_everything_and_overlap_enough() -> None:
    for size in (1, 96, 97, 500, 1000):
        starts = window_starts(size, 96, 0.25)
        assert starts[0] == 0
        assert starts[-1] == max(0, size - 96)
        assert all(b - a <= 72 for a, b in pairwise(starts))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_normalising_stretches_each_channel(dtype: type) -> None:
    ramp = np.linspace(10, 210, 2500).reshape(50, 50)
    pixels = np.stack([ramp, ramp / 2, np.zeros_like(ramp)], 2).astype(dtype)
    out = normalise(pixels)
    assert out.dtype == np.uint8
    assert out[0, 0].tolist() == [0, 0, 0]
    assert out[-1, -1].tolist() == [255, 255, 0]
    assert abs(int(out[25, 0, 0]) - 127) <= 3


@pytest.mark.parametrize("value", [0, 7, 65535])
def test_images_without_contrast_become_black(value: int) -> None:
    assert not normalise(np.full((4, 5, 3), value, np.uint16)).any()


def test_zeros_do_not_count_for_the_percentiles() -> None:
    pixels = np.zeros((100, 100, 3), np.uint16)
    pixels[40:60, 40:60] = np.linspace(1000, 2000, 400).reshape(20, 20, 1).astype(np.uint16)
    out = normalise(pixels)
    assert out[40, 40, 0] == 0
    assert out[50, 50, 0] > 100


def test_a_large_image_is_normalised_like_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).normal(900, 100, (200, 300, 3)).astype(np.float32)
    exact = normalise(pixels)
    monkeypatch.setattr("contract.large.SAMPLE_PIXELS", 5000)
    sampled = normalise(pixels)
    assert np.abs(exact.astype(int) - sampled).mean() < 6
