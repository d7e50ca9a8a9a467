"""How alike two images of the same scene are, pixel by pixel: PSNR, SSIM, MS-SSIM, MicroSSIM."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage, optimize

from evaluator.synthetic.folders import Grey

SIGMA, RADIUS = 1.5, 5
"""Of the Gaussian window, as in Wang et al.: 11 pixels wide."""
K1, K2 = 0.01, 0.03
SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST = 2 * RADIUS + 1
SMALLEST_MULTI = (SMALLEST - 1) * 2 ** (len(SCALES) - 1) + 1
"""Pixels of a side from which MS-SSIM is defined: its window has to fit in after four halvings."""
BACKGROUND = 3
"""The percentile that MicroSSIM takes for background."""


@dataclass(frozen=True, kw_only=True)
class _Windows:
    """Weighted means, variances and covariance in every window that lies in both images."""

    means: tuple[Grey, Grey]
    variances: tuple[Grey, Grey]
    covariance: Grey


def psnr(real: Grey, other: Grey) -> float:
    """10 log₁₀(1 / mean squared difference), dB, of (H, W) values in [0, 1]; infinite if equal."""
    error = float(np.square(real - other).mean())
    return float("inf") if error == 0 else -10 * float(np.log10(error))


def ssim(real: Grey, other: Grey) -> float:
    """Mean structural similarity of (H, W) values in [0, 1], in [−1, 1]; 11 pixels at least.

    Source: Wang et al., IEEE Trans. Image Process. 13, 600-612 (2004), with its Gaussian window.
    """
    light, rest = _maps(_windows(real, other), 1.0)
    return float((light * rest).mean())


def ms_ssim(real: Grey, other: Grey) -> float:
    """SSIM over five scales, in [0, 1]; a side has SMALLEST_MULTI pixels at least.

    Contrast and structure of every scale, luminance of the last, each to the power of its weight;
    a negative mean counts 0. Source: Wang, Simoncelli and Bovik, Asilomar 2003.
    """
    result = 1.0
    for place, weight in enumerate(SCALES):
        light, rest = _maps(_windows(real, other), 1.0)
        last = place == len(SCALES) - 1
        result *= max(float((light * rest if last else rest).mean()), 0.0) ** weight
        real, other = _halved(real), _halved(other)
    return result


def micro_ssim(real: Sequence[Grey], other: Sequence[Grey]) -> list[float]:
    """MicroSSIM of each pair of (H, W) images in any unit, in [−1, 1].

    Of all images of a side together the 3rd percentile is taken off, and both sides are divided by
    the largest real value left; then the others are multiplied by the one factor that makes the
    mean SSIM of all pixels highest, so that neither offset nor gain counts. The range in SSIM is
    that of the real image. Source: Ashesh, Deschamps and Jug, MicroSSIM, ECCV Workshops 2024
    (arXiv:2408.08747).
    """
    floor, other_floor = (
        float(np.percentile(np.concatenate([one.ravel() for one in side]), BACKGROUND))
        for side in (real, other)
    )
    top = max(float(one.max()) for one in real) - floor or 1.0
    pairs = [((a - floor) / top, (b - other_floor) / top) for a, b in zip(real, other, strict=True)]
    windows = [_windows(a, b, sample=True) for a, b in pairs]
    ranges = [float(np.ptp(a)) or 1.0 for a, _ in pairs]

    def maps(factor: float) -> list[Grey]:
        found = [_maps(one, reach, factor) for one, reach in zip(windows, ranges, strict=True)]
        return [np.asarray(light * rest) for light, rest in found]

    def loss(log_factor: float) -> float:
        values = maps(float(np.exp(log_factor)))
        return -sum(float(one.sum()) for one in values) / sum(one.size for one in values)

    found = optimize.minimize_scalar(loss, bounds=(-7.0, 7.0), method="bounded")
    return [float(one.mean()) for one in maps(float(np.exp(found.x)))]


def _windows(real: Grey, other: Grey, *, sample: bool = False) -> _Windows:
    """`sample`: variances of a sample of as many pixels as the window has, as scikit-image's."""
    count = (2 * RADIUS + 1) ** 2
    unbiased = count / (count - 1) if sample else 1.0

    def mean(values: Grey) -> Grey:
        smooth = ndimage.gaussian_filter(values, SIGMA, radius=RADIUS, mode="reflect")
        return np.asarray(smooth[RADIUS:-RADIUS, RADIUS:-RADIUS])

    first, second = mean(real), mean(other)
    return _Windows(
        means=(first, second),
        variances=(
            unbiased * (mean(real * real) - first * first),
            unbiased * (mean(other * other) - second * second),
        ),
        covariance=unbiased * (mean(real * other) - first * second),
    )


def _maps(windows: _Windows, reach: float, factor: float = 1.0) -> tuple[Grey, Grey]:
    """Luminance, and contrast times structure, of the other image times `factor`."""
    first, second = windows.means[0], factor * windows.means[1]
    low, high = (K1 * reach) ** 2, (K2 * reach) ** 2
    light = (2 * first * second + low) / (first * first + second * second + low)
    spread = windows.variances[0] + factor**2 * windows.variances[1]
    return light, (2 * factor * windows.covariance + high) / (spread + high)


def _halved(values: Grey) -> npt.NDArray[np.float64]:
    """Means of 2×2 pixels; an odd last row or column goes."""
    height, width = values.shape[0] // 2 * 2, values.shape[1] // 2 * 2
    blocks = values[:height, :width].reshape(height // 2, 2, width // 2, 2)
    return np.asarray(blocks.mean(axis=(1, 3)))
