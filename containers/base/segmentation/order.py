"""In which order a training draws images, so that sources of few images are learned too."""

from collections.abc import Sequence
from math import floor, sqrt

import numpy as np

ORDER_STREAM, IMAGE_STREAM = 2, 4


class Order:
    """Draws images in turns of as many as there are; a pure function of seed and position.

    In a turn a source has a share by the square root of how many images it has, at least one: of
    sources of 100 and 4 images the second has a sixth of the draws, not a 26th. Within a source
    each image is drawn once before any is drawn again. Where nobody said where images come from,
    each is drawn once a turn.
    """

    def __init__(self, sources: Sequence[str], seed: int) -> None:
        self._seed = seed
        names = sorted(set(sources))
        self._members = [
            [index for index, source in enumerate(sources) if source == name] for name in names
        ]
        self._quotas = _quotas([len(members) for members in self._members])
        self.turn = sum(self._quotas)
        """Draws of one turn."""

    def __call__(self, position: int) -> int:
        """Index of the image at `position`, from 0 on."""
        turn, place = divmod(position, self.turn)
        order = np.random.default_rng([self._seed, ORDER_STREAM, turn]).permutation(self.turn)
        slot = int(order[place])
        for source, (members, quota) in enumerate(zip(self._members, self._quotas, strict=True)):
            if slot < quota:
                return members[self._within(source, turn * quota + slot, len(members))]
            slot -= quota
        raise AssertionError("a slot lies within the quotas")

    def _within(self, source: int, draw: int, count: int) -> int:
        """Which image of a source its draw of this number shows."""
        again, place = divmod(draw, count)
        rng = np.random.default_rng([self._seed, IMAGE_STREAM, source, again])
        return int(rng.permutation(count)[place])


def _quotas(counts: Sequence[int]) -> list[int]:
    """Draws of each source in a turn of about as many as there are images."""
    weights = [sqrt(count) for count in counts]
    total, images = sum(weights), sum(counts)
    return [max(1, floor(images * weight / total + 0.5)) for weight in weights]
