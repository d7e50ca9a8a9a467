"""What prediction costs on a CPU, and what its parts bring: `make bench-predict`.

One model with one set of weights sees labelled images in several ways, one after the other on each
image, in one process with one thread, so that all ways meet the same machine: as `predict` does it,
averaged over mirror images, told how wide the cells are, and told that with MONAI's sliding window
in place of the shared one, for the models that use the shared one.
"""

import argparse
import importlib
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import torch

from containers.base.segmentation.crops import working_scale
from containers.base.segmentation.data import typical_diameter
from containers.base.segmentation.match import f1_scores
from containers.base.segmentation.predict import Predictor
from containers.base.segmentation.tiling import SIDE_MULTIPLE
from contract import Prediction, read_image, read_mask
from harness.datasets.folder import load_dataset
from harness.models.provenance import hardware

THRESHOLDS = (0.5, 0.7)
Way = Callable[[Predictor[Any], np.ndarray, float], np.ndarray]


@dataclass
class Spent:
    """Of one way, over all images."""

    cpu: float = 0.0
    wall: float = 0.0
    f1: list[Sequence[float]] = field(default_factory=list)


def main() -> None:
    """Prints a line for each way of seeing the images."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="unet")
    parser.add_argument("--weights", type=Path, help="default: those that come with the model")
    parser.add_argument("--data", type=Path, required=True, help="in the challenge's layout")
    parser.add_argument(
        "--images", type=int, default=42, help="of the test images, the first so many"
    )
    asked = parser.parse_args()
    module = importlib.import_module(f"containers.{asked.model}.segmenter")
    weights = asked.weights or Path(str(module.__file__)).with_name("weights")
    predictor: Predictor[Any] = module.Segmenter(weights, 1)._predictor
    ways: dict[str, Way] = {
        "as predict does": plainly,
        "four mirror images": mirrored,
        "told": told,
    }
    if type(predictor) is Predictor:
        ways["told, MONAI's windows"] = through_monai
    spent = {name: Spent() for name in ways}
    errors, megapixels = [], 0.0
    for pair in load_dataset(asked.data).test[: asked.images]:
        pixels, truth = read_image(pair.image), read_mask(pair.label).astype(np.int32)
        diameter = typical_diameter(truth)
        if diameter is None:
            continue
        megapixels += truth.size / 1e6
        shape = (truth.shape[0], truth.shape[1])
        true = working_scale(diameter, predictor.viewing.cell_diameter)
        errors.append(abs(log2(predictor.show(pixels)[1] / predictor._bounded(true, shape))))
        for name, way in ways.items():
            cpu, wall = time.process_time(), time.perf_counter()
            found = way(predictor, pixels, diameter)
            spent[name].cpu += time.process_time() - cpu
            spent[name].wall += time.perf_counter() - wall
            spent[name].f1.append(f1_scores(truth, found, THRESHOLDS))
    machine = hardware()
    print(f"machine: {machine.cpu}, one thread, {predictor._device.precision}")
    print(f"{asked.model}: {len(errors)} images, {megapixels:.2f} megapixels")
    print(f"|log2(found/true)|: median {np.median(errors):.2f}, p90 {np.quantile(errors, 0.9):.2f}")
    for name, one in spent.items():
        f1 = " ".join(f"{value:.3f}" for value in np.mean(one.f1, axis=0))
        cost = f"{one.cpu / megapixels:6.2f} CPU s/MP {one.wall / megapixels:6.2f} s/MP"
        print(f"{name:22} {cost}  F1 {f1}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MiB")


def plainly(predictor: Predictor[Any], pixels: np.ndarray, _: float) -> np.ndarray:
    return _labels(predictor(pixels))


def told(predictor: Predictor[Any], pixels: np.ndarray, diameter: float) -> np.ndarray:
    return _labels(predictor(pixels, None, diameter))


def mirrored(predictor: Predictor[Any], pixels: np.ndarray, _: float) -> np.ndarray:
    viewing = predictor.viewing
    try:
        predictor.viewing = replace(viewing, tta="flips")
        return _labels(predictor(pixels))
    finally:
        predictor.viewing = viewing


def through_monai(predictor: Predictor[Any], pixels: np.ndarray, diameter: float) -> np.ndarray:
    """The same network, windows of the same size with the same overlap, the same decoding."""
    from monai.inferers.utils import sliding_window_inference

    image, scale = predictor.show(pixels, None, diameter)
    sides = [(-size) % SIDE_MULTIPLE for size in image.shape[:2]]
    padded = np.pad(image, [*((0, more) for more in sides), (0, 0)], mode="symmetric")
    planes = torch.from_numpy(padded).permute(2, 0, 1)[None].float() / 255
    tile = predictor.viewing.tile

    def see(windows: torch.Tensor) -> torch.Tensor:
        shown = windows.contiguous(memory_format=predictor._device.layout)
        activated: torch.Tensor = predictor.task.activate(predictor.network(shown))
        return activated

    predictor.network.eval()
    with torch.inference_mode(), predictor._device.autocast():
        maps = sliding_window_inference(
            planes, (tile, tile), 4, see, overlap=predictor.viewing.overlap, mode="gaussian"
        )
    assert isinstance(maps, torch.Tensor)
    seen = maps[0, :, : image.shape[0], : image.shape[1]].numpy().astype(np.float16)
    shape = (pixels.shape[0], pixels.shape[1])
    labels: np.ndarray = predictor.task.decode(seen, shape, predictor.decoding, scale)
    return labels


def _labels(answer: np.ndarray | Prediction) -> np.ndarray:
    return answer.labels if isinstance(answer, Prediction) else answer


if __name__ == "__main__":
    main()
