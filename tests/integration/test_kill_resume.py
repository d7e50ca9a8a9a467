"""A run that is killed again and again ends as one that was left alone."""

import random
import subprocess
from pathlib import Path

import pytest

from tests.programs import command, environment, run
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
    undisturbed = run("harness", *arguments(place, f"whole-{runner}", runner), cwd=place)
    assert undisturbed.returncode == 0, undisturbed.stderr

    moments = random.Random(5)
    folder = place / f"killed-{runner}"
    otsu_finished: int | None = None
    killed = 0
    for _ in range(KILLS[runner]):
        process = subprocess.Popen(
            command("harness", *arguments(place, folder.name, runner)),
            cwd=place,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(timeout=moments.uniform(1.5, 12))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        step = folder / "models/otsu/seed0/predict/step.json"
        if step.exists():
            otsu_finished = otsu_finished or step.stat().st_mtime_ns
            assert step.stat().st_mtime_ns == otsu_finished, "otsu was predicted twice"
    assert killed >= KILLS[runner] // 2

    last = run("harness", *arguments(place, folder.name, runner), cwd=place)
    assert last.returncode == 0, last.stderr
    assert otsu_finished is None or "otsu seed 0: predict: reused" in last.stderr
    assert results(folder) == results(place / f"whole-{runner}")


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
