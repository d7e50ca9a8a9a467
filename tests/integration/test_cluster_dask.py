"""Runs on a real Dask cluster: a scheduler and two workers, which die at bad moments."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.datasets import make_dataset
from tests.integration.dask_fixtures import Daemons, daemons, until
from tests.integration.harness_fixtures import began_to_hang
from tests.programs import command, run, start
from tests.small_unet import NAME, write_small_unet

MODELS = f"{NAME},otsu"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two models, a dataset and what a sequential run makes of it."""
    place = tmp_path_factory.mktemp("cluster")
    write_small_unet(place, steps=240)
    naughty = Path(__file__).parents[1] / "models/containers/naughty"
    (place / "containers/naughty").symlink_to(naughty)
    make_dataset(place / "data", train=10)
    done = run("harness", *arguments(place, "alone", MODELS), cwd=place)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemons]:
    with daemons(tmp_path_factory.mktemp("dask")) as made:
        yield made


def arguments(place: Path, out: str, models: str, *more: object) -> tuple[object, ...]:
    return (
        "run-all", "--data", place / "data", "--out", place / out, "--models", models,
        "--profile", "tiny", "--runner", "local", *more,
    )  # fmt: skip


def begin(place: Path, *words: object) -> subprocess.Popen[str]:
    return start(command("harness", *words), cwd=place, stdout=subprocess.PIPE,
                 stderr=subprocess.STDOUT)  # fmt: skip


def test_two_processes_beside_each_other_give_the_same_scores(place: Path) -> None:
    done = run("harness", *arguments(place, "beside", MODELS, "--workers", 2), cwd=place)
    assert done.returncode == 0, done.stderr
    assert (place / "beside/scores.csv").read_bytes() == (place / "alone/scores.csv").read_bytes()


def test_a_worker_killed_in_mid_training_costs_its_item_alone(
    place: Path, cluster: Daemons
) -> None:
    cluster.fill()
    process = begin(place, *arguments(place, "killed", MODELS, "--cluster", cluster.address))
    history = place / f"killed/models/{NAME}/seed0/train.part/out/history.jsonl"
    until(history.exists)
    worker = cluster.at_work(f"containers.{NAME}")
    assert worker is not None
    os.kill(worker, signal.SIGKILL)
    words, _ = process.communicate(timeout=500)
    assert process.returncode == 0, words
    assert f"{NAME} seed 0: train: begun again on tcp://" in words
    assert f"{NAME} seed 0: train (resume: it was not finished)" in words
    assert (place / "killed/scores.csv").read_bytes() == (place / "alone/scores.csv").read_bytes()

    again = run("harness", *arguments(place, "killed", MODELS), cwd=place)
    assert again.stderr.count("reused") == 3, "what a cluster began is finished on one machine"


def hanging(place: Path) -> None:
    if not (place / "hanging").exists():
        make_dataset(place / "hanging", test=["good_1.png", "hang_1.png"])


def hang(place: Path, out: str, cluster: Daemons, *more: object) -> subprocess.Popen[str]:
    """A run that is at an image at which its model hangs."""
    hanging(place)
    cluster.fill()
    process = begin(
        place, "run-all", "--data", place / "hanging", "--out", place / out, "--models", "naughty",
        "--runner", "local", "--cluster", cluster.address, *more,
    )  # fmt: skip
    until(lambda: began_to_hang(place / out))
    return process


def test_an_item_whose_workers_are_killed_is_begun_again_once(
    place: Path, cluster: Daemons
) -> None:
    """Here in mid-prediction; the mask that was finished before stands."""
    process = hang(place, "deadly", cluster)
    for _ in range(2):
        until(lambda: cluster.at_work("containers.naughty") in cluster.workers())
        worker = cluster.at_work("containers.naughty")
        assert worker is not None
        os.kill(worker, signal.SIGKILL)
        until(lambda gone=worker: gone not in cluster.workers())
        cluster.fill()
    words, _ = process.communicate(timeout=500)
    assert process.returncode == 3, words
    assert "naughty seed 0: predict: begun again on tcp://" in words
    assert "naughty seed 0: predict: its worker was lost 2 times" in words
    rows = (place / "deadly/scores.csv").read_text().splitlines()[1:]
    outcomes = {(row.split(",")[2], row.split(",")[4]) for row in rows}
    assert outcomes == {("good_1.png", "scored"), ("hang_1.png", "crashed")}


def test_a_resource_that_nobody_has_ends_with_a_reason(place: Path, cluster: Daemons) -> None:
    cluster.fill()
    done = run(
        "harness", *arguments(place, "nobody", "otsu", "--cluster", cluster.address),
        "--gpu", "--limit-memory", "1g", "--cluster-wait", "2s", cwd=place,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    reason = "no worker of the cluster has GPU=1 and MEMORY=1.07374e+09"
    assert f"otsu seed 0: predict: {reason}" in done.stderr
    assert ",crashed," in (place / "nobody/scores.csv").read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_step_outlives_its_run(place: Path, cluster: Daemons, number: signal.Signals) -> None:
    process = hang(place, f"ended-{number.name}", cluster)
    process.send_signal(number)
    words, _ = process.communicate(timeout=500)
    assert process.returncode == (130 if number == signal.SIGINT else -number), words
    until(lambda: cluster.at_work("containers.naughty") is None)
    assert all(psutil.pid_exists(worker) for worker in cluster.workers()), "they are not ours"


def test_a_cluster_that_does_not_answer_is_a_wrong_call(place: Path) -> None:
    done = run("harness", *arguments(place, "none", "otsu", "--cluster", "tcp://127.0.0.1:9"),
               cwd=place)  # fmt: skip
    assert done.returncode == 2
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert not (place / "none").exists()
