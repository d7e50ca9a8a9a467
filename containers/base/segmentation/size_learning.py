"""How the size network learns: crops of training images at random sizes, whose cells are known."""

import numpy as np
import torch
from torch.nn.functional import log_softmax

from containers.base.segmentation.augment import change_intensities, flip_turn
from containers.base.segmentation.checkpoint import State
from containers.base.segmentation.crops import MOST_ENLARGED, Crop, place_window
from containers.base.segmentation.data import Pool
from containers.base.segmentation.device import Device
from containers.base.segmentation.order import Order
from containers.base.segmentation.resample import resize_image, scaled_shape
from containers.base.segmentation.schedule import cosine
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.size_network import SIDE, STEPS, SizeNetwork, fill
from containers.base.segmentation.step import Stepper
from containers.base.segmentation.workers import Workers

SIZE_STREAM = 3
BATCH = 32
HIGHEST_RATE, WARMUP_STEPS = 2e-3, 30
SMALLEST, LARGEST = 2.3, 6.7
"""log2 of the diameters, in pixels of the crop, that are shown."""
SPREAD = 0.2
"""Of a target around the true size, in octaves."""
FEWEST_FOREGROUND = 0.01
"""Share of a crop that has to lie in cells: an empty one says nothing of their size."""
TRIES = 4
CROSSING = {
    "invert_probability": 0.3,
    "gamma_probability": 0.3,
    "blur_probability": 0.3,
    "histogram_probability": 0.3,
    "colour_probability": 0.3,
    "noise_probability": 0.25,
    "gradient_probability": 0.3,
}
"""Changes that make one kind of microscopy look like another: size must not hang on the kind."""


class SizeSampler:
    """Crop number k depends on nothing but the seed and k; its `labels` are a target over `STEPS`.

    Raises nothing for images without cells: they are not drawn.
    """

    def __init__(self, pool: Pool, settings: Settings, seed: int) -> None:
        self._pool, self._seed = pool, seed
        self._settings = settings.model_copy(
            update={"crop": SIDE, "foreground_probability": 0.8, **CROSSING}
        )
        self._with_cells = [index for index, fact in enumerate(pool.facts) if fact.diameter]
        self._order = Order([pool.facts[index].source for index in self._with_cells], seed)

    def __call__(self, position: int) -> Crop:
        """S×S×3 float32 in [0, 1], and the target, float32."""
        rng = np.random.default_rng([self._seed, SIZE_STREAM, position])
        index = self._with_cells[self._order(position)]
        part, foreground, diameter = self._draw(index, rng)
        for _ in range(TRIES - 1):
            if foreground < FEWEST_FOREGROUND:
                part, foreground, diameter = self._draw(index, rng)
        seen = fill(part, SIDE)
        seen, _ = flip_turn(seen, seen[..., 0], rng)
        image = change_intensities(seen.astype(np.float32) / np.float32(255), self._settings, rng)
        return Crop(image=image, labels=_target(diameter))

    def _draw(self, index: int, rng: np.random.Generator) -> tuple[np.ndarray, float, float]:
        """A rescaled part, the share of it in cells, and how wide these are in it."""
        sample, facts = self._pool[index], self._pool.facts[index]
        assert facts.diameter is not None, "images without cells are left out"
        zoom = min(float(2 ** rng.uniform(SMALLEST, LARGEST)) / facts.diameter, MOST_ENLARGED)
        window = place_window(sample.labels.shape, self._settings, facts.boxes, (zoom, zoom), rng)
        labels = sample.labels[window]
        tall, wide = scaled_shape((labels.shape[0], labels.shape[1]), zoom)
        part = resize_image(sample.image[window], (min(SIDE, tall), min(SIDE, wide)))
        return part, float((labels > 0).mean()), zoom * facts.diameter


def _target(diameter: float) -> np.ndarray:
    nearness = np.exp(-(((STEPS - np.log2(diameter)) / SPREAD) ** 2) / 2)
    target: np.ndarray = (nearness / nearness.sum()).astype(np.float32)
    return target


class _SizeTask:
    """What `Stepper` asks of a task."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """The target is made already."""
        return labels

    def loss(self, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Cross-entropy with a soft target."""
        return -(log_softmax(outputs.float(), 1) * target).sum(1).mean()


class SizeLearning:
    """The size network of one training, and its optimiser."""

    def __init__(
        self,
        pool: Pool,
        settings: Settings,
        steps: int,
        seed: int,
        *,
        device: Device,
        workers: Workers,
    ) -> None:
        own = settings.model_copy(
            update={
                "batch_size": BATCH,
                "clip_gradient": 5.0,
                "learning_rate": HIGHEST_RATE,
                "weight_decay": 0.01,
            }
        )
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.network = device.place(SizeNetwork())
        self.steps = steps
        self._stepper = Stepper(
            self.network,
            SizeSampler(pool, settings, seed),
            _SizeTask(),
            own,
            device=device,
            workers=workers,
        )
        self.state = State(self.network, self._stepper.optimiser, self._stepper.scaler)

    def step(self, step: int) -> float:
        """Step number `step` (from 0) of `steps`; returns its loss."""
        return self._stepper(step, cosine(HIGHEST_RATE, step, self.steps, WARMUP_STEPS))
