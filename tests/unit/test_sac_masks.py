"""SAC's prompts, masks and how they become one label map."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.match import f1_scores
from containers.sac import masks
from containers.sac.masks import Mask, cut_windows, merge
from containers.sac.predictor import MASK_DECODER, WATERSHED
from containers.sac.prompts import (
    INSIDE,
    NOTHING,
    OUTSIDE,
    build_prompts,
    draw_prompts,
    low_cores,
    seed_points,
)
from containers.sac.settings import Accepting
from containers.sac.share import total
from containers.sac.targets import cell_maps
from containers.sac.task import PromptTask, SacDecoding
from contract import append_line
from tests.unit.sac_fixtures import SIDE, TASK, discs, perfect_maps, predictor, small_network, sure
from tests.unit.settings_fixtures import changed

ACCEPTING = Accepting(accept=0.5, reject=0.2, stability=0.5, nms=0.5)
SMALLEST = 4.0
ANY_MASK = changed(TASK, stability=0.0)


class Knowing(torch.nn.Module):
    """Stands in for the network: knows the truth, one window large, and how sure to be."""

    def __init__(self, labels: np.ndarray, expected: float = 0.9) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.labels, self.expected = labels, expected
        self.batches: list[int] = []

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        return images[..., ::8, ::8]

    def masks(
        self,
        embedding: torch.Tensor,
        points: torch.Tensor,
        kinds: torch.Tensor,
        cores: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        self.batches.append(len(points))
        where = points[:, 0].long().numpy()
        numbers = self.labels[where[:, 1], where[:, 0]]
        cells = torch.from_numpy(self.labels[None] == numbers[:, None, None])
        return cells.float() * 20 - 10, torch.full((len(points),), self.expected)


def segment(
    labels: np.ndarray,
    network: torch.nn.Module,
    task: PromptTask = TASK,
    *,
    tile: int = SIDE,
    shape: tuple[int, int] | None = None,
) -> tuple[np.ndarray, int, int]:
    """The labels, and how many come from the mask decoder and from the watershed."""
    see = predictor(network, task, tile=tile)
    image = np.zeros((*labels.shape, 3), np.uint8)
    decodings = [task.first_decoding()]
    found = see.segment(image, perfect_maps(labels), shape or labels.shape, decodings)[0]
    return found.labels, found.counts[MASK_DECODER], found.counts[WATERSHED]


def test_targets_peak_inside_their_cells() -> None:
    labels = discs((60, 60), 20, 7)
    numbers, depth, closeness = cell_maps(labels)
    assert np.array_equal(numbers > 0, labels > 0)
    for each in (depth, closeness):
        assert each[labels == 0].max() == 0
        assert each.max() == 1
        for number in np.unique(labels[labels > 0]):
            assert each[labels == number].max() > 0.9
    assert closeness[10, 10] > closeness[10, 15] > 0


@pytest.mark.parametrize("seed", range(3))
def test_prompts_land_inside_their_cells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.zeros((90, 90), np.int32)
    rows, columns = np.mgrid[:90, :90]
    for number in range(1, 25):  # crescents: their centre of mass lies outside
        row, column, radius = *rng.uniform(10, 80, 2), rng.uniform(5, 10)
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
        bite = (rows - row) ** 2 + (columns - column - radius) ** 2 <= radius**2
        labels[disc & ~bite & (labels == 0)] = number
    numbered = np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)
    points = seed_points(numbered, rng.random(labels.shape) < 0.8)
    assert np.array_equal(numbered[points[:, 0], points[:, 1]], np.arange(1, numbered.max() + 1))
    drawn = draw_prompts(numbered, rng.random(labels.shape), rng.random(labels.shape), 3)
    count = int(numbered.max())
    assert sorted(drawn.numbers) == list(range(1, count + 4))
    pointed_at = numbered[drawn.points[:, 0], drawn.points[:, 1]]
    assert np.array_equal(pointed_at[: drawn.cells], drawn.numbers[: drawn.cells])
    assert pointed_at[drawn.cells :].tolist() == [0, 0, 0]
    shown = drawn.cores > 0
    assert np.array_equal(drawn.cores[shown & (numbered > 0)], numbered[shown & (numbered > 0)]), (
        "cores lie in their cells"
    )


def test_seeds_lie_deepest_in_their_core() -> None:
    regions = np.zeros((20, 40), np.int32)
    regions[5:15, 5:35] = 1
    core = np.zeros(regions.shape, bool)
    core[7:12, 24:29] = True
    assert seed_points(regions, core).tolist() == [[9, 26]]


def test_a_prompt_has_two_neighbours_and_a_point_in_the_background() -> None:
    others = np.array([[20, 20], [20, 40], [20, 90], [60, 20]])
    foreground = np.zeros((100, 100))
    foreground[:50] = 1
    found = build_prompts(others[:1], others, foreground, 40.0)
    assert found.kinds.tolist() == [[INSIDE, OUTSIDE, OUTSIDE, OUTSIDE]]
    x_y = found.points[0].tolist()
    assert x_y[:3] == [[20, 20], [40, 20], [20, 60]]
    assert x_y[3][1] >= 50, "the background is below"
    alone = build_prompts(others[:1], others[:1], np.ones((100, 100)), 40.0)
    assert alone.kinds.tolist() == [[INSIDE, NOTHING, NOTHING, NOTHING]]


def test_the_mask_prompt_shows_the_core_of_the_seed_alone() -> None:
    cores = np.zeros((16, 16), np.int32)
    cores[4:8, 4:8], cores[8:12, 4:8] = 1, 2
    points = np.array([[5, 5], [9, 6], [15, 15]])
    low = low_cores(cores, np.array([1, 2, 3]), points, 8)
    assert low.shape == (3, 8, 8)
    assert np.argwhere(low[0]).tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]
    assert np.argwhere(low[1]).tolist() == [[4, 2], [4, 3], [5, 2], [5, 3]]
    assert np.argwhere(low[2]).tolist() == [[7, 7]], "at least the point itself"


def test_masks_of_the_decoder_become_the_cells() -> None:
    labels = discs((SIDE, SIDE), 16, 7)
    found, from_decoder, from_watershed = segment(labels, Knowing(labels))
    assert f1_scores(labels, found, (0.9,)) == [1.0]
    assert (from_decoder, from_watershed) == (16, 0)


def test_a_failed_mask_is_replaced_by_the_watershed_region() -> None:
    labels = discs((SIDE, SIDE), 16, 7)
    unsure, *counts = segment(labels, Knowing(labels, expected=0.4))
    assert counts == [0, 16]
    assert f1_scores(labels, unsure, (0.8,)) == [1.0]
    _, *counts = segment(labels, Knowing(np.zeros_like(labels) - 1 - labels))
    assert sum(counts) == 16, "every mask is empty"
    _, *counts = segment(labels, Knowing(labels, expected=0.1))
    assert counts == [0, 0], "no seed is a cell"


def test_a_crowded_window_goes_to_the_decoder_in_batches_and_up_to_a_limit() -> None:
    labels = discs((256, 256), 6, 2.5)
    cells = int(labels.max())
    assert cells > 1700
    network = Knowing(labels)
    task = changed(TASK, smallest_cell=4.0)
    _, from_decoder, from_watershed = segment(labels, network, task, tile=256)
    assert max(network.batches) == masks.BATCH
    assert sum(network.batches) == masks.MOST_PROMPTS
    assert from_decoder + from_watershed >= 0.98 * cells
    assert from_watershed >= cells - masks.MOST_PROMPTS - 0.02 * cells


def test_a_crowded_window_fits_in_memory_with_the_real_network() -> None:
    labels = discs((256, 256), 6, 2.5)
    network = sure(small_network(image_size=256)).eval()
    largest = []
    network.sam.mask_decoder.register_forward_hook(
        lambda module, inputs, outputs: largest.append(outputs[0].shape[0])
    )
    segment(labels, network, changed(ANY_MASK, smallest_cell=4.0), tile=256)
    assert max(largest) == masks.BATCH
    assert sum(largest) == masks.MOST_PROMPTS


def test_every_seed_is_decoded_once_and_near_the_middle() -> None:
    rng = np.random.default_rng(0)
    seeds = np.stack([rng.integers(0, 300, 400), rng.integers(0, 170, 400)], 1)
    image = rng.integers(0, 256, (300, 170, 3), np.uint8)
    nothing = np.zeros((300, 170), np.int32)
    windows = cut_windows(image, nothing, nothing, seeds, SIDE, 0.5)
    assert sorted(np.concatenate([window.seeds for window in windows])) == list(range(400))
    for window in windows:
        assert window.image.shape == (SIDE, SIDE, 3)
        assert np.array_equal(window.points + window.corner, seeds[window.seeds])
        for axis, size in ((0, 300), (1, 170)):
            edge = np.minimum(window.points[:, axis], SIDE - 1 - window.points[:, axis])
            outer = seeds[window.seeds][:, axis]
            border = np.minimum(outer, size - 1 - outer)
            assert np.all((edge >= SIDE // 4 - 1) | (border < SIDE // 2))


def square(seed: int, top: int, left: int, side: int, expected: float, whole: bool = True) -> Mask:
    return Mask(
        seed=seed,
        expected=expected,
        stability=1.0,
        corner=(top, left),
        cell=np.ones((side, side), bool),
        whole=whole,
    )


def test_of_two_masks_of_one_cell_the_better_one_stays() -> None:
    regions = np.zeros((40, 40), np.int32)
    regions[5:15, 5:10], regions[5:15, 10:15] = 1, 2
    pair = [square(0, 5, 5, 10, 0.7), square(1, 6, 5, 10, 0.9)]
    labels, count = merge(pair, regions, ACCEPTING, SMALLEST)
    assert count == labels.max() == 1
    assert labels[15, 6] == 1
    assert labels[5, 6] == 0, "the worse mask is gone, and the watershed region of its seed"


def test_overlap_goes_to_the_surer_mask() -> None:
    regions = np.zeros((40, 40), np.int32)
    pair = [square(0, 5, 5, 10, 0.7), square(1, 5, 12, 10, 0.9)]
    labels, count = merge(pair, regions, ACCEPTING, SMALLEST)
    assert count == 2
    assert labels[6, 13] == labels[6, 20] == 1
    assert labels[6, 6] == 2


def test_a_mask_cut_by_its_window_has_failed() -> None:
    regions = np.zeros((40, 40), np.int32)
    regions[5:20, 5:20] = 1
    labels, count = merge([square(0, 5, 5, 10, 0.9, whole=False)], regions, ACCEPTING, SMALLEST)
    assert count == 0
    assert np.array_equal(labels, regions)


def test_a_cell_wider_than_a_window_is_whole() -> None:
    labels = np.zeros((150, 150), np.int32)
    labels[20:130, 20:130] = 1
    found, *counts = segment(labels, sure(small_network()), changed(ANY_MASK, grow=80.0))
    assert counts == [0, 1]
    assert f1_scores(labels, found, (0.9,)) == [1.0]


def test_labels_come_at_the_size_of_the_image() -> None:
    labels = discs((SIDE, SIDE), 16, 7)
    found, from_decoder, _ = segment(labels, Knowing(labels), shape=(2 * SIDE, SIDE + 7))
    assert found.shape == (2 * SIDE, SIDE + 7)
    assert from_decoder == len(np.unique(found)) - 1


def test_decodings_with_the_same_regions_share_their_masks() -> None:
    labels = discs((SIDE, SIDE), 16, 7)
    network = Knowing(labels)
    first = TASK.first_decoding()
    choices = [
        first,
        changed(first, accepting=changed(first.accepting, accept=0.95)),
        changed(first, regions=replace(first.regions, core=0.5)),
    ]
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    found = predictor(network).segment(image, perfect_maps(labels), labels.shape, choices)
    assert len(network.batches) == 2
    assert [one.counts[MASK_DECODER] for one in found] == [16, 0, 16]


def test_the_counts_of_all_images_are_added_up(tmp_path: Path) -> None:
    lines = tmp_path / "predictions.jsonl"
    for numbers in ((27, 4), (0, 0), (3, 5)):
        counts = dict(zip((MASK_DECODER, WATERSHED), numbers, strict=True))
        append_line(lines, {"image": "a.png", "counts": counts})
    append_line(lines, {"image": "b.png", "message": "unreadable"})
    assert total(lines) == {MASK_DECODER: 30, WATERSHED: 9}


def test_a_decoding_survives_its_way_through_the_weights_folder() -> None:
    first = TASK.first_decoding()
    assert SacDecoding(**first.model_dump()) == first
    assert len(set(TASK.decodings())) == len(TASK.decodings())
    assert first in TASK.decodings()


def test_a_decoding_of_earlier_weights_is_read() -> None:
    flat = {"core": 0.2, "foreground": 0.4, "grow": 20.0, "smallest_core": 4.0}
    flat |= {"smallest_cell": 25.0, "accept": 0.6, "reject": 0.1, "stability": 0.3, "nms": 0.9}
    found = SacDecoding.model_validate(flat)
    assert found.regions == Decoding(core=0.2, foreground=0.4, grow=20.0, smallest_cell=25.0)
    assert found.accepting == Accepting(accept=0.6, reject=0.1, stability=0.3, nms=0.9)
