"""The verb generate of the contract, with a generator that misbehaves as it is told to."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from contract import ModelCard, read_generated, read_image, read_mask
from contract.dataset import training_pairs
from contract.samples import write_png
from contract.written import RECORD
from tests.programs import finish, generator_command
from tests.unit.generator_fixtures import (
    asked,
    contents,
    order,
    training_folder,
    write_generator,
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to work in, with a generator, a control of that kind, and a training folder."""
    write_generator(tmp_path, "dots", kind="generator", masks=["real", "sampled"])
    write_generator(tmp_path, "more", kind="control", needs_held=True)
    training_folder(tmp_path / "in")
    return tmp_path


def generate(
    place: Path, *arguments: object, name: str = "dots", out: str = "out"
) -> subprocess.CompletedProcess[str]:
    call = generator_command(name, "generate", place / "in", place / out, *arguments)
    return finish(call, cwd=place)


def test_the_output_is_a_training_folder_made_of_training_images(place: Path) -> None:
    order(place, at_1="colour")
    done = generate(place, "--count", 4, "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert (place / "orders/seen").read_text() == "t0 t1 t2"
    pairs, warnings = training_pairs(place / "out", seed=0)
    assert [pair.stem for pair in pairs] == [f"dots_3_{index:05d}" for index in range(4)]
    assert not warnings
    lines = read_generated(place / "out")
    assert [line.image for line in lines] == [pair.image.name for pair in pairs]
    assert [line.label for line in lines] == [pair.label.name for pair in pairs]
    assert [line.sources for line in lines] == [("t0",), ("t1",), ("t2",), ("t0",)]
    assert {line.outcome for line in lines} == {"generated"}
    assert {(line.method, line.modality) for line in lines} == {("dots", "fluorescence")}
    assert [read_image(pair.image).dtype for pair in pairs[:2]] == [np.uint8, np.uint16]
    assert np.array_equal(np.unique(read_mask(pairs[0].label)), [0, 1])
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events][:2] == ["started", "loaded"]
    assert [event["image"] for event in events if event["event"] == "image"] == [
        pair.image.name for pair in pairs
    ]
    told = [event for event in events if event["event"] == "progress"]
    assert [(event["done"], event["total"]) for event in told] == [(n, 4) for n in (1, 2, 3, 4)]
    assert events[-1]["event"] == "finished"


def test_held_back_images_are_for_controls_that_ask_for_them(place: Path) -> None:
    assert generate(place, "--count", 1, name="more").returncode == 0
    assert (place / "orders/seen").read_text() == "t0 t1 t2 h0 h1"


def test_the_same_seed_gives_the_same_bytes_whatever_the_count(place: Path) -> None:
    calls = {"a": (3, 1), "b": (2, 1), "c": (2, 2)}
    for out, (count, seed) in calls.items():
        assert generate(place, "--count", count, "--seed", seed, out=out).returncode == 0
    first, again, other = (contents(place / out) for out in calls)
    assert {name: first[name] for name in again} == again
    assert set(again.values()) & set(other.values()) <= {
        data for name, data in again.items() if name.startswith("labels")
    }


def test_a_killed_call_goes_on_where_it_stopped(place: Path) -> None:
    order(place, at_2="kill")
    assert generate(place, "--count", 4).returncode == -9
    assert [line.image for line in read_generated(place / "out")] == [
        "dots_0_00000.png", "dots_0_00001.png",
    ]  # fmt: skip
    asked(place)
    order(place, at_2="")
    assert generate(place, "--count", 4).returncode == 0
    assert asked(place) == [2, 3]
    assert generate(place, "--count", 4, out="whole").returncode == 0
    assert contents(place / "out") == contents(place / "whole")
    asked(place)
    (place / "out/labels/dots_0_00001_label.tiff").unlink()
    assert generate(place, "--count", 5).returncode == 0
    assert asked(place) == [1, 4], "what lies there is kept, a pair without its label is not"
    assert generate(place, "--count", 2).returncode == 0
    assert len(contents(place / "out")) == 4, "what is not wanted any more is gone"
    assert len(read_generated(place / "out")) == 2
    assert not asked(place)


def test_what_another_call_left_is_replaced(place: Path) -> None:
    def assert_anew(*options: object) -> None:
        asked(place)
        assert generate(place, "--count", 2, *options).returncode == 0
        assert asked(place) == [0, 1]
        assert len(contents(place / "out")) == 4

    assert_anew()
    assert_anew("--seed", 1)
    assert_anew("--masks", "sampled")
    split = (place / "in/split.csv").read_text()
    (place / "in/split.csv").write_text(split.replace("h0.png,held", "h0.png,train"))
    assert_anew("--masks", "sampled")


def test_samples_that_fail_are_lines_and_are_tried_again_last(place: Path) -> None:
    faults = {
        "raise": "KeyError", "exit": "SystemExit", "nothing": "NoneType", "shape": "(19, 30)",
        "float": "float64", "channels": "(20, 30, 4)", "negative": "-1", "fractions": "float64",
        "foreign": "v0", "score": "nan", "memory": "CUDA out of memory",
    }  # fmt: skip
    order(place, **{f"at_{index}": fault for index, fault in enumerate(faults)})
    done = generate(place, "--count", len(faults) + 1)
    assert done.returncode == 3
    lines = read_generated(place / "out")
    for line, (fault, words) in zip(lines, faults.items(), strict=False):
        assert line.outcome == ("out_of_memory" if fault == "memory" else "crashed")
        assert words in line.message
        assert f"{line.image}: {line.outcome}" in done.stderr
        assert line.label is None
    assert lines[-1].outcome == "generated"
    assert len(contents(place / "out")) == 2
    order(place, at_0="", at_12="")
    asked(place)
    assert generate(place, "--count", len(faults) + 2).returncode == 3
    assert asked(place) == [12, *range(11)]
    assert read_generated(place / "out")[0].outcome == "generated"


def test_a_dropped_sample_is_replaced_by_another_one(place: Path) -> None:
    order(place, at_1="drop")
    done = generate(place, "--count", 2)
    assert done.returncode == 0
    assert "1 others were dropped" in done.stderr
    lines = read_generated(place / "out")
    assert [line.outcome for line in lines] == ["generated", "dropped", "generated"]
    assert (lines[1].score, lines[1].message) == (0.1, "no contrast")
    assert len(contents(place / "out")) == 4


def test_dropping_comes_to_an_end(place: Path) -> None:
    order(place, **{f"at_{index}": "drop" for index in range(8)})
    assert generate(place, "--count", 2).returncode == 3
    assert asked(place) == list(range(8))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--count", 0], "asks for no image"),
        (["--count", "many"], "invalid int"),
        ([], "--count"),
        (["--count", 1, "--seed", -1], "negative"),
        (["--count", 1, "--masks", "moved"], "moved"),
    ],
)
def test_wrong_calls_do_nothing(place: Path, arguments: list[object], words: str) -> None:
    done = generate(place, *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert not (place / "out").exists()


def test_what_a_generator_refuses_is_a_wrong_call(place: Path) -> None:
    order(place, prepare="refuse")
    done = generate(place, "--count", 1)
    assert (done.returncode, (place / "out").exists()) == (2, False)
    assert "no movies" in done.stderr
    order(place, prepare="", memory="")
    assert generate(place, "--count", 1).returncode == 4


def test_one_that_learns_needs_its_weights(place: Path) -> None:
    write_generator(place, "learner", kind="generator", verbs=["train", "generate"])
    done = generate(place, "--count", 1, name="learner")
    assert (done.returncode, (place / "out").exists()) == (2, False)
    assert "learner has no weights to generate with." in done.stderr


def test_files_of_somebody_else_are_not_replaced(place: Path) -> None:
    (place / "out" / "images").mkdir(parents=True)
    (place / "out" / "images" / "mine.png").touch()
    done = generate(place, "--count", 1)
    assert done.returncode == 2
    assert "did not write" in done.stderr
    assert not (place / "out" / RECORD).exists()


def test_cards_say_who_may_generate() -> None:
    card = {"name": "a", "title": "A", "verbs": ["generate"]}
    assert ModelCard.model_validate({**card, "kind": "generator"}).masks == ()
    for wrong in (
        {"kind": "segmenter"},
        {"kind": "generator", "verbs": ["train"]},
        {"kind": "control", "verbs": ["generate", "predict"]},
        {"kind": "generator", "needs_held": True},
        {"kind": "generator", "contract": "neurips22"},
        {"kind": "generator", "masks": ["pretty"]},
    ):
        with pytest.raises(ValueError, match=r"generat|masks"):
            ModelCard.model_validate({**card, **wrong})


def test_sixteen_bit_colours_survive_their_file(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (7, 9, 3), np.uint16)
    write_png(tmp_path / "a.png", pixels)
    assert np.array_equal(read_image(tmp_path / "a.png"), pixels)
    write_png(tmp_path / "view.png", pixels[::-2, ::2, 1])
    assert np.array_equal(read_image(tmp_path / "view.png")[..., 0], pixels[::-2, ::2, 1])
