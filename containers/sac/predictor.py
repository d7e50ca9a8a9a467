"""Prediction by prompts: what the maps hold for a cell goes through SAM's mask decoder."""

from collections.abc import Sequence

import numpy as np
import torch

from containers.base.segmentation.decode import Decoding, instances
from containers.base.segmentation.predict import Predictor
from containers.base.segmentation.resample import resize_labels
from containers.sac.masks import Mask, Window, cut_windows, decode_window, merge
from containers.sac.prompts import seed_points
from containers.sac.task import PromptTask, SacDecoding
from contract import Prediction, Region

MASK_DECODER, WATERSHED = "mask_decoder", "watershed"
"""Names of the counts: where cells come from."""


class PromptingPredictor(Predictor[SacDecoding]):
    """The shared predictor, with a second look at the image: a mask for every seed in the maps.

    The first looks, which only measure the cells, are decoded by the watershed alone.
    """

    task: PromptTask

    def __call__(
        self, pixels: np.ndarray, region: Region | None = None, diameter: float | None = None
    ) -> Prediction:
        """H×W×3 pixels as `contract.read_image` gives them to labels, and their counts."""
        image, _ = self.show(pixels, region, diameter)
        shape = (pixels.shape[0], pixels.shape[1])
        return self.segment(image, self.look(image), shape, [self.decoding])[0]

    def decode(
        self, image: np.ndarray, maps: np.ndarray, decodings: Sequence[SacDecoding]
    ) -> list[np.ndarray]:
        """The labels for each of the decodings, at the size of `image` and its `maps`."""
        shape = (image.shape[0], image.shape[1])
        return [found.labels for found in self.segment(image, maps, shape, decodings)]

    def segment(
        self,
        image: np.ndarray,
        maps: np.ndarray,
        shape: tuple[int, int],
        decodings: Sequence[SacDecoding],
    ) -> list[Prediction]:
        """The cells for each decoding, as labels of size `shape`, and how many come from where.

        `image` is h×w×3 uint8, `maps` 2×h×w. Decodings with the same regions share the masks.
        """
        known: dict[Decoding, tuple[np.ndarray, list[Mask]]] = {}
        found = []
        for decoding in decodings:
            if decoding.regions not in known:
                known[decoding.regions] = self._regions_and_masks(image, maps, decoding.regions)
            regions, masks = known[decoding.regions]
            smallest = decoding.regions.smallest_cell
            labels, from_decoder = merge(masks, regions, decoding.accepting, smallest)
            labels = resize_labels(labels, shape)
            left = np.flatnonzero(np.bincount(labels.ravel())[1:]) + 1
            counts = {
                MASK_DECODER: int((left <= from_decoder).sum()),
                WATERSHED: int((left > from_decoder).sum()),
            }
            found.append(Prediction(labels=labels, counts=counts))
        return found

    def _regions_and_masks(
        self, image: np.ndarray, maps: np.ndarray, decoding: Decoding
    ) -> tuple[np.ndarray, list[Mask]]:
        """The watershed region of each seed, h×w int32, and the mask of each seed."""
        regions = instances(maps, (maps.shape[1], maps.shape[2]), decoding)
        core = maps[0] > decoding.core
        seeds = seed_points(regions, core)
        side, overlap = self.viewing.tile, self.viewing.overlap
        windows = cut_windows(image, maps[1], regions * core, seeds, side, overlap)

        def masks_in(network: torch.nn.Module, window: Window) -> list[Mask]:
            return decode_window(network, window, decoding.foreground, self.task.reach)

        return regions, [mask for some in self.again(masks_in, windows) for mask in some]
