"""From a scene to a sample: one way for all generators whose network paints a mask."""

from collections.abc import Callable, Set

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import pad

from containers.base.generation.data import Floats, Levels, collect
from containers.base.generation.quality import contrast
from containers.base.generation.scenes import Scene, Scenes
from containers.base.generation.settings import GeneratorSettings
from containers.base.generation.shapes import ShapeModel
from containers.base.generation.weights import Facts
from contract import GenerateCall, Sample, take

Paint = Callable[[Scene, np.random.Generator], tuple[Floats, Set[str]]]
"""H×W×C in [-1, 1] for a scene, and the stems of further images that it comes from."""


class Painter:
    """Draws a scene for each sample and paints it."""

    def __init__(self, call: GenerateCall, facts: Facts, shapes: ShapeModel | None) -> None:
        self._call, self._threshold = call, facts.threshold
        self.collection = collect(call.pairs, "train", facts.channels)
        largest = take(facts.settings, GeneratorSettings).largest_side
        self._scenes = Scenes(self.collection, shapes, largest)
        self._how = call.masks or "replaced"

    def __call__(self, index: int, paint: Paint) -> Sample:
        """Sample number `index`; it depends on the seed and the number alone."""
        rng = self._call.random(index)
        scene = self._scenes.draw(self._how, rng)
        pixels, sources = paint(scene, rng)
        return judged(
            pixels,
            scene.labels,
            levels=scene.levels,
            modality=scene.modality,
            sources=scene.sources | sources,
            threshold=self._threshold,
        )


def judged(
    pixels: Floats,
    labels: npt.NDArray[np.int32],
    *,
    levels: Levels,
    modality: str,
    sources: Set[str],
    threshold: float,
    message: str = "",
) -> Sample:
    """The sample of a painted mask, dropped when its contrast does not reach the threshold."""
    score = contrast(pixels.mean(axis=2), labels)
    failed = score < threshold
    if failed:
        message = f"contrast {score:.2f} is below the {threshold:.2f} set on validation images"
    return Sample(
        pixels=levels.restore(pixels),  # type: ignore[arg-type]  # 8 or 16 bits: see Levels
        labels=labels,
        modality=modality,
        sources=tuple(sorted(sources)),
        score=round(score, 4),
        dropped=failed,
        message=message,
    )


def padded(condition: Floats, multiple: int) -> tuple[torch.Tensor, tuple[int, int]]:
    """1×K×H'×W', filled up below and at the right by repeating the border, and H and W."""
    height, width = condition.shape[1:]
    tensor = torch.from_numpy(np.ascontiguousarray(condition))[None]
    below, right = -height % multiple, -width % multiple
    return pad(tensor, (0, right, 0, below), mode="replicate"), (height, width)


def noise(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    """Standard normal numbers of a sample's own generator."""
    return torch.from_numpy(rng.standard_normal(shape, np.float32))
