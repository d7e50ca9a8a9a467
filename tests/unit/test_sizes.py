"""How wide cells are: what the size network learns, and what becomes of its belief."""

import json
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from containers.base.segmentation.data import Pool
from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.device import choose_device
from containers.base.segmentation.predict import Predictor, Viewing
from containers.base.segmentation.scale import (
    GLIMPSE,
    glimpse_side,
    guessed_sizes,
    likeliest,
    shifted,
    within,
)
from containers.base.segmentation.size_learning import SizeLearning, SizeSampler
from containers.base.segmentation.size_network import (
    LINE,
    SIDE,
    STEPS,
    WINDOWS,
    SizeNetwork,
    believed_sizes,
)
from containers.base.segmentation.tensors import own_tensors, put_tensors
from containers.base.segmentation.three_class import ThreeClass
from containers.base.segmentation.weights import load_predictor
from containers.base.segmentation.workers import Workers
from contract import read_image
from tests.unit.settings_fixtures import changed
from tests.unit.test_by_region import Brightness
from tests.unit.training_fixtures import SETTINGS, build, make_data, result, train

CPU = choose_device("cpu", "fp32")
ONE = Workers(1)
Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Discs about 13 pixels wide, in images of 70×90."""
    return Pool(make_data(tmp_path_factory.mktemp("data"), images=4), 2**30)


@pytest.fixture(scope="module")
def learnt(pool: Pool) -> SizeNetwork:
    learning = SizeLearning(pool, SETTINGS, 90, 0, device=CPU, workers=ONE)
    for step in range(90):
        learning.step(step)
    return learning.network


def discs(width: float, shape: tuple[int, int] = (150, 170)) -> Array:
    """An h×w×3 uint8 image of discs on a grid, so wide."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pitch = 1.6 * width
    far = np.hypot(rows % pitch - pitch / 2, columns % pitch - pitch / 2)
    noise = np.random.default_rng(0).normal(0, 8, shape)
    grey = np.clip(np.where(far < width / 2, 180, 40) + noise, 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def believed(network: torch.nn.Module, image: Array) -> Array:
    return believed_sizes(network, image.shape[:2], lambda *part: image[part], CPU)


def test_crops_hang_on_seed_and_position_alone(pool: Pool) -> None:
    sampler, other = SizeSampler(pool, SETTINGS, 0), SizeSampler(pool, SETTINGS, 1)
    first = [sampler(position) for position in range(8)]
    for position in (5, 2):
        np.testing.assert_array_equal(sampler(position).image, first[position].image)
    assert not np.array_equal(other(0).image, first[0].image)
    for crop in first:
        assert crop.image.shape == (SIDE, SIDE, 3)
        assert 0 <= crop.image.min() < crop.image.max() <= 1
        assert crop.labels.sum() == pytest.approx(1)
    assert len({int(crop.labels.argmax()) for crop in first}) > 3


def test_the_target_is_the_width_in_the_crop(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found again by counting: the discs are apart, and brighter than half."""
    sampler = SizeSampler(pool, SETTINGS, 0)
    monkeypatch.setattr(
        "containers.base.segmentation.size_learning.change_intensities", lambda image, *_: image
    )
    for position in range(12):
        crop = sampler(position)
        target = 2 ** STEPS[int(crop.labels.argmax())]
        area = (crop.image[..., 0] > 0.5).mean() * SIDE**2
        assert area > 0.05 * np.pi / 4 * target**2, position


def test_it_tells_how_wide_cells_are(learnt: SizeNetwork) -> None:
    """Nearly, after a few seconds of learning from one kind of cell; and in the right order."""
    widths = (10.0, 14.0, 20.0, 24.0, 48.0)
    found = [likeliest(believed(learnt, discs(width))) for width in widths]
    assert all(abs(log2(one / width)) < 0.8 for one, width in zip(found, widths, strict=True))
    assert found == sorted(found)
    assert found[-1] > 2 * found[0]


@pytest.mark.parametrize("shape", [(1, 1), (9, 700), (2500, 30), (301, 299)])
def test_any_shape_has_a_belief(shape: tuple[int, int]) -> None:
    """At most `WINDOWS` parts are read at each level, and all lie in the image."""
    read = []
    image = discs(12.0, shape)

    def part(rows: slice, columns: slice) -> Array:
        read.append((rows, columns))
        assert image[rows, columns].size
        return image[rows, columns]

    belief = believed_sizes(SizeNetwork(), shape, part, CPU)
    assert belief.shape == LINE.shape
    assert np.isfinite(belief).all()
    assert len(read) <= 5 * WINDOWS


def test_a_glimpse_shifts_a_belief_that_is_near() -> None:
    belief = guessed_sizes(20.0)
    assert likeliest(belief) == pytest.approx(20.0, rel=0.04)
    assert 20 < likeliest(shifted(belief, 20.0, 26.0)) <= 26.5
    assert likeliest(shifted(belief, 20.0, 320.0)) == likeliest(belief)
    sure = -(((LINE - log2(20.0)) / 0.1) ** 2) / 2
    assert likeliest(shifted(sure, 20.0, 26.0)) < 23


def test_what_no_image_has_is_not_believed() -> None:
    belief = guessed_sizes(20.0)
    assert likeliest(within(belief, 30.0, 60.0)) == pytest.approx(30.0, rel=0.04)
    assert likeliest(within(belief, 5.0, 10.0)) == pytest.approx(10.0, rel=0.04)
    assert np.isfinite(within(belief, 10.0, 10.0)).any()


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
def test_a_glimpse_shows_a_small_part(scale: float) -> None:
    for side in (256, 1000, 4000):
        seen = glimpse_side((side, side), scale)
        assert seen * scale <= GLIMPSE + 1
        assert seen <= max(0.71 * side, 64 / scale) + 1


def predictor(sizes: torch.nn.Module | None, diameters: tuple[float, float]) -> Predictor[Decoding]:
    task = ThreeClass()
    viewing = Viewing(
        tile=128,
        overlap=0.25,
        tta="none",
        cell_diameter=20.0,
        typical_diameter=15.0,
        diameters=diameters,
    )
    return Predictor(
        Brightness(), task, viewing, task.first_decoding(), device=CPU, workers=ONE, sizes=sizes
    )


@pytest.mark.parametrize("known", [True, False])
def test_the_scale_is_that_of_the_cells(known: bool, learnt: SizeNetwork) -> None:
    found = predictor(learnt if known else None, (6.0, 80.0))
    for width in (12.0, 26.0):
        image = discs(width)
        scale = found.find_scale(image.shape[:2], lambda *part, image=image: image[part])
        assert abs(log2(scale * width / 20.0)) < 0.6


def test_what_a_person_says_is_taken(learnt: SizeNetwork) -> None:
    found = predictor(learnt, (6.0, 80.0))
    image = discs(12.0)
    assert found.show(image, None, 10.0)[1] == 2.0
    assert found.show(image, None, 40.0)[1] == 0.5
    assert found(image, None, 12.0).max() > 40


def test_a_training_keeps_the_network(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pairs = make_data(tmp_path / "data")
    summary = train(pairs, tmp_path / "out", changed(SETTINGS, steps=4))
    assert summary.size_steps == 3
    assert summary.size_seconds is not None
    assert summary.size_seconds > 0
    assert "head.2.weight" in result(tmp_path / "out")[0]
    task = ThreeClass(ring_depth=1, smallest_cell=8.0)
    loaded = load_predictor(tmp_path / "out" / "weights", build(), task, 1)
    assert loaded._sizes is not None
    assert loaded(read_image(pairs[0].image)).shape == (70, 90)


@pytest.mark.parametrize("without", [{"size_steps": 0}, {"cell_diameter": None}])
def test_a_training_without_one(without: dict[str, Any], tmp_path: Path) -> None:
    pairs = make_data(tmp_path)
    summary = train(pairs, tmp_path / "out", changed(SETTINGS, steps=2, **without))
    assert summary.size_steps is None
    weights = tmp_path / "out" / "weights"
    assert sorted(path.name for path in weights.iterdir()) == [
        "weights.json",
        "weights.safetensors",
    ]
    task = ThreeClass(ring_depth=1, smallest_cell=8.0)
    assert load_predictor(weights, build(), task, 1)(read_image(pairs[0].image)).shape == (70, 90)


def test_a_part_with_two_names_is_kept_once() -> None:
    def shared() -> torch.nn.Module:
        part = torch.nn.Conv2d(3, 4, 1)
        return torch.nn.ModuleDict({"one": part, "other": part, "norm": torch.nn.BatchNorm2d(4)})

    network, again = shared(), shared()
    kept = own_tensors(network)
    assert not any(name.startswith("other") for name in kept)
    put_tensors(again, kept)
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name])
    put_tensors(again, network.state_dict())
    with pytest.raises(RuntimeError, match="norm"):
        put_tensors(again, {name: one for name, one in kept.items() if "norm" not in name})
    with pytest.raises(RuntimeError, match="more"):
        put_tensors(again, {**kept, "more": torch.zeros(1)})


def test_it_takes_no_more_steps_or_time_than_is_its_share(tmp_path: Path) -> None:
    pairs = make_data(tmp_path)
    assert train(pairs, tmp_path / "few", changed(SETTINGS, steps=2, size_steps=50)).size_steps == 2
    hasty = changed(SETTINGS, steps=100, size_steps=100, max_seconds=0.1)
    steps = train(pairs, tmp_path / "hasty", hasty).size_steps
    assert steps is not None
    assert 1 <= steps < 100
    history = (tmp_path / "hasty" / "history.jsonl").read_text().splitlines()
    assert json.loads(history[-1])["step"] >= 1
