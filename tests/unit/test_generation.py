"""What the generators share: masks as networks see them, cells put anew, outlines, the filter."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from containers.base.generation.data import Collection, Levels, collect
from containers.base.generation.encode import boundaries, encode, touching_share
from containers.base.generation.placing import Ground, renumber
from containers.base.generation.quality import contrast, threshold
from containers.base.generation.scenes import Scenes
from containers.base.generation.shapes import draw_outline, outline, train_shapes
from contract.dataset import training_pairs
from tests.unit.generator_fixtures import training_folder


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    source = training_folder(tmp_path_factory.mktemp("in") / "data")
    return collect(training_pairs(source, 0)[0], "train")


def disc(radius: int) -> np.ndarray:
    rows, columns = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return rows**2 + columns**2 <= radius**2


def test_a_mask_is_encoded_without_ids() -> None:
    labels = np.zeros((20, 30), np.int32)
    labels[4:16, 2:14], labels[4:16, 14:26] = 7, 3
    channels = encode(labels)
    assert np.array_equal(channels, encode(np.where(labels == 7, 1, labels)))
    assert np.array_equal(channels[0], labels > 0)
    assert set(np.nonzero(channels[1])[1]) == {13, 14}
    assert channels[2][labels == 0].max() == 0
    assert channels[2].max() == 6 / 8
    assert touching_share(labels) == 1
    labels[:, 14:16] = 0
    assert touching_share(labels) == 0
    assert not boundaries(labels).any()


def test_cells_are_put_apart_or_against_each_other() -> None:
    rng = np.random.default_rng(0)
    apart, packed = Ground((200, 200)), Ground((200, 200))
    for _ in range(25):
        apart.put(disc(8), False, rng)
        packed.put(disc(8), True, rng)
    assert int(apart.labels.max()) > 15
    assert touching_share(apart.labels) == 0
    assert touching_share(packed.labels) > 0.8
    full = Ground((12, 12))
    assert full.put(np.ones((30, 30), bool), False, rng)
    assert not full.put(np.ones((30, 30), bool), False, rng)


def test_numbers_have_no_gaps_and_cells_one_piece() -> None:
    labels = np.zeros((10, 20), np.int32)
    labels[2:5, 2:8], labels[7:9, 2:4], labels[2:5, 12:15] = 4, 4, 9
    found, glow = renumber(labels, np.arange(10, dtype=np.float32))
    assert found.max() == 2
    assert list(glow) == [0, 4, 9]
    assert (found == 1).sum() == 18


def test_an_outline_is_drawn_as_it_was_measured() -> None:
    rows, columns = np.mgrid[:60, :60]
    cell = ((rows - 30) / 12) ** 2 + ((columns - 28) / 20) ** 2 <= 1
    measured = outline(cell)
    assert abs(measured.angle) < 0.05
    again = draw_outline(measured.radii, measured.scale, 0.0)
    box = ndimage.find_objects(cell.astype(int))[0]
    assert abs(np.array(again.shape) - cell[box].shape).max() <= 2
    assert abs(again.sum() / cell.sum() - 1) < 0.05
    turned = draw_outline(measured.radii, measured.scale, np.pi / 2)
    assert turned.shape[0] > turned.shape[1]


def test_new_outlines_are_as_large_and_as_round_as_those_they_were_learned_from(
    collection: Collection,
) -> None:
    model = train_shapes(collection, latent=4, steps=200, seed=0)
    assert model is not None
    rng = np.random.default_rng(0)
    drawn = [model.draw(rng) for _ in range(40)]
    areas = [float(draw_outline(radii, size, 0.0).sum()) for radii, size, _ in drawn]
    real = [real.cell(number).sum() for real in collection for number in real.whole]
    assert 0.8 < np.median(areas) / np.median(real) < 1.25
    assert max(np.ptp(radii) for radii, _, _ in drawn) < 0.8
    assert {model.stems[index] for _, _, index in drawn} <= set(collection.stems)


@pytest.mark.parametrize("how", ["real", "replaced", "sampled"])
def test_scenes_have_valid_labels_and_training_images_for_sources(
    collection: Collection, how: str
) -> None:
    shapes = train_shapes(collection, latent=4, steps=20, seed=0)
    scenes = Scenes(collection, shapes, 40)
    counts = []
    for index in range(6):
        scene = scenes.draw(how, np.random.default_rng(index))
        ids = np.unique(scene.labels)
        counts.append(ids.size - 1)
        assert list(ids) == list(range(ids.size))
        assert scene.glow.shape == ids.shape
        assert max(scene.labels.shape) <= 40
        assert all(ndimage.label(scene.labels == one)[1] == 1 for one in ids[1:])
        assert set(scene.sources) <= {"t0", "t1", "t2"}
        assert np.isfinite(scene.condition()).all()
        assert scene.modality == "fluorescence"
    assert max(counts) >= 2


def test_the_filter_measures_what_stands_out(collection: Collection) -> None:
    real = collection[0]
    assert contrast(real.grey, real.labels) > 0.95
    assert contrast(-real.grey, real.labels) > 0.95
    noise = np.random.default_rng(0).normal(size=real.labels.shape).astype(np.float32)
    assert contrast(noise, real.labels) < 0.2
    assert contrast(noise, np.zeros_like(real.labels)) == 1
    empty = Collection([], 1)
    assert threshold((empty, collection), 0.5) > 0.45
    assert threshold((empty,), 0.5) == 0


def test_grey_levels_come_back(tmp_path: Path, collection: Collection) -> None:
    real = collection[0]
    assert real.image.shape == (48, 48, 1)
    again = real.levels.restore(real.scaled).astype(int)
    assert again.shape == (48, 48)
    assert abs(np.median(again[real.labels == 0]) - 40) < 4
    levels = Levels(low=100, high=4000, dtype="uint16")
    assert levels.restore(np.ones((2, 2, 3), np.float32)).tolist() == [[[4000] * 3] * 2] * 2
