"""What hostile containers may do to a run: nothing but fail, each for itself."""

import json
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.datasets import make_dataset
from tests.integration.test_outcomes import outcomes
from tests.programs import TEST_MODELS, command, environment

MOST_MEMORY = 3 * 2**30
"""Bytes of address space of the harness and of local models, well above what a run needs."""

SCORED, OTHER = "scored", "zz_2.png"


def run_all(
    tmp_path: Path, case: str, runner: str, *options: str, models: str = "hostile,otsu"
) -> "subprocess.CompletedProcess[str]":
    """A run of `case` beside a model that does its work, in bounded memory."""
    data = make_dataset(tmp_path / "data", train=2, test=[f"{case}_1.png", OTHER])

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))

    return subprocess.run(
        command(
            "harness", "run-all", "--data", data, "--out", tmp_path / "run", "--models", models,
            "--profile", "tiny", "--runner", runner, "--timeout", "60s", *options,
        ),
        cwd=TEST_MODELS,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=bound if runner == "local" else None,
    )  # fmt: skip


def assert_others_live(tmp_path: Path, case: str, done: "subprocess.CompletedProcess[str]") -> None:
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 3), done.stderr
    assert outcomes(tmp_path / "run", "otsu") == {f"{case}_1.png": SCORED, OTHER: SCORED}
    assert (tmp_path / "run/report/index.html").exists()


LINES = {
    "digits": SCORED,
    "seconds": SCORED,
    "nested": SCORED,
    "surrogate": SCORED,
    "longline": SCORED,
    "sparselines": SCORED,
    "linesfolder": SCORED,
    "events": SCORED,
    "modes": SCORED,
    "setuid": SCORED,
    "deep": SCORED,
    "links": "missing",
    "bomb": "wrong_shape",
    "sparsemask": "missing",
}


LASTING = ("modes", "deep", "sparselines", "bomb")
"""What they leave is met again by the next call."""


@pytest.mark.parametrize(("case", "outcome"), LINES.items())
def test_it_costs_its_own_image_at_most(tmp_path: Path, case: str, outcome: str) -> None:
    done = run_all(tmp_path, case, "local")
    assert_others_live(tmp_path, case, done)
    found = outcomes(tmp_path / "run", "hostile")
    assert found == {f"{case}_1.png": outcome, OTHER: SCORED}, done.stderr
    if case in LASTING:
        assert_others_live(tmp_path, case, run_all(tmp_path, case, "local"))
    subprocess.run(["rm", "-r", tmp_path / "run"], check=True)  # what is left can be deleted


@pytest.mark.parametrize("case", ["modes", "surrogate"])
def test_in_a_container_as_well(tmp_path: Path, case: str, engine: Any) -> None:
    done = run_all(tmp_path, case, "docker")
    assert_others_live(tmp_path, case, done)
    assert outcomes(tmp_path / "run", "hostile")[OTHER] == SCORED
    assert not engine.containers.list(all=True, filters={"label": "cellbench=step"})


def test_nothing_that_a_terminal_would_obey_is_printed_or_kept(tmp_path: Path, runner: str) -> None:
    done = run_all(tmp_path, "escape", runner)
    assert_others_live(tmp_path, "escape", done)
    log = (tmp_path / "run/models/hostile/seed0/predict/log.txt").read_text()
    lines = (tmp_path / "run/models/hostile/seed0/predict/predictions.jsonl").read_text()
    for text in (done.stdout, done.stderr, log, lines):
        assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in text)
    assert "\\x1b[2J" in log
    assert "\x1b" not in log
    assert not any(line.startswith("42 of 42") for line in done.stderr.splitlines())
    assert max(map(len, done.stderr.splitlines())) <= 1001


def test_a_mask_cannot_point_at_the_truth(tmp_path: Path) -> None:
    """The oracle runs first, and its masks, which are the truth, lie where the mask points."""
    done = run_all(tmp_path, "ome", "local", models="oracle,hostile,otsu")
    assert_others_live(tmp_path, "ome", done)
    scores = (tmp_path / "run/scores.csv").read_text().splitlines()
    hostile = [line for line in scores if line.startswith("hostile,0,ome_1.png,0.5")]
    columns = scores[0].split(",")
    (row,) = [dict(zip(columns, line.split(","), strict=True)) for line in hostile]
    assert (row["tp"], row["f1"]) == ("0", "0.0")


def test_a_step_that_fills_the_disk_is_stopped(tmp_path: Path, runner: str) -> None:
    done = run_all(tmp_path, "disk", runner, "--limit-disk", "200m")
    assert_others_live(tmp_path, "disk", done)
    assert outcomes(tmp_path / "run", "hostile")["disk_1.png"] == SCORED  # its mask was there
    usage = json.loads((tmp_path / "run/models/hostile/seed0/predict/usage.json").read_text())
    assert usage["outcome"] == "crashed"
    assert "wrote more than the 0.195 GiB it may write" in usage["message"]


def test_a_volume_of_the_image_is_bounded_too(tmp_path: Path, engine: Any) -> None:
    before = {volume.id for volume in engine.volumes.list()}
    done = run_all(tmp_path, "volume", "docker", "--limit-memory", "1g")
    assert_others_live(tmp_path, "volume", done)
    log = (tmp_path / "run/models/hostile/seed0/predict/log.txt").read_text()
    assert "No space left on device" in log
    assert {volume.id for volume in engine.volumes.list()} == before


def test_a_training_record_of_wrong_types_takes_nobodys_report_away(tmp_path: Path) -> None:
    done = run_all(tmp_path, "setuid", "local")
    assert_others_live(tmp_path, "setuid", done)
    train = tmp_path / "run/models/hostile/seed0/train"
    assert (train / "step.json").is_file()
    assert (train / "usage.json").is_file()
    assert (train / "log.txt").is_file()
    assert not (train / "out").exists()
    mask = tmp_path / "run/models/hostile/seed0/predict/setuid_1_label.tiff"
    assert mask.stat().st_mode & 0o7777 == 0o644
