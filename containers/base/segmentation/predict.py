"""A trained network as a function from raw pixels to labels."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch.nn.functional import interpolate

from containers.base.segmentation.crops import MOST_ENLARGED, working_scale
from containers.base.segmentation.data import typical_diameter
from containers.base.segmentation.device import Device
from containers.base.segmentation.normalise import normalise
from containers.base.segmentation.resample import resize_image, scaled_shape
from containers.base.segmentation.scale import (
    glimpse_side,
    guessed_sizes,
    likeliest,
    shifted,
    within,
)
from containers.base.segmentation.size_network import ReadPart, believed_sizes
from containers.base.segmentation.task import Decoding, Task
from containers.base.segmentation.tiling import SIDE_MULTIPLE, tiled_maps
from containers.base.segmentation.workers import Workers
from contract import LargePicture, Prediction, Region

Item = TypeVar("Item")
Result = TypeVar("Result")

Mirrors = tuple[tuple[int, ...], ...]
STRAIGHT: Mirrors = ((),)
MIRRORED: Mirrors = ((), (2,), (3,), (2, 3))
"""Axes along which the network's input and output are mirrored."""

BEYOND = 1.5
LARGEST_ENLARGED = 4_000_000
"""Working pixels up to which an image may be enlarged, to bound time and memory."""
LARGEST_AT_SCALES = 25_000_000
"""Working pixels up to which an image is seen at several scales, as in saltfish's prediction."""


@dataclass(frozen=True, kw_only=True)
class Viewing:
    """How images are shown to the network; kept with the weights."""

    tile: int
    overlap: float
    tta: str
    scales: Sequence[float] = (1.0,)
    cell_diameter: float | None
    """Working diameter of a typical cell; None: images are shown at their own size."""
    typical_diameter: float
    """Of the training images, in image pixels: what is believed without a size network."""
    diameters: tuple[float, float]
    """Smallest and largest of the training images' typical cells: no image is believed to have
    others, but for a factor of `BEYOND`."""


class Predictor(Generic[Decoding]):
    """Normalise, find the scale, run the network over windows, decode.

    A model that looks at an image in another way, or again once it has the maps, overrides `look`,
    or `__call__` and `decode`.
    """

    def __init__(
        self,
        network: torch.nn.Module,
        task: Task[Any, Decoding],
        viewing: Viewing,
        decoding: Decoding,
        *,
        device: Device,
        workers: Workers,
        sizes: torch.nn.Module | None = None,
    ) -> None:
        self.network = network
        self.task = task
        self.viewing = viewing
        self.decoding = decoding
        self._device, self._workers, self._sizes = device, workers, sizes
        self._known: tuple[LargePicture, float] | None = None

    def __call__(
        self, pixels: np.ndarray, region: Region | None = None, diameter: float | None = None
    ) -> np.ndarray | Prediction:
        """H×W×3 pixels as `contract.read_image` gives them to H×W int32 labels.

        `region` says of which picture they are a part, and `diameter` how wide a typical cell is,
        in image pixels, where a person said it.
        """
        image, scale = self.show(pixels, region, diameter)
        maps = self.look(image)
        del image
        return self.task.decode(maps, (pixels.shape[0], pixels.shape[1]), self.decoding, scale)

    def decode(
        self, image: np.ndarray, maps: np.ndarray, decodings: Sequence[Decoding]
    ) -> list[np.ndarray]:
        """The labels for each of the decodings, at the size of `image` and its `maps`."""
        shape = (image.shape[0], image.shape[1])
        return [self.task.decode(maps, shape, decoding, 1.0) for decoding in decodings]

    def show(
        self, pixels: np.ndarray, region: Region | None = None, diameter: float | None = None
    ) -> tuple[np.ndarray, float]:
        """The image as the network sees it, h×w×3 uint8, and working pixels per image pixel.

        Contrast and scale of a region are those of its picture.
        """
        if region is None:
            image = normalise(pixels)
            shape = (image.shape[0], image.shape[1])
            scale = self.find_scale(shape, lambda *part: image[part], diameter)
        else:
            image = normalise(pixels, region.picture)
            scale = self._scale_of(region.picture, diameter)
        return self._rescaled(image, scale), scale

    def _scale_of(self, picture: LargePicture, diameter: float | None) -> float:
        if self._known is None or self._known[0] is not picture:
            scale = self.find_scale(
                picture.shape, lambda *part: normalise(picture.read(*part), picture), diameter
            )
            self._known = picture, scale
        return self._known[1]

    def again(
        self, function: Callable[[torch.nn.Module, Item], Result], items: Iterable[Item]
    ) -> list[Result]:
        """`function(network, item)` for each item, in the network's precision, in the workers."""
        self.network.eval()

        def call(item: Item) -> Result:
            with torch.inference_mode(), self._device.autocast():
                return function(self.network, item)

        return self._workers.map(call, items)

    def look(self, image: np.ndarray, *, plainly: bool = False) -> np.ndarray:
        """The maps of an image that has its working size already.

        `plainly`: from one look at it, neither mirrored nor at other scales.
        """
        viewing = self.viewing
        mirrors = MIRRORED if viewing.tta == "flips" and not plainly else STRAIGHT
        once = plainly or image.shape[0] * image.shape[1] >= LARGEST_AT_SCALES
        scales = (1.0,) if once else tuple(viewing.scales)
        return tiled_maps(
            image,
            lambda planes: self._forward(planes, mirrors, scales),
            self.task.maps,
            tile=viewing.tile,
            overlap=viewing.overlap,
        )

    def find_scale(
        self, shape: tuple[int, int], part: ReadPart, diameter: float | None = None
    ) -> float:
        """Working pixels per image pixel at which the image's typical cell has the set diameter.

        `shape` is the image's, `part` gives a part of it, normalised. A `diameter` that a person
        said is taken as it is; else see `scale`. Costs a fraction of a look at the image.
        """
        wanted = self.viewing.cell_diameter
        if wanted is None:
            return 1.0
        if diameter is not None:
            return self._bounded(working_scale(diameter, wanted), shape)
        smallest, largest = self.viewing.diameters
        belief = within(self._belief(shape, part), smallest / BEYOND, largest * BEYOND)
        scale = self._bounded(working_scale(likeliest(belief), wanted), shape)
        measured = self._measure(shape, part, scale)
        if measured is None:
            return scale
        belief = shifted(belief, wanted / scale, measured)
        return self._bounded(working_scale(likeliest(belief), wanted), shape)

    def _belief(self, shape: tuple[int, int], part: ReadPart) -> np.ndarray:
        if self._sizes is None:
            return guessed_sizes(self.viewing.typical_diameter)
        return believed_sizes(self._sizes, shape, part, self._device)

    def _measure(self, shape: tuple[int, int], part: ReadPart, scale: float) -> float | None:
        """Typical diameter in image pixels of the cells found at `scale` amid the image."""
        side = glimpse_side(shape, scale)
        starts = [max(0, (size - side) // 2) for size in shape]
        middle = [
            slice(start, min(start + side, size)) for start, size in zip(starts, shape, strict=True)
        ]
        glimpse = self._rescaled(part(middle[0], middle[1]), scale)
        maps = self.look(glimpse, plainly=True)
        labels = self.task.decode(maps, glimpse.shape[:2], self.decoding, 1.0)
        found = typical_diameter(labels)
        return None if found is None else found / scale

    def _bounded(self, scale: float, shape: tuple[int, int]) -> float:
        """`scale` within what training has shown, and within memory for an image of this shape."""
        smallest, largest = self.viewing.diameters
        wanted = self.viewing.cell_diameter or largest
        scale = float(np.clip(scale, wanted / largest / BEYOND, wanted / smallest * BEYOND))
        pixels = shape[0] * shape[1]
        return min(scale, MOST_ENLARGED, max(1.0, float(np.sqrt(LARGEST_ENLARGED / pixels))))

    def _rescaled(self, image: np.ndarray, scale: float) -> np.ndarray:
        return resize_image(image, scaled_shape((image.shape[0], image.shape[1]), scale))

    def _forward(
        self, planes: torch.Tensor, mirrors: Mirrors, scales: Sequence[float]
    ) -> torch.Tensor:
        """Maps of B×3×h×w float32, averaged over the mirror images."""
        self.network.eval()
        parts = planes.split(len(planes) if self._device.is_cuda else 1)
        found = self._workers.map(
            lambda job: self._view(*job, scales),
            [(part, axes) for part in parts for axes in mirrors],
        )
        each = len(mirrors)
        firsts = range(0, len(found), each)
        sums = [sum(found[first + 1 : first + each], found[first]) for first in firsts]
        return torch.cat(sums) / each

    def _view(
        self, planes: torch.Tensor, axes: tuple[int, ...], scales: Sequence[float]
    ) -> torch.Tensor:
        planes = planes.flip(axes).to(self._device.device)
        with torch.inference_mode(), self._device.autocast():
            outputs = self._outputs(planes, scales[0])
            for scale in scales[1:]:
                outputs = outputs + self._outputs(planes, scale)
            if len(scales) > 1:
                outputs = outputs / len(scales)
            return self.task.activate(outputs).flip(axes).cpu()

    def _outputs(self, planes: torch.Tensor, scale: float) -> Any:
        """What the network says of `planes`; of another size of them, its logits at their own."""
        size = (planes.shape[2], planes.shape[3])
        wanted = tuple(max(1, round(side * scale / SIDE_MULTIPLE)) * SIDE_MULTIPLE for side in size)
        if scale == 1.0 or wanted == size:
            return self.network(planes.contiguous(memory_format=self._device.layout))
        seen = interpolate(planes, size=wanted, mode="bilinear")
        logits = self.network(seen.contiguous(memory_format=self._device.layout))
        return interpolate(logits.float(), size=size, mode="bilinear")


MakePredictor = Callable[..., Predictor[Decoding]]
"""Takes what `Predictor` takes."""
