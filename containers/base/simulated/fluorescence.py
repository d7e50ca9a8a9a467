"""Nuclei with a fluorescent DNA stain in a widefield microscope."""

from dataclasses import dataclass

import numpy as np

from containers.base.simulated.camera import (
    add_specks,
    blur,
    blur_mix,
    count_per_area,
    expose,
    power_law_field,
    uneven_light,
)
from containers.base.simulated.image import Labels, Plane, Shape, SimulatedImage, to_uint8
from containers.base.simulated.shapes import (
    Point,
    Window,
    polar,
    round_level,
    round_reach,
    scatter,
    spot,
    tidy_labels,
    window_around,
)


@dataclass(frozen=True, kw_only=True)
class NuclearState:
    """A stage of a nucleus and how it differs from an ordinary interphase nucleus."""

    share: float
    """Of all nuclei."""
    size: float
    """Relative radius."""
    brightness: float
    """Of the stain at the nucleus' middle, 1 = a bright nucleus."""
    stretch: tuple[float, float]
    """Mean and standard deviation of elongation − 1."""
    roughness: tuple[float, float]
    nucleoli: bool
    """Whether dark nucleoli are visible."""
    clumped: bool = False
    """Whether the chromatin has condensed into clumps."""


@dataclass(frozen=True, kw_only=True)
class _Slide:
    """The maps that nuclei are drawn into, H×W each, and the textures they share."""

    light: Plane
    diffuse: Plane
    """Light without texture, the source of haze."""
    labels: Labels
    chromatin: Plane
    coarse: Plane


STATES = (
    NuclearState(  # interphase
        share=0.84,
        size=1.0,
        brightness=0.55,
        stretch=(0.27, 0.11),
        roughness=(0.02, 0.075),
        nucleoli=True,
    ),
    NuclearState(  # after DNA replication
        share=0.10,
        size=1.22,
        brightness=0.72,
        stretch=(0.27, 0.11),
        roughness=(0.02, 0.075),
        nucleoli=True,
    ),
    NuclearState(  # metaphase plate
        share=0.03,
        size=0.72,
        brightness=1.5,
        stretch=(1.35, 0.26),
        roughness=(0.03, 0.08),
        nucleoli=False,
    ),
    NuclearState(  # apoptotic
        share=0.03,
        size=0.6,
        brightness=1.6,
        stretch=(0.1, 0.05),
        roughness=(0.08, 0.12),
        nucleoli=False,
        clumped=True,
    ),
)
RADIUS = (9.5, 14.5)
"""Typical radius of an interphase nucleus, px; one value per image."""
CROWDING = (0.045, 0.075)
"""Nuclei per squared radius of the frame's area."""
RADIUS_SPREAD = 0.16
BRIGHTNESS_SPREAD = 0.38
"""Standard deviations of log-normal factors, per nucleus."""
PSF = ((0.85, 1.1), (0.12, 3.5), (0.03, 12.0))
"""Widefield point spread: a sharp core and wide tails, as (weight, sigma in px)."""
HAZE = ((0.05, 9.0), (0.035, 30.0))
"""Light from out-of-focus planes and the cytoplasm, as (weight, sigma in px)."""
DEFOCUS = 1.2
"""Blur of a nucleus per unit of height above the focus, px."""
PHOTONS = (180.0, 600.0)
READ_NOISE = (2.0, 5.0)
SMALLEST_NUCLEUS = 30
"""px; less than this at the border is not labelled."""


def simulate_fluorescence(rng: np.random.Generator, shape: Shape) -> SimulatedImage:
    """Bright nuclei on a dark background, H×W uint8.

    Emission adds up where nuclei overlap; in the labels the upper nucleus wins.
    """
    radius = rng.uniform(*RADIUS)
    count = max(1, round(rng.uniform(*CROWDING) * shape[0] * shape[1] / radius**2))
    slide = _Slide(
        light=np.zeros(shape),
        diffuse=np.zeros(shape),
        labels=np.zeros(shape, np.int32),
        chromatin=power_law_field(rng, shape, exponent=2.2, longest=24),
        coarse=power_law_field(rng, shape, exponent=3.0, longest=60),
    )
    centres = scatter(rng, shape, count, clustered=0.55, spread=45, spacing=1.15 * radius)
    for label, centre in enumerate(centres, start=1):
        _add_nucleus(rng, slide, label, centre, radius)
    light = slide.light + blur_mix(slide.diffuse, HAZE)
    add_specks(rng, light, count_per_area(rng, shape, 6, 22), sigma=(0.6, 2.0), strength=(0.1, 0.7))
    return SimulatedImage(
        pixels=_photograph(rng, light), labels=tidy_labels(slide.labels, smallest=SMALLEST_NUCLEUS)
    )


def _add_nucleus(
    rng: np.random.Generator, slide: _Slide, label: int, centre: Point, typical_radius: float
) -> None:
    """Draws one nucleus of a random state into the slide's light, diffuse light and labels."""
    state = STATES[rng.choice(len(STATES), p=[state.share for state in STATES])]
    radius = typical_radius * state.size * rng.lognormal(0, RADIUS_SPREAD)
    mean, deviation = state.stretch
    elongation = 1 + rng.gamma((mean / deviation) ** 2, deviation**2 / mean)
    window = window_around(centre, round_reach(radius, elongation), slide.labels.shape)
    level = round_level(
        rng,
        window,
        centre,
        radius,
        roughness=rng.uniform(*state.roughness),
        elongation=elongation,
    )
    brightness = state.brightness * rng.lognormal(-0.1, BRIGHTNESS_SPREAD)
    thickness = _dome(level) * brightness
    texture = 1 + 0.16 * slide.chromatin[window] + 0.14 * slide.coarse[window]
    if state.nucleoli:
        texture *= _nucleoli(rng, window, centre, radius)
    if state.clumped:
        texture *= 1 + 0.8 * (slide.chromatin[window] > 0.4)
    emission = thickness * np.clip(texture, 0.15, None)
    height = abs(rng.normal(0, 0.6))
    if height > 0.9:
        emission = blur(emission, DEFOCUS * height)
    slide.light[window] += emission
    slide.diffuse[window] += thickness
    slide.labels[window][level > 0] = label


def _dome(level: Plane) -> Plane:
    """Relative thickness of a flattened nucleus: a plateau with a rounded rim."""
    rim = np.clip(2.6 * level, 0, 1)
    return np.asarray(np.sqrt(1 - (1 - rim) ** 2))


def _nucleoli(rng: np.random.Generator, window: Window, centre: Point, radius: float) -> Plane:
    """Relative stain after one to four nucleoli, which hold little DNA."""
    stain = np.ones([side.stop - side.start for side in window])
    for _ in range(rng.integers(1, 5)):
        place = polar(centre, radius * rng.uniform(0, 0.6), rng.uniform(0, 2 * np.pi))
        stain -= rng.uniform(0.25, 0.6) * spot(window, place, radius * rng.uniform(0.09, 0.19))
    return stain


def _photograph(
    rng: np.random.Generator, light: Plane
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Optics and camera, then the usual percentile stretch to 8 bit."""
    background = 0.045 + 0.012 * power_law_field(rng, light.shape, exponent=3.2)
    seen = blur_mix(light, PSF) + background
    seen *= uneven_light(rng, light.shape, falloff=rng.uniform(0.2, 0.44))
    signal = expose(rng, seen, photons=rng.uniform(*PHOTONS), read_noise=rng.uniform(*READ_NOISE))
    black, white = np.percentile(signal, (0.1, 99.85))
    return to_uint8((signal - black) / (white - black))
