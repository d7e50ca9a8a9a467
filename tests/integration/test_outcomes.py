"""How single images end, with both runners, through the whole of run-all."""

import csv
from pathlib import Path

import pytest

from tests.datasets import make_dataset
from tests.programs import run

ENDINGS = {
    "good": "scored",
    "shape": "wrong_shape",
    "type": "wrong_type",
    "garbage": "unreadable",
    "silent": "missing",
}


def outcomes(folder: Path, model: str) -> dict[str, str]:
    """The outcome of each image of a model in scores.csv, the same at every threshold."""
    found: dict[str, set[str]] = {}
    with (folder / "scores.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            if row["model"] == model:
                found.setdefault(row["image"], set()).add(row["outcome"])
    assert all(len(kinds) == 1 for kinds in found.values())
    return {image: kinds.pop() for image, kinds in found.items()}


def test_a_bad_mask_costs_its_own_image_alone(tmp_path: Path, runner: str) -> None:
    data = make_dataset(tmp_path / "data", test=[f"{word}_1.png" for word in ENDINGS])
    done = run(
        "harness", "run-all", "--data", data, "--out", tmp_path / "run", "--models",
        "naughty,oracle", "--runner", runner,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    expected = {f"{word}_1.png": outcome for word, outcome in ENDINGS.items()}
    assert outcomes(tmp_path / "run", "naughty") == expected
    assert set(outcomes(tmp_path / "run", "oracle").values()) == {"scored"}
    assert "1 wrong_shape" in done.stdout
    report = (tmp_path / "run" / "report" / "index.html").read_text()
    assert "wrong_shape" in report or "wrong shape" in report


@pytest.mark.parametrize(
    ("word", "outcome", "options"),
    [
        ("die", "crashed", ()),
        ("memory", "out_of_memory", ("--limit-memory", "500m")),
        ("hang", "timeout", ("--timeout", "8s")),
    ],
)
def test_an_image_that_kills_its_container_is_a_row_and_the_rest_go_on(
    tmp_path: Path, runner: str, word: str, outcome: str, options: tuple[str, ...]
) -> None:
    names = ["good_1.png", f"{word}_1.png", "good_2.png", "silent_9.png"]
    data = make_dataset(tmp_path / "data", test=names)
    done = run(
        "harness", "run-all", "--data", data, "--out", tmp_path / "run", "--models", "naughty",
        "--runner", runner, *options,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert outcomes(tmp_path / "run", "naughty") == {
        "good_1.png": "scored",
        f"{word}_1.png": outcome,
        "good_2.png": "scored",
        "silent_9.png": "missing",
    }
    usage = (tmp_path / "run/models/naughty/seed0/predict/usage.json").read_text()
    assert '"attempts": 2' in usage


def test_what_failed_is_tried_again_and_what_succeeded_is_kept(tmp_path: Path, runner: str) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    arguments = ("harness", "run-all", "--data", data, "--out", tmp_path / "run", "--models",
                 "naughty", "--runner", runner, "--timeout", "6s")  # fmt: skip
    assert run(*arguments).returncode == 3
    mask = tmp_path / "run/models/naughty/seed0/predict/good_1_label.tiff"
    written = mask.stat().st_mtime_ns
    again = run(*arguments)
    assert again.returncode == 3
    assert "was not finished" in again.stderr
    assert mask.stat().st_mtime_ns == written
    assert outcomes(tmp_path / "run", "naughty")["hang_1.png"] == "timeout"
