"""pix2pix: trained for seconds, it paints masks and next frames; killed, it goes on to the bit."""

import json
from pathlib import Path

import numpy as np
import pytest

from containers.base.generation.encode import boundaries
from containers.pix2pix.motion import Motion, fit_motion, next_mask
from containers.pix2pix.movies import steps
from contract import CallError, TrainPair
from tests.unit.generation_fixtures import (
    assert_resumes,
    generator_of,
    movie_folder,
    prepared,
    same,
    train,
    values,
    without_validation,
)
from tests.unit.generator_fixtures import training_folder

SMALL = {"features": "[8, 8, 16, 16, 16, 8]", "discriminator_features": 8}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_folder(tmp_path_factory.mktemp("in") / "data")


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    train("pix2pix", source, out, steps=90, epoch_steps=30, learning_rate=0.002, **SMALL)
    return out


@pytest.mark.parametrize("profile", ["tiny", "quick", "report"])
def test_every_profile_is_complete(profile: str) -> None:
    found = values("pix2pix", profile)
    assert found["crop"] % 16 == 0
    assert (found["max_seconds"] is None) == (profile == "report")


def test_it_paints_cells_onto_masks(source: Path, trained: Path) -> None:
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert history[-1]["loss"] < history[0]["loss"] / 2
    for masks in ("replaced", "real", "sampled"):
        generator = prepared("pix2pix", source, trained, masks=masks)
        sample = generator.generate(1)
        assert sample.pixels.dtype == np.uint8
        assert sample.pixels.shape == sample.labels.shape
        inside = sample.labels > 0
        assert sample.pixels[inside].mean() - sample.pixels[~inside].mean() > 50
        assert not sample.dropped
        assert 0.8 < sample.score <= 1
        assert set(sample.sources) <= {"t0", "t1", "t2"}
        assert sample.modality == "fluorescence"
        assert same(sample, prepared("pix2pix", source, trained, masks=masks).generate(1))
        assert not same(sample, generator.generate(2))


def test_touching_cells_stay_apart_in_the_mask(source: Path, trained: Path) -> None:
    generator = prepared("pix2pix", source, trained, masks="real")
    labels = generator.generate(0).labels
    assert boundaries(labels).any()
    assert labels.max() == 3


def test_validation_images_move_no_weight(source: Path, trained: Path, tmp_path: Path) -> None:
    other = without_validation(source, tmp_path / "data")
    for place, folder in ((tmp_path / "a", source), (tmp_path / "b", other)):
        train("pix2pix", folder, place, steps=2, **SMALL)
    one, two = ((tmp_path / name / "weights/weights.safetensors") for name in "ab")
    assert one.read_bytes() == two.read_bytes()
    facts = [json.loads((tmp_path / name / "weights/weights.json").read_text()) for name in "ab"]
    assert facts[0]["threshold"] > 0.5 > facts[1]["threshold"]


def test_what_does_not_stand_out_is_dropped(source: Path, tmp_path: Path) -> None:
    train("pix2pix", source, tmp_path, steps=1, filter_share=1.0, **SMALL)
    sample = prepared("pix2pix", source, tmp_path).generate(0)
    assert sample.dropped
    assert "below" in sample.message


def test_killed_and_resumed_it_learns_the_same(source: Path, tmp_path: Path) -> None:
    assert_resumes("pix2pix", source, tmp_path, steps=4, **SMALL)


def test_steps_of_a_movie() -> None:
    frames = [("a", 0), ("a", 1), ("b", 5), ("a", 2), ("a", 4), ("", None)]
    pairs = [
        TrainPair(image=Path("i"), label=Path("l"), subset="train", sequence=name, frame=number)
        for name, number in frames
    ]
    assert [(step.frame, step.before) for step in steps(pairs)] == [(1, (0, 0, 0)), (3, (1, 0, 0))]


def test_the_next_frame_and_the_ones_after_it(tmp_path: Path) -> None:
    source = movie_folder(tmp_path / "in")
    summary = train("pix2pix", source, tmp_path, steps=60, learning_rate=0.002, **SMALL)
    assert (summary.steps, summary.stopped) == (60, "finished")
    moved = prepared("pix2pix", source, tmp_path, masks="moved")
    strip = [moved.generate(index) for index in range(3)]
    assert len({sample.sources for sample in strip}) == 1
    assert [sample.message[:10] for sample in strip] == [f"frame {n} of" for n in (1, 2, 3)]
    for sample in strip:
        inside = sample.labels > 0
        assert sample.pixels[inside].mean() - sample.pixels[~inside].mean() > 50
    assert same(strip[2], prepared("pix2pix", source, tmp_path, masks="moved").generate(2))
    beside = prepared("pix2pix", source, tmp_path, masks="real").generate(0)
    assert beside.message == "frame 1 of 5 after f0, beside f1"
    assert beside.sources == ("f0", "f1")
    assert np.array_equal(beside.labels > 0, _mask(source, "f1") > 0)


def test_motion_is_measured_and_repeated() -> None:
    before = np.zeros((80, 80), np.int32)
    before[20:32, 10:20], before[50:62, 40:60] = 1, 5
    after = np.roll(before, (3, 4), (0, 1))
    motion = fit_motion([(before, after)])
    assert motion.division == 0
    assert {(round(down), round(across)) for down, across, _, _ in motion.moves} == {(3, 4)}
    moved = next_mask(before, motion, np.random.default_rng(0))
    assert ((moved > 0) == (after > 0)).mean() > 0.98
    split = next_mask(before, Motion(moves=[(0, 0, 0, 0)], division=1), np.random.default_rng(0))
    assert split.max() == 4
    divided = fit_motion([(before, split)])
    assert divided.division == 1


def test_a_mode_that_the_images_do_not_serve_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="no two training images"):
        train("pix2pix", source, tmp_path, steps=1, mode="next_frame", **SMALL)
    assert generator_of("pix2pix")(None, 1)


def _mask(source: Path, stem: str) -> np.ndarray:
    from contract import read_mask

    return read_mask(source / "labels" / f"{stem}_label.tiff")
