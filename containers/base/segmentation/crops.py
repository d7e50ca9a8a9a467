"""Which crops a training sees: a pure function of seed and position, so that it can be resumed."""

from dataclasses import dataclass

import numpy as np

from containers.base.segmentation.augment import change_intensities, flip_turn
from containers.base.segmentation.data import Pool
from containers.base.segmentation.order import Order
from containers.base.segmentation.resample import resize_image, resize_labels, scaled_shape
from containers.base.segmentation.settings import Settings

CROP_STREAM = 1
MOST_ENLARGED = 4.0


@dataclass(frozen=True, kw_only=True)
class Crop:
    """`image` is S×S×3 float32 in [0, 1], `labels` S×S int32."""

    image: np.ndarray
    labels: np.ndarray


class CropSampler:
    """Draws augmented crops of the images in their `order.Order`.

    Crop number k of a training depends on nothing but `seed` and k: the position is the whole state
    of the sampler, and crops can be made in any order or in parallel.
    """

    def __init__(self, pool: Pool, settings: Settings, seed: int) -> None:
        self._pool = pool
        self._settings = settings
        self._seed = seed
        self._typical = pool.typical_diameter()
        self._order = Order([fact.source for fact in pool.facts], seed)

    def __call__(self, position: int) -> Crop:
        settings = self._settings
        rng = np.random.default_rng([self._seed, CROP_STREAM, position])
        index = self._order(position)
        sample, facts = self._pool[index], self._pool.facts[index]
        diameter = facts.diameter or self._typical
        zoom = working_scale(diameter, settings.cell_diameter)
        if rng.random() < settings.zoom_probability:
            zoom *= float(np.exp(rng.uniform(np.log(settings.zoom_min), np.log(settings.zoom_max))))
        zoom = min(zoom, MOST_ENLARGED)
        stretch = float(np.exp(rng.uniform(-0.5, 0.5) * np.log1p(settings.stretch)))
        scales = (zoom * stretch, zoom / stretch)
        window = place_window(sample.labels.shape, settings, facts.boxes, scales, rng)
        image, labels = _cut(sample.image[window], sample.labels[window], scales, settings.crop)
        image, labels = flip_turn(image, labels, rng)
        scaled = image.astype(np.float32) / np.float32(255)
        return Crop(
            image=change_intensities(scaled, settings, rng), labels=np.ascontiguousarray(labels)
        )


def working_scale(diameter: float, wanted: float | None) -> float:
    """Working pixels per image pixel for cells of `diameter` image pixels; 1 if none is wanted."""
    return 1.0 if wanted is None else min(wanted / diameter, MOST_ENLARGED)


def place_window(
    shape: tuple[int, ...],
    settings: Settings,
    boxes: np.ndarray,
    scales: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[slice, slice]:
    """The window of the image that becomes the crop; on a cell with the set probability."""
    sides = [
        min(size, max(1, round(settings.crop / scale)))
        for size, scale in zip(shape, scales, strict=True)
    ]
    wanted = rng.random(2)
    on_cell = rng.random() < settings.foreground_probability
    box = boxes[int(rng.integers(len(boxes)))] if len(boxes) else None
    window = []
    for axis, (size, side) in enumerate(zip(shape, sides, strict=True)):
        low, high = 0, size - side
        if on_cell and box is not None:
            centre = (box[axis] + box[axis + 2]) // 2
            low = int(np.clip(centre - side + 1, 0, high))
            high = int(np.clip(centre, low, high))
        start = low + int(wanted[axis] * (high - low + 1))
        window.append(slice(start, start + side))
    return window[0], window[1]


def _cut(
    image: np.ndarray, labels: np.ndarray, scales: tuple[float, float], side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rescales a window and fills it up to side×side by mirroring it."""
    shape = (
        min(side, scaled_shape((labels.shape[0], 1), scales[0])[0]),
        min(side, scaled_shape((labels.shape[1], 1), scales[1])[0]),
    )
    image, labels = resize_image(image, shape), resize_labels(labels, shape)
    missing = [(0, side - size) for size in shape]
    if any(after for _, after in missing):
        image = np.pad(image, [*missing, (0, 0)], mode="symmetric")
        labels = np.pad(labels, missing, mode="symmetric")
    return image, labels
