"""At which scale an image is shown: what is believed of its cells' width, and one look at them.

The size network says how likely every width is. A glimpse at the image at the likeliest one
measures cells as the large network finds them, which is more exact where the belief was right and
wrong where it was wrong: it shifts the belief and does not replace it.
"""

from math import log2, sqrt

import numpy as np

from containers.base.segmentation.size_network import LINE

GLIMPSE, SMALLEST_GLIMPSE = 384, 64
"""Sides of the part of an image that is looked at, working pixels."""
GLIMPSE_SHARE = 0.5
"""Of the image that a glimpse shows at most: it has to cost much less than the image."""
TRUST = 4.0
"""How much likelier, as a logarithm, the measured width becomes."""
TRUST_SPREAD = 0.3
"""Width of that, in octaves."""
FAR = 0.6
"""Octaves between the width looked for and the one measured at which `TRUST` has fallen to 0.6:
cells that are found far from their learned size are seldom whole."""
GUESS = 1.0
"""Octaves by which images differ from the typical training image, without a size network."""


def guessed_sizes(typical: float) -> np.ndarray:
    """Log-probabilities over `LINE` where nothing but the training images' width is known."""
    distance: np.ndarray = (LINE - log2(typical)) / GUESS
    return -(distance**2) / 2


def within(belief: np.ndarray, smallest: float, largest: float) -> np.ndarray:
    """The belief without the widths, in pixels, that no image has."""
    possible = (log2(smallest) <= LINE) & (log2(largest) >= LINE)
    return np.where(possible, belief, -np.inf) if possible.any() else belief


def likeliest(belief: np.ndarray) -> float:
    """The most believed width in pixels."""
    return float(2 ** LINE[int(belief.argmax())])


def shifted(belief: np.ndarray, supposed: float, measured: float) -> np.ndarray:
    """The belief after cells `measured` pixels wide were found where `supposed` was looked for."""
    trust = TRUST * np.exp(-((log2(measured / supposed) / FAR) ** 2) / 2)
    distance = (LINE - log2(measured)) / TRUST_SPREAD
    shifted: np.ndarray = belief + trust * np.exp(-(distance**2) / 2)
    return shifted


def glimpse_side(shape: tuple[int, int], scale: float) -> int:
    """Side, in pixels of an image of that shape, of the part that is looked at at `scale`."""
    share = sqrt(GLIMPSE_SHARE * shape[0] * shape[1]) * scale
    return max(1, round(min(GLIMPSE, max(SMALLEST_GLIMPSE, share)) / scale))
