"""The generators that bracket all others."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from containers.base.generation.encode import touching_share
from containers.base.generation.pictures import Picture, median_area, read_pair, whole_numbers
from containers.base.simulated.modalities import simulate_image
from containers.controls.copypaste.placing import Cut, cut_cells, place
from containers.controls.procedural.generator import draw, modality_of
from containers.controls.shuffled.generator import of_size
from contract import CallError, GenerateCall, Generator, Sample, read_card, read_generated
from contract.dataset import labelled_pairs, training_pairs
from contract.samples import checked
from tests.programs import ROOT, run_generator
from tests.unit.generator_fixtures import SUBSETS, cells, training_folder

NAMES = ("copypaste", "moreofthesame", "procedural", "shuffled")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_folder(tmp_path_factory.mktemp("training") / "in")


def stems(*subsets: str) -> set[str]:
    return {name for name, subset in SUBSETS.items() if subset in subsets}


def prepared(name: str, source: Path, *, count: int = 2, seed: int = 0) -> Generator:
    """The generator behind a call whose folder is `source`."""
    pairs, _ = labelled_pairs(source, 0)
    call = GenerateCall(
        pairs=tuple(pair for pair in pairs if pair.subset == "train"),
        held=tuple(pair for pair in pairs if pair.subset == "held"),
        count=count,
        seed=seed,
        masks=None,
        threads=1,
    )
    module = import_module(f"containers.controls.{name}.generator")
    generator: Generator = module.Generator(None, 1)
    generator.prepare(call)
    return generator


def samples(name: str, source: Path, count: int, seed: int = 0) -> list[Sample]:
    generator = prepared(name, source, count=count, seed=seed)
    return [
        checked(generator.generate(index), frozenset(stems("train", "held")))
        for index in range(count)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_call_writes_a_training_folder(name: str, source: Path, tmp_path: Path) -> None:
    done = run_generator(f"controls.{name}", "generate", source, tmp_path / "out", "--count", 2)
    assert done.returncode == 0, done.stderr
    pairs, warnings = training_pairs(tmp_path / "out", seed=0)
    assert (len(pairs), warnings) == (2, [])
    for pair in pairs:
        assert read_pair(pair).labels.max() > 0
    allowed = stems("held" if name == "moreofthesame" else "train")
    for line in read_generated(tmp_path / "out"):
        assert set(line.sources) <= allowed
        assert line.modality == "fluorescence"


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_follows_from_seed_and_index_alone(name: str, source: Path) -> None:
    first = samples(name, source, 2)
    generator = prepared(name, source)
    for index in (1, 0):
        again = generator.generate(index)
        assert np.array_equal(again.pixels, first[index].pixels)
        assert np.array_equal(again.labels, first[index].labels)
    others = [samples(name, source, 2, seed) for seed in range(1, 5)]
    assert any(not np.array_equal(other[0].pixels, first[0].pixels) for other in others)


@pytest.mark.parametrize("name", NAMES)
def test_cards_call_them_controls(name: str) -> None:
    card = read_card(ROOT / "containers" / "controls" / name)
    assert (card.name, card.kind) == (name, "control")
    assert card.verbs == ("describe", "generate")
    assert card.needs_held == (name == "moreofthesame")


def assert_whole(labels: np.ndarray) -> None:
    """Ids run from 1 to n without a gap, and each is one piece."""
    assert np.array_equal(np.unique(labels[labels > 0]), np.arange(1, labels.max() + 1))
    for label in range(1, labels.max() + 1):
        assert ndimage.label(labels == label)[1] == 1


def test_pasted_cells_lie_where_the_labels_say_and_no_other_is_left(source: Path) -> None:
    """The cells of the fixture are 170 on 40, with noise of 6."""
    for sample in samples("copypaste", source, 5):
        assert_whole(sample.labels)
        inside = ndimage.binary_erosion(sample.labels > 0, border_value=1)
        outside = ~ndimage.binary_dilation(sample.labels > 0, iterations=3)
        assert sample.pixels[inside].mean() - sample.pixels[outside].mean() > 100
        assert np.mean(sample.pixels[outside] < 105) > 0.99
        assert 4 < sample.pixels[outside].std() < 9, "the noise of the background goes on"


def test_pasted_cells_are_those_of_the_sources(source: Path) -> None:
    real = {pair.stem: read_pair(pair) for pair in labelled_pairs(source, 0)[0]}
    for sample in samples("copypaste", source, 3):
        areas = {
            area
            for stem in sample.sources
            for area in np.bincount(real[stem].labels.ravel())[1:].tolist()
        }
        rows, columns = np.array(sample.labels.shape) - 1
        for label, window in enumerate(ndimage.find_objects(sample.labels), start=1):
            inside = (
                min(part.start for part in window) > 0
                and window[0].stop <= rows
                and window[1].stop <= columns
            )
            if inside:
                assert np.count_nonzero(sample.labels == label) in areas


def test_cells_go_onto_backgrounds_of_their_kind_alone(tmp_path: Path) -> None:
    root = training_folder(tmp_path / "in")
    manifest = (root / "manifest.csv").read_text()
    (root / "manifest.csv").write_text(manifest.replace("t0.png,fluo", "t0.png,other fluo"))
    for sample in samples("copypaste", root, 6):
        assert sample.sources == ("t0",) or set(sample.sources) <= {"t1", "t2"}


def test_images_without_cells_or_that_cannot_be_read_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = training_folder(tmp_path / "in")
    (root / "images" / "t0.png").write_bytes(b"no picture")
    assert {stem for sample in samples("copypaste", root, 4) for stem in sample.sources} <= {
        "t1", "t2",
    }  # fmt: skip
    assert "t0.png" in capsys.readouterr().err
    for name in ("t1", "t2"):
        (root / "images" / f"{name}.png").unlink()
    with pytest.raises(CallError, match="No training image with a cell"):
        prepared("copypaste", root)


def test_shuffled_labels_belong_to_another_image(source: Path) -> None:
    real = {pair.stem: read_pair(pair) for pair in labelled_pairs(source, 0)[0]}
    for sample in samples("shuffled", source, 6):
        assert len(sample.sources) == 2
        (own,) = (name for name in real if np.array_equal(real[name].pixels, sample.pixels))
        (other,) = set(sample.sources) - {own}
        assert np.array_equal(sample.labels, real[other].labels)


def test_one_image_alone_cannot_be_shuffled(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="one training image alone"):
        prepared("shuffled", training_folder(tmp_path / "in", count=1))


def test_labels_are_fitted_to_an_image_of_another_size() -> None:
    labels = np.array([[1, 1, 0], [0, 2, 0]], np.int32)
    assert np.array_equal(of_size(labels, (1, 2)), [[1, 1]])
    larger = of_size(labels, (3, 5))
    assert np.array_equal(larger[:2, :3], labels)
    assert np.array_equal(larger, [[1, 1, 0, 3, 3], [0, 2, 0, 0, 4], [5, 5, 0, 7, 7]])


def test_held_back_images_are_given_out_once_each(source: Path) -> None:
    found = samples("moreofthesame", source, 2)
    assert {sample.sources[0] for sample in found} == stems("held")
    with pytest.raises(CallError, match="3 more images are asked for, and 2 are held back"):
        prepared("moreofthesame", source, count=3)


def test_drawn_pictures_have_no_sources_and_the_size_of_a_training_image(source: Path) -> None:
    for sample in samples("procedural", source, 3):
        assert sample.sources == ()
        assert sample.labels.shape == (48, 48)
        assert_whole(sample.labels)


def picture(pixels: Any, labels: Any, modality: str = "") -> Picture:
    return Picture(stem="a", modality=modality, pixels=pixels, labels=labels)


def test_what_is_drawn_is_told_by_the_manifest_or_by_colour_and_light() -> None:
    labels = np.zeros((8, 8), np.int32)
    dark, bright = (np.full((8, 8), level, np.uint8) for level in (20, 150))
    colour = np.full((8, 8, 3), 20, np.uint8)
    assert modality_of(picture(bright, labels, "Fluorescence")) == "fluorescence"
    assert modality_of(picture(dark, labels, "phase contrast")) == "phase"
    assert modality_of(picture(dark, labels, "confocal")) == "fluorescence"
    assert modality_of(picture(bright, labels)) == "phase"
    assert modality_of(picture(colour, labels)) == "smear"


@pytest.mark.parametrize("zoom", [0.5, 1.0, 2.0])
def test_drawn_cells_have_about_the_width_of_the_real_ones(zoom: float) -> None:
    usual = simulate_image("fluorescence", 1, 192)
    wanted = median_area(usual.labels) * zoom**2
    side = round(wanted**0.5)
    labels = np.zeros((160, 192), np.int32)
    labels[:side, :side] = 1
    drawn = draw("fluorescence", 2, picture(np.zeros((160, 192), np.uint8), labels))
    assert drawn.labels.shape == drawn.pixels.shape == (160, 192)
    assert 0.6 < (median_area(drawn.labels) / wanted) ** 0.5 < 1.6


def cuts_of(*maps: np.ndarray) -> list[Cut]:
    return cut_cells([np.asarray(labels, np.int32) for labels in maps])


def test_cells_that_the_frame_cuts_are_taken_if_there_is_no_other() -> None:
    labels = np.zeros((20, 20), np.int32)
    labels[0:5, 4:9] = 1
    (at_frame,) = cuts_of(labels)
    assert at_frame.window == (slice(0, 5), slice(4, 9))
    labels[10:14, 10:14] = 2
    labels[16, 16] = 2  # a speck of it elsewhere
    labels[17, 2] = 3  # too small for a cell
    (whole,) = cuts_of(labels)
    assert whole.window == (slice(10, 14), slice(10, 14))
    assert whole.mask.all()


@pytest.mark.parametrize(
    ("touching", "holds"), [(0.0, lambda share: share == 0), (1.0, lambda share: share > 0.9)]
)
def test_as_many_placed_cells_touch_as_are_told_to(
    touching: float, holds: Callable[[float], bool]
) -> None:
    cuts = cuts_of(*(cells(number)[1] for number in range(3)))
    placed, labels = place(np.random.default_rng(0), cuts, (120, 150), 14, touching=touching)
    assert len(placed) == labels.max() > 8
    assert_whole(labels)
    assert holds(touching_share(labels))


def test_cells_keep_their_direction_where_they_must() -> None:
    corner = np.zeros((12, 12), np.int32)
    corner[3:9, 3] = corner[8, 3:9] = 1
    placed, _ = place(
        np.random.default_rng(0), cuts_of(corner), (90, 90), 8, touching=0.5, turn=False
    )
    assert all(np.array_equal(cell.mask, cell.cut.mask) for cell in placed)
    placed, _ = place(np.random.default_rng(0), cuts_of(corner), (90, 90), 8, touching=0.5)
    assert any(not np.array_equal(cell.mask, cell.cut.mask) for cell in placed)


def test_a_full_frame_takes_no_more() -> None:
    cuts = cuts_of(cells(0)[1])
    placed, labels = place(np.random.default_rng(0), cuts, (40, 40), 500, touching=0.5)
    assert 1 <= len(placed) < 40
    assert_whole(labels)


def test_pixels_become_whole_numbers_of_one_plane_if_grey() -> None:
    grey = np.repeat(np.linspace(-1, 3, 20).reshape(4, 5, 1), 3, axis=2).astype(np.float32)
    found = whole_numbers(grey)
    assert (found.shape, found.dtype) == ((4, 5), np.uint16)
    assert (found.min(), found.max()) == (0, 65535)
    colour = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(whole_numbers(colour), colour)
