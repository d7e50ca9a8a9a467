"""Intensity normalisation of the NeurIPS 2022 baseline, made safe for every input."""

import numpy as np

from contract import LargePicture
from contract.contrast import ROUNDING, differ
from contract.large import sample_step

BAND_ROWS = 512


def normalise(pixels: np.ndarray, picture: LargePicture | None = None) -> np.ndarray:
    """Stretch each channel from its 1st..99th percentile to 0..255.

    `pixels` is H×W×3 of any real dtype, finite; the result is H×W×3 uint8. As in the challenge's
    baseline (`pre_process_3class.py`), percentiles are taken over the channel's non-zero pixels;
    where these are all alike, as in a picture of two values, the channel is stretched from its
    lowest to its highest value. Only a channel of one single value becomes 0 everywhere.

    There is no absolute scale: a picture and its multiple give the same result. A value within
    rounding of the next grey level counts as that level, so that it does not matter in which type
    the picture was stored. Above `contract.large.SAMPLE_PIXELS` the percentiles come from a regular
    grid of pixels, so that memory beyond input and output stays constant. Of a region the `picture`
    is given, whose percentiles are taken.
    """
    height, width = pixels.shape[:2]
    out = np.zeros(pixels.shape, np.uint8)
    step = sample_step((height, width))
    for channel in range(pixels.shape[2]):
        if picture is None:
            stretch = _stretch(pixels[::step, ::step, channel], pixels[..., channel])
        else:
            extremes = np.array(picture.extremes[channel])
            stretch = _stretch(picture.sample[..., channel], extremes)
        if stretch is None:
            continue
        levels = _levels(pixels)
        if levels is not None:
            out[..., channel] = _stretched(levels, *stretch)[pixels[..., channel]]
            continue
        for top in range(0, height, BAND_ROWS):
            rows = slice(top, top + BAND_ROWS)
            out[rows, :, channel] = _stretched(pixels[rows, :, channel], *stretch)
    return out


def _levels(pixels: np.ndarray) -> np.ndarray | None:
    """All values of the type, where they are fewer than the pixels and worth a table."""
    if pixels.dtype not in (np.uint8, np.uint16):
        return None
    levels = np.arange(np.iinfo(pixels.dtype).max + 1)
    return levels if levels.size < pixels.shape[0] * pixels.shape[1] else None


def _stretched(values: np.ndarray, low: float, high: float) -> np.ndarray:
    factor = 255.0 / (high - low)
    slack = min(0.5, ROUNDING * max(abs(low), abs(high)) * factor)
    return np.clip((values.astype(np.float64) - low) * factor + slack, 0, 255).astype(np.uint8)


def _stretch(sample: np.ndarray, channel: np.ndarray) -> tuple[float, float] | None:
    """The values that become 0 and 255; None when all are alike.

    `channel` holds the lowest and the highest of all values.
    """
    sample = sample[sample != 0]
    if sample.dtype.kind == "f":
        sample = sample.astype(np.float64)  # percentiles are computed in the sample's type
    if sample.size:
        low, high = (float(value) for value in np.percentile(sample, (1, 99)))
        if differ(low, high):
            return low, high
    low, high = float(channel.min()), float(channel.max())
    return (low, high) if differ(low, high) else None
