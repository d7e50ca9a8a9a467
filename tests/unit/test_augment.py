"""Crops and their random changes."""

from pathlib import Path

import numpy as np
import pytest

from containers.base.segmentation.augment import blur, change_intensities, flip_turn
from containers.base.segmentation.crops import CropSampler
from containers.base.segmentation.data import Pool, typical_diameter
from containers.base.segmentation.order import Order
from containers.base.segmentation.settings import Settings
from contract import CallError, TrainPair, write_mask
from tests.unit.settings_fixtures import changed

SETTINGS = Settings(steps=1, crop=64, zoom_probability=0.0)


def make_pair(folder: Path, name: str, labels: np.ndarray) -> TrainPair:
    """An image whose red channel marks the cells, so that crops can be checked against labels."""
    from PIL import Image

    pixels = np.full((*labels.shape, 3), 20, np.uint8)
    pixels[..., 0] = np.where(labels > 0, 200, 30)
    pixels[0, 0] = 1
    image, label = folder / f"{name}.png", folder / f"{name}_label.tiff"
    Image.fromarray(pixels).save(image)
    write_mask(label, labels)
    return TrainPair(image=image, label=label, subset="train")


@pytest.fixture
def pool(tmp_path: Path) -> Pool:
    one = np.zeros((200, 220), np.int32)
    one[20:60, 160:200] = 1
    two = np.zeros((30, 90), np.int32)
    two[5:25, 5:25], two[5:25, 25:45] = 1, 2
    return Pool([make_pair(tmp_path, "one", one), make_pair(tmp_path, "two", two)], 2**30)


def test_crops_depend_on_seed_and_position_alone(pool: Pool) -> None:
    sampler, again = CropSampler(pool, SETTINGS, 3), CropSampler(pool, SETTINGS, 3)
    later = [sampler(position) for position in range(6)][5]
    assert np.array_equal(again(5).image, later.image)
    other = CropSampler(pool, SETTINGS, 4)
    assert any(not np.array_equal(other(p).image, sampler(p).image) for p in range(4))


def test_crops_have_one_size_and_labels_fit_the_image(pool: Pool) -> None:
    settings = changed(
        SETTINGS,
        zoom_probability=1.0,
        noise_probability=0.0,
        gamma_probability=0.0,
        blur_probability=0.0,
        histogram_probability=0.0,
    )
    for position in range(20):
        crop = CropSampler(pool, settings, 0)(position)
        assert crop.image.shape == (64, 64, 3)
        assert crop.labels.shape == (64, 64)
        assert 0 <= crop.image.min() <= crop.image.max() <= 1
        bright = crop.image[..., 0] > 0.5
        assert (bright == (crop.labels > 0)).mean() > 0.9


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_crops_are_placed_on_cells_as_often_as_asked(pool: Pool, probability: float) -> None:
    settings = changed(SETTINGS, foreground_probability=probability)
    sampler = CropSampler(pool, settings, 0)
    hits = [bool(sampler(position).labels.any()) for position in range(80)]
    if probability:
        assert all(hits)
    else:
        assert 0.5 < np.mean(hits) < 0.85


def test_every_image_is_seen_once_in_a_pass(pool: Pool) -> None:
    sampler = CropSampler(pool, SETTINGS, 0)
    for turn in range(4):
        assert {sampler._order(2 * turn), sampler._order(2 * turn + 1)} == {0, 1}


def test_sources_of_few_images_are_seen_too() -> None:
    sources = ["many"] * 100 + ["few"] * 4
    order, again = Order(sources, 3), Order(sources, 3)
    seen = [order(position) for position in range(12 * order.turn)]
    assert seen[70] == again(70)
    few = [index for index in seen if index >= 100]
    assert len(few) / len(seen) == pytest.approx(2 / 12, abs=0.02)
    counts = np.bincount(seen, minlength=104)
    assert counts[:100].max() - counts[:100].min() <= 1
    assert counts[100:].max() - counts[100:].min() <= 1
    assert seen[: order.turn] != seen[order.turn : 2 * order.turn]
    assert {Order(["one", "other", "other"], 0)(position) for position in range(9)} == {0, 1, 2}


def test_light_may_be_uneven() -> None:
    settings = changed(
        SETTINGS,
        gradient_probability=1.0,
        noise_probability=0.0,
        gamma_probability=0.0,
        blur_probability=0.0,
        histogram_probability=0.0,
    )
    grey = np.full((40, 60, 3), 0.5, np.float32)
    steepest = 0.0
    for seed in range(20):
        changed_image = change_intensities(grey, settings, np.random.default_rng(seed))
        assert changed_image.mean() == pytest.approx(0.5, abs=1e-3)
        assert np.ptp(changed_image[0, 0]) == 0
        steps = np.diff(changed_image[..., 0], axis=0), np.diff(changed_image[..., 0], axis=1)
        assert all(np.ptp(step) < 1e-5 for step in steps)
        steepest = max(steepest, float(np.ptp(changed_image)))
    assert 0.2 < steepest < 0.5


@pytest.mark.parametrize("diameter", [10, 60])
def test_images_are_rescaled_to_the_wanted_diameter(tmp_path: Path, diameter: int) -> None:
    labels = np.zeros((600, 600), np.int32)
    labels[300 - diameter : 300, 300 : 300 + diameter] = 1
    pool = Pool([make_pair(tmp_path, "square", labels)], 2**30)
    settings = changed(SETTINGS, cell_diameter=20.0, foreground_probability=1.0)
    areas = [int(CropSampler(pool, settings, 0)(p).labels.sum()) for p in range(12)]
    assert 2 * np.sqrt(max(areas) / np.pi) == pytest.approx(20, rel=0.05)


def test_typical_diameter_ignores_crumbs_and_cut_cells() -> None:
    labels = np.zeros((100, 100), np.int32)
    labels[40:60, 40:60] = 1
    labels[0:50, 0:3] = 2
    labels[80, 80:90:2] = [3, 4, 5, 6, 7]
    assert typical_diameter(labels) == pytest.approx(2 * np.sqrt(400 / np.pi))
    assert typical_diameter(labels * 0) is None


def test_images_beyond_the_cache_are_read_again(tmp_path: Path) -> None:
    labels = np.zeros((40, 40), np.int32)
    labels[5:20, 5:20] = 1
    pairs = [make_pair(tmp_path, name, labels) for name in "ab"]
    kept, read = Pool(pairs, 2**30), Pool(pairs, 0)
    assert np.array_equal(kept[1].image, read[1].image)
    assert read[0] is not read[0]


def test_unusable_pairs_are_named_and_left_out(tmp_path: Path) -> None:
    good = make_pair(tmp_path, "good", np.eye(30, dtype=np.int32))
    (tmp_path / "bad.png").write_text("no image")
    bad = TrainPair(image=tmp_path / "bad.png", label=good.label, subset="train")
    write_mask(tmp_path / "small_label.tiff", np.ones((3, 3), np.int32))
    small = TrainPair(image=good.image, label=tmp_path / "small_label.tiff", subset="train")
    pool = Pool([bad, good, small], 2**30)
    assert len(pool) == 1
    assert [name for name, _ in pool.skipped] == ["bad.png", "good.png"]
    assert "(3, 3)" in pool.skipped[1][1]


def test_labels_without_cells_are_refused(tmp_path: Path) -> None:
    pool = Pool([make_pair(tmp_path, "none", np.zeros((20, 20), np.int32))], 2**30)
    with pytest.raises(CallError, match="No training image has a labelled cell"):
        CropSampler(pool, SETTINGS, 0)


def test_turns_move_image_and_labels_alike() -> None:
    labels = np.arange(25).reshape(5, 5)
    seen = set()
    for seed in range(60):
        image, turned = flip_turn(labels[..., None], labels, np.random.default_rng(seed))
        assert np.array_equal(image[..., 0], turned)
        seen.add(turned.tobytes())
    assert len(seen) == 8


def test_all_intensity_changes_stay_in_range() -> None:
    settings = changed(
        SETTINGS,
        noise_probability=1.0,
        gamma_probability=1.0,
        blur_probability=1.0,
        histogram_probability=1.0,
        colour_probability=1.0,
        invert_probability=1.0,
    )
    image = np.random.default_rng(0).random((20, 30, 3), np.float32)
    for seed in range(10):
        out = change_intensities(image, settings, np.random.default_rng(seed))
        assert out.shape == image.shape
        assert out.dtype == np.float32
        assert 0 <= out.min() <= out.max() <= 1
        assert not np.array_equal(out, image)


@pytest.mark.parametrize("sigma", [0.5, 0.9, 1.5])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (37, 22)])
def test_blur_is_a_gaussian_cut_off_at_two_and_a_half_sigma(
    sigma: float, shape: tuple[int, int]
) -> None:
    image = np.random.default_rng(0).random((*shape, 3), np.float32)
    radius = int(np.ceil(2.5 * sigma))
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    wanted = image.astype(np.float64)
    for axis, size in enumerate(shape):
        places = np.clip(np.arange(size)[:, None] + offsets, 0, size - 1)
        seen = np.moveaxis(wanted, axis, 0)[places]
        wanted = np.moveaxis(np.einsum("pk...,k->p...", seen, kernel), 0, axis)
    found = blur(image, sigma)
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 1e-6


def test_nothing_changes_when_nothing_is_asked() -> None:
    settings = Settings(
        steps=1,
        noise_probability=0,
        gamma_probability=0,
        blur_probability=0,
        histogram_probability=0,
    )
    image = np.random.default_rng(0).random((8, 8, 3), np.float32)
    assert np.array_equal(change_intensities(image, settings, np.random.default_rng(0)), image)
