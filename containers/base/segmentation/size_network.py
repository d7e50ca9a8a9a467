"""How wide the cells of an image are, by a small network that learns it beside the large one."""

from collections.abc import Callable, Sequence
from itertools import product
from math import ceil, log2

import numpy as np
import torch
from torch.nn.functional import softmax

from containers.base.segmentation.device import Device
from containers.base.segmentation.resample import resize_image, scaled_shape

SIDE = 128
"""Side in pixels of the crops that it learns from, and of its windows."""
SMALLEST_SIDE, SIDE_MULTIPLE = 48, 16
STEPS = np.arange(2.0, 7.01, 0.25)
"""The sizes between which it chooses: log2 of a typical cell's diameter in pixels of the crop."""
LINE = np.arange(2.0, 10.01, 0.05)
"""Where beliefs about an image are kept: log2 of the diameter in its own pixels."""
LEVELS = (0.125, 0.25, 0.5, 1.0, 2.0)
"""Sizes, relative to the image's own, at which it is looked at."""
WINDOWS = 4
"""Looked at of each level, at most."""
DOUBT = 0.02
"""Chance that a level says nothing about the size."""

ReadPart = Callable[[slice, slice], np.ndarray]
"""Gives a part of an image, h×w×3 uint8, normalised."""


class SizeNetwork(torch.nn.Module):
    """B×3×h×w images in [0, 1] to B×`len(STEPS)` logits of the size of their typical cell.

    Nine tenths of what it computes are seven convolutions; 0.22 million weights.
    """

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        layers = [(1, 2), (2, 2), (2, 1), (4, 2), (4, 1), (6, 2), (6, 1)]
        inputs = [3, *(width * factor for factor, _ in layers[:-1])]
        self.features = torch.nn.Sequential(
            *(
                _convolution(given, width * factor, stride)
                for given, (factor, stride) in zip(inputs, layers, strict=True)
            )
        )
        self.head = torch.nn.Sequential(
            torch.nn.Linear(2 * width * layers[-1][0], 4 * width),
            torch.nn.ReLU(),
            torch.nn.Linear(4 * width, len(STEPS)),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, from the mean and the highest value of every feature."""
        features = self.features(images)
        logits: torch.Tensor = self.head(
            torch.cat([features.mean((2, 3)), features.amax((2, 3))], 1)
        )
        return logits


def _convolution(given: int, wanted: int, stride: int) -> torch.nn.Module:
    return torch.nn.Sequential(
        torch.nn.Conv2d(given, wanted, 3, stride, 1, bias=False),
        torch.nn.BatchNorm2d(wanted),
        torch.nn.ReLU(inplace=True),
    )


def believed_sizes(
    network: torch.nn.Module, shape: tuple[int, int], part: ReadPart, device: Device
) -> np.ndarray:
    """Log-probabilities, up to a constant, of the diameters `LINE` for an image of this shape.

    Windows of one level are averaged, since any may lie where no cells are; levels are multiplied,
    each with a chance of `DOUBT` that it says nothing.
    """
    network.eval()
    belief = np.zeros(len(LINE))
    for level in LEVELS:
        views = _views(shape, part, level)
        if not views:
            continue
        images = torch.from_numpy(np.stack(views)).permute(0, 3, 1, 2).float() / 255
        images = images.to(device.device).contiguous(memory_format=device.layout)
        with torch.inference_mode(), device.autocast():
            logits = network(images)
        chances = softmax(logits.float(), 1).mean(0).cpu().numpy()
        there = np.interp(LINE + log2(level), STEPS, chances, chances[0] / 2, chances[-1] / 2)
        belief += np.log(DOUBT / len(STEPS) + (1 - DOUBT) * there)
    return belief


def _views(shape: tuple[int, int], part: ReadPart, level: float) -> list[np.ndarray]:
    """Windows of an image at one level, all of one size; none where it would be tiny."""
    side = round(SIDE / level)
    seen = scaled_shape((min(shape[0], side), min(shape[1], side)), level)
    if max(seen) < SMALLEST_SIDE // 2:
        return []
    wanted = max(SMALLEST_SIDE, ceil(max(seen) / SIDE_MULTIPLE) * SIDE_MULTIPLE)
    found = []
    places = list(product(_starts(shape[0], side), _starts(shape[1], side)))
    for top, left in _spread(places):
        window = part(slice(top, top + side), slice(left, left + side))
        found.append(fill(resize_image(window, seen), wanted))
    return found


def _starts(size: int, side: int) -> list[int]:
    count = min(WINDOWS, ceil(size / side))
    return [round(start) for start in np.linspace(0, max(0, size - side), count)]


def _spread(places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """`WINDOWS` of the places, in even distances."""
    chosen = np.linspace(0, len(places) - 1, min(WINDOWS, len(places))).round().astype(int)
    return [places[index] for index in chosen]


def fill(image: np.ndarray, side: int) -> np.ndarray:
    """An h×w×3 image as a square of `side`, filled up by mirroring it."""
    missing = [(0, side - size) for size in image.shape[:2]]
    return np.pad(image, [*missing, (0, 0)], mode="symmetric")
