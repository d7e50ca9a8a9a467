"""Real pictures as a generator takes them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract import TrainPair, read_image, read_mask

Pixels = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""H×W or H×W×3."""
Labels = npt.NDArray[np.int32]
"""H×W cell ids, 0 for background."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A labelled image; `pixels` as `whole_numbers` gives them."""

    stem: str
    modality: str
    pixels: Pixels
    labels: Labels


def read_pair(pair: TrainPair) -> Picture:
    """The image and the labels of a training pair; ValueError when their sizes differ."""
    pixels = whole_numbers(read_image(pair.image))
    labels = read_mask(pair.label).astype(np.int32)
    if labels.shape != pixels.shape[:2]:
        raise ValueError(
            f"{pair.label.name} is {labels.shape}, {pair.image.name} {pixels.shape[:2]}"
        )
    return Picture(stem=pair.stem, modality=pair.modality, pixels=pixels, labels=labels)


def whole_numbers(pixels: npt.NDArray[np.generic]) -> Pixels:
    """What `contract.read_image` gave as it can be written: H×W when it is grey, uint8 or uint16.

    Floats are stretched from their lowest to their highest value over 16 bits.
    """
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        stretched = (pixels.astype(np.float64) - low) / (high - low or 1.0)
        pixels = np.rint(stretched * np.iinfo(np.uint16).max).astype(np.uint16)
    kept = pixels if pixels.dtype == np.uint8 else pixels.astype(np.uint16)
    grey = kept.ndim == 3 and all(np.array_equal(kept[..., 0], kept[..., n]) for n in (1, 2))
    return np.ascontiguousarray(kept[..., 0] if grey else kept)


def median_area(labels: Labels) -> float:
    """The median area of the cells, in pixels; 0 without cells."""
    areas = np.bincount(labels.ravel())[1:]
    found = areas[areas > 0]
    return float(np.median(found)) if found.size else 0.0
