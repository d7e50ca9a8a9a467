"""A run that is killed again and again ends as one that was left alone."""

import random
import subprocess
import time
from pathlib import Path

import pytest

from tests.programs import command, run, start
from tests.small_unet import NAME, write_small_unet

KILLS = {"local": 10, "docker": 3}
MODELS = f"otsu,{NAME}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small dataset and the small U-Net."""
    place = tmp_path_factory.mktemp("kill")
    write_small_unet(place, steps=80)
    made = run("harness", "data", "simulate", place / "data", "--images", 16, "--size", 96)
    assert made.returncode == 0, made.stderr
    return place


def arguments(place: Path, out: str, runner: str) -> tuple[object, ...]:
    return (
        "run-all", "--data", place / "data", "--out", place / out, "--models", MODELS,
        "--profile", "tiny", "--runner", runner,
    )  # fmt: skip


def results(folder: Path) -> dict[str, bytes]:
    """scores.csv, the masks and the weights' bytes."""
    names = ["scores.csv", "models/*/seed0/predict/*.tiff", "models/*/seed0/train/weights/*"]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for name in names
        for path in folder.glob(name)
    }


@pytest.mark.timeout(1200)
def test_killed_runs_end_with_the_same_scores(place: Path, runner: str) -> None:
    """Kills fall anywhere in the time that a whole run takes on this machine.

    A run that ends before its moment is compared and another one is begun, until there were as
    many kills as there should be.
    """
    began = time.monotonic()
    undisturbed = run("harness", *arguments(place, f"whole-{runner}", runner), cwd=place)
    whole_run = time.monotonic() - began
    assert undisturbed.returncode == 0, undisturbed.stderr
    expected = results(place / f"whole-{runner}")

    moments = random.Random(5)
    killed = finished = 0
    while killed < KILLS[runner]:
        name = f"killed-{runner}-{finished}"
        if killed_at(moments.uniform(0.1, whole_run), place, name, runner):
            killed += 1
        else:
            assert results(place / name) == expected
            finished += 1

    name = f"killed-{runner}-{finished}"
    otsu = place / name / "models/otsu/seed0/predict/step.json"
    before = otsu.stat().st_mtime_ns if otsu.exists() else None
    last = run("harness", *arguments(place, name, runner), cwd=place)
    assert last.returncode == 0, last.stderr
    assert results(place / name) == expected
    if before is not None:
        assert "otsu seed 0: predict: reused" in last.stderr
        assert otsu.stat().st_mtime_ns == before


def killed_at(seconds: float, place: Path, name: str, runner: str) -> bool:
    """Runs the harness and kills it after `seconds`; False when it had ended by itself, well."""
    process = start(command("harness", *arguments(place, name, runner)), cwd=place)
    try:
        assert process.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def test_a_finished_run_reuses_everything_and_why_says_so(place: Path) -> None:
    arguments_again = arguments(place, "again", "local")
    first = run("harness", *arguments_again, cwd=place)
    assert first.returncode == 0, first.stderr
    second = run("harness", *arguments_again, cwd=place)
    assert second.stderr.count("reused") == 3
    told = run("harness", "why", place / "again", NAME, "train", cwd=place)
    assert "the next run-all reuses it" in told.stdout

    profile = place / "containers" / NAME / "profiles" / "tiny.yaml"
    profile.write_text(profile.read_text().replace("batch_size: 2", "batch_size: 3"))
    told = run("harness", "why", place / "again", NAME, "train", cwd=place)
    assert "does it again" in told.stdout
    assert "profile changed from tiny" in told.stdout
    assert "sources" not in told.stdout
