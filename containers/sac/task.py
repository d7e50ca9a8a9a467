"""What SAC learns and how its maps, prompts and masks become cells."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from containers.base.segmentation.decode import Decoding, instances
from containers.base.segmentation.predict import Again
from containers.base.segmentation.resample import resize_labels
from containers.sac.losses import maps_loss, masks_loss
from containers.sac.masks import Accepting, cut_windows, decode_window, merge
from containers.sac.network import Seen
from containers.sac.prompts import build_prompts, low_cores, seed_points
from containers.sac.targets import cell_maps


@dataclass(frozen=True, kw_only=True)
class SacDecoding(Decoding):
    """`decode.Decoding` for the seeds and their regions, and what is asked of a mask."""

    accept: float = 0.5
    """See `masks.Accepting`, as for the next three."""
    reject: float = 0.2
    stability: float = 0.5
    nms: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Segmented:
    """Labels of one image and where they come from."""

    labels: np.ndarray
    """H×W int32."""
    masks: int
    """Cells from the mask decoder."""
    regions: int
    """Cells from the watershed."""


@dataclass(frozen=True, kw_only=True)
class PromptTask:
    """Maps, prompts and masks, as the training loop and the predictor see them (`loop.Task`)."""

    image_size: int
    overlap: float
    prompts: int = 16
    """Cells of a crop that are prompted in training."""
    wrong_prompts: int = 2
    """Prompts in the background of a crop, from which the decoder learns to expect an IoU of 0."""
    entropy_weight: float = 1.0
    """Of the masks' cross-entropy, beside Dice and the expected IoU."""
    reach: float = 32.0
    """How far from its cell, in working pixels, a point in the background is looked for."""
    grow: float = 24.0
    """How far a watershed region may reach beyond its core, in working pixels."""
    smallest_cell: float = 16.0
    """Cells with a smaller area, in working pixels, are dropped."""
    accept: float = 0.5
    """Expected IoU from which a mask is taken."""
    reject: float = 0.2
    """Expected IoU below which a seed is no cell."""
    stability: float = 0.5
    """Stability from which a mask is taken."""
    nms: float = 0.5
    """Share of the smaller of two masks that the other may cover."""

    loss_name = "cross-entropy + Dice + L1 (maps), cross-entropy + Dice (masks), L2 (IoU)"
    maps = 2
    """Maps that are kept: how sure the core of a cell is, and the foreground."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to 3×H×W float32; see `targets.cell_maps`."""
        return cell_maps(labels)

    def loss(self, seen: Seen, target: torch.Tensor) -> torch.Tensor:
        """Of the maps and of the masks for prompts drawn on each crop; `target` is B×3×H×W."""
        labels, depth, closeness = target.unbind(1)
        total = maps_loss(seen.maps, labels > 0, depth, closeness)
        cores = _cores(seen.maps.detach()).cpu().numpy()
        deep = depth.cpu().numpy()
        side = 4 * seen.embedding.shape[-1]
        for index in range(len(target)):
            crop = labels[index].cpu().numpy().astype(np.int32)
            drawn = draw_prompts(crop, deep[index], cores[index], self.wrong_prompts)
            cells = drawn.points[: drawn.cells]
            chosen = np.r_[: min(drawn.cells, self.prompts), drawn.cells : len(drawn.points)]
            if not len(chosen):
                continue
            points, numbers = drawn.points[chosen], drawn.numbers[chosen]
            prompts = build_prompts(points, cells, (crop > 0) * 1.0, self.reach)
            known = low_cores(drawn.cores, numbers, points, side)
            logits, iou = seen.masks(
                index,
                *(
                    torch.from_numpy(each).to(target.device)
                    for each in (prompts.points, prompts.kinds, known)
                ),
            )
            wanted = labels[index][None] == torch.from_numpy(numbers).to(labels).view(-1, 1, 1)
            total = total + masks_loss(logits, iou, wanted.float(), self.entropy_weight) / len(
                target
            )
        return total

    def activate(self, seen: Seen) -> torch.Tensor:
        """B×2×H×W float32: how sure the core of a cell is, and the foreground probability."""
        foreground = seen.maps[:, 0].float().sigmoid()
        return torch.stack([_cores(seen.maps), foreground], 1)

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: SacDecoding, scale: float
    ) -> np.ndarray:
        """The watershed regions alone; see `decode.instances`."""
        return instances(maps, shape, decoding, scale)

    def segment(
        self,
        again: Again,
        image: np.ndarray,
        maps: np.ndarray,
        shape: tuple[int, int],
        decodings: Sequence[SacDecoding],
    ) -> list[Segmented]:
        """The cells for each decoding; see `predict.Revising`.

        Decodings that give the same seeds share the masks.
        """
        known: dict[Decoding, tuple] = {}
        found = []
        for decoding in decodings:
            seeding = replace(decoding, accept=0, reject=0, stability=0, nms=0)
            if seeding not in known:
                working = (maps.shape[1], maps.shape[2])
                regions = instances(maps, working, decoding)
                core = maps[0] > decoding.core
                seeds = seed_points(regions, core)
                windows = cut_windows(
                    image, maps[1], regions * core, seeds, self.image_size, self.overlap
                )
                threshold, reach = decoding.foreground, self.reach
                masks = again(
                    lambda network, window, threshold=threshold, reach=reach: decode_window(
                        network, window, threshold, reach
                    ),
                    windows,
                )
                known[seeding] = regions, [mask for some in masks for mask in some]
            regions, every = known[seeding]
            labels, from_decoder = merge(every, regions, _accepting(decoding))
            labels = resize_labels(labels, shape)
            numbers = np.flatnonzero(np.bincount(labels.ravel()))
            masks_left = int(((numbers > 0) & (numbers <= from_decoder)).sum())
            found.append(
                Segmented(
                    labels=labels,
                    masks=masks_left,
                    regions=int((numbers > 0).sum()) - masks_left,
                )
            )
        return found

    def revise(
        self,
        again: Again,
        image: np.ndarray,
        maps: np.ndarray,
        shape: tuple[int, int],
        decodings: Sequence[SacDecoding],
    ) -> list[np.ndarray]:
        """The labels of `segment`."""
        return [one.labels for one in self.segment(again, image, maps, shape, decodings)]

    def first_decoding(self) -> SacDecoding:
        """What is used until validation has chosen."""
        return SacDecoding(
            core=0.4,
            grow=self.grow,
            smallest_cell=self.smallest_cell,
            accept=self.accept,
            reject=self.reject,
            stability=self.stability,
            nms=self.nms,
        )

    def decodings(self) -> list[SacDecoding]:
        """The candidates among which the validation images choose."""
        first = self.first_decoding()
        return [
            replace(first, core=core, foreground=foreground)
            for core in (0.2, 0.3, 0.4)
            for foreground in (0.4, 0.5)
        ]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Prompts for one crop: its cells in random order, then places in its background."""

    numbers: np.ndarray
    """n int64; those of the background are larger than any label."""
    points: np.ndarray
    """n×2 int64 rows and columns."""
    cells: int
    """How many of them are cells."""
    cores: np.ndarray
    """H×W int32: the part of each that the mask prompt shows."""


def draw_prompts(labels: np.ndarray, depth: np.ndarray, sure: np.ndarray, wrong: int) -> Drawn:
    """A point for every cell of a crop, and for `wrong` places in its background.

    Half of the cells (at random) get the pixel that the prompt generator is surest of (`sure`,
    H×W), the others any of their pixels. Cores are what the generator is surest of, or what lies
    deepest (`depth`), above a random level. All are H×W; the draw depends on `labels` alone.
    """
    rng = np.random.default_rng(zlib.crc32(labels.tobytes()))
    flat = labels.ravel()
    order = np.argsort(flat, kind="stable")
    largest = int(flat.max(initial=0))
    bounds = np.searchsorted(flat[order], np.arange(1, largest + 2))
    numbers = 1 + rng.permutation(largest)
    places = []
    for number in numbers:
        pixels = order[bounds[number - 1] : bounds[number]]
        surest, any_one = int(sure.ravel()[pixels].argmax()), int(rng.integers(len(pixels)))
        places.append(int(pixels[surest if rng.random() < 0.5 else any_one]))
    level = rng.uniform(0.2, 0.6)
    cores = np.where((sure if rng.random() < 0.5 else depth) > level, labels, 0)
    background = order[: bounds[0]] if wrong else order[:0]
    for number in range(largest + 1, largest + 1 + (wrong if len(background) else 0)):
        place = int(background[rng.integers(len(background))])
        places.append(place)
        numbers = np.append(numbers, number)
        _draw_blob(cores, labels, place, int(rng.integers(1, 7)), number)
    points = np.stack(np.unravel_index(np.array(places, np.int64), labels.shape), 1)
    return Drawn(numbers=numbers, points=points, cells=largest, cores=cores)


def _draw_blob(cores: np.ndarray, labels: np.ndarray, place: int, radius: int, number: int) -> None:
    """A square in the background that pretends to be a core."""
    row, column = divmod(place, labels.shape[1])
    window = (
        slice(max(0, row - radius), row + radius + 1),
        slice(max(0, column - radius), column + radius + 1),
    )
    cores[window][labels[window] == 0] = number


def _cores(logits: torch.Tensor) -> torch.Tensor:
    """B×H×W in [0, 1]: the smaller of closeness and depth, where there is foreground."""
    probability = logits.float().sigmoid()
    return torch.minimum(probability[:, 1], probability[:, 2]) * probability[:, 0]


def _accepting(decoding: SacDecoding) -> Accepting:
    return Accepting(
        accept=decoding.accept,
        reject=decoding.reject,
        stability=decoding.stability,
        nms=decoding.nms,
        smallest_cell=decoding.smallest_cell,
    )
