"""Frames that follow each other, and what the network is shown of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from containers.base.generation.crops import crop_window, image_at
from containers.base.generation.data import Collection, Floats, scale
from containers.base.generation.encode import CHANNELS, encode
from containers.pix2pix.learner import Paint
from contract import TrainPair

Labels = npt.NDArray[np.int32]
OWN_STREAM = 14


@dataclass(frozen=True, kw_only=True)
class Step:
    """Indices in a collection of a frame and of the up to three before it, the nearest first.

    Where a movie begins the earliest frame stands in for those that are not there.
    """

    frame: int
    before: tuple[int, int, int]


def steps(pairs: Sequence[TrainPair]) -> list[Step]:
    """Every frame whose predecessor is there too, movie by movie."""
    known = {
        (pair.sequence, pair.frame): index for index, pair in enumerate(pairs) if pair.sequence
    }
    found = []
    for (movie, number), index in sorted(known.items(), key=lambda item: (item[0][0], item[1])):
        assert number is not None, "a pair of a sequence has a frame"
        before = [known.get((movie, number - back)) for back in (1, 2, 3)]
        first = before[0]
        if first is None:
            continue
        second = first if before[1] is None else before[1]
        third = second if before[1] is None or before[2] is None else before[2]
        found.append(Step(frame=index, before=(first, second, third)))
    return found


def condition(images: tuple[Floats, Floats], masks: tuple[Labels, Labels, Labels]) -> Floats:
    """(2C+9)×H×W: H×W×C images of t-1 and t-2, then the masks of t-1, t-2 and t."""
    return np.concatenate(
        [*(image.transpose(2, 0, 1) for image in images), *(encode(mask) for mask in masks)]
    ).astype(np.float32)


def condition_channels(channels: int) -> int:
    """Channels of `condition`."""
    return 2 * channels + 3 * CHANNELS


class MovieCrops:
    """Batches of crops of movies, the last frame now and then one of the network's own."""

    def __init__(
        self, collection: Collection, *, side: int, batch: int, seed: int, own: float, start: int
    ) -> None:
        self._collection, self._steps = collection, steps(collection.pairs)
        self._side, self._batch, self._seed = side, batch, seed
        self._own, self._start = own, start

    def __call__(self, step: int, paint: Paint) -> tuple[torch.Tensor, torch.Tensor]:
        """Conditions and frames of the crops of an optimiser step."""
        rng = np.random.default_rng([self._seed, OWN_STREAM, step])
        own = step >= self._start and rng.random() < self._own
        cut = [self._cut(step * self._batch + place) for place in range(self._batch)]
        earlier = None
        if own:
            shown = [condition((i[2], i[3]), (m[2], m[3], m[1])) for i, m in cut]
            earlier = paint(torch.from_numpy(np.stack(shown)))
        conditions, frames = [], []
        for place, (images, masks) in enumerate(cut):
            last = images[1]
            if earlier is not None:
                last = earlier[place].numpy().transpose(1, 2, 0)
            conditions.append(condition((last, images[2]), (masks[1], masks[2], masks[0])))
            frames.append(images[0].transpose(2, 0, 1))
        return torch.from_numpy(np.stack(conditions)), torch.from_numpy(np.stack(frames))

    def _cut(self, position: int) -> tuple[list[Floats], list[Labels]]:
        """Images and masks of t, t-1, t-2, t-3, the same part of each."""
        step = self._steps[image_at(position, len(self._steps), self._seed)]
        reals = [self._collection[index] for index in (step.frame, *step.before)]
        window = crop_window(reals[0], position, self._side, self._seed)
        images = [scale(window.cut(real.image)) for real in reals]
        return images, [window.cut(real.labels) for real in reals]
