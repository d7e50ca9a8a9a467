"""Hostile containers that an ordinary user of the group docker runs: nothing stays behind."""

import grp
import json
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import need
from tests.datasets import make_dataset
from tests.integration.other_user import OtherUser, other_user
from tests.integration.test_foreign import HABITS, build, declare
from tests.integration.test_outcomes import outcomes
from tests.models.containers.hostile.masks import OUTCOMES
from tests.programs import TEST_MODELS, run

GIB = 2**30


@pytest.fixture(scope="module")
def user(engine: Any) -> Iterator[OtherUser]:
    """Somebody who is not root and may use the engine, whose images are built."""
    socket = Path("/var/run/docker.sock")
    need(socket.exists(), "needs the engine's socket in its usual place")
    built = run("harness", "build", "hostile", "otsu")
    assert built.returncode == 0, built.stderr
    with other_user(group=grp.getgrgid(socket.stat().st_gid).gr_name) as somebody:
        yield somebody


def test_a_mask_costs_its_own_image_at_most(user: OtherUser, engine: Any) -> None:
    names = [f"{word}_1.png" for word in OUTCOMES]
    data = user.own(make_dataset(user.home / "data", train=2, test=names))
    folder, before, memory = user.home / "run", left(engine), list[int]()
    done = user.harness(
        "run-all", "--data", data, "--out", folder, "--models", "hostile,otsu", "--profile", "tiny",
        "--runner", "docker", cwd=TEST_MODELS, memory=memory,
    )  # fmt: skip
    assert_nothing_stays(user, engine, done, folder, before, memory)
    found = {name.split("_")[0]: ended for name, ended in outcomes(folder, "hostile").items()}
    assert found == OUTCOMES
    assert set(outcomes(folder, "otsu").values()) == {"scored"}
    assert (folder / "report/index.html").exists()
    log = (folder / "models/hostile/seed0/predict/log.txt").read_text()
    assert "device: [Errno 1] Operation not permitted" in log
    assert not Path("/tmp/cellbench-was-here").exists()
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    weights = folder / "models/hostile/seed0/train/weights"
    assert [path.name for path in weights.iterdir()] == ["w.bin"]
    assert user.run("rm", "-r", folder).returncode == 0


CASES = {
    "modes": "predicted",
    "setuid": "predicted",
    "deep": "predicted",
    "links": "missing",
    "sparsemask": "missing",
    "strange": "predicted",
    "files": "predicted",
    "flood": "predicted",
    "events": "predicted",
    "scratch": "predicted",
    "forks": "predicted",
    "wrongcall": "predicted",
    "child": "predicted",
}


@pytest.mark.parametrize(("case", "outcome"), CASES.items())
def test_a_container_costs_its_own_images_at_most(
    user: OtherUser, engine: Any, case: str, outcome: str
) -> None:
    data = user.own(make_dataset(user.home / f"{case}-data", test=[f"{case}_1.png", "zz_2.png"]))
    weights = user.home / "weights"
    weights.mkdir(exist_ok=True)
    (weights / "w").touch()
    masks, before, memory = user.home / case, left(engine), list[int]()
    done = user.harness(
        "predict", "hostile", data / "Tuning/images", masks, "--weights", weights, "--runner",
        "docker", "--limit-memory", "600m", "--timeout", "120s", cwd=TEST_MODELS, memory=memory,
    )  # fmt: skip
    assert_nothing_stays(user, engine, done, masks, before, memory)
    lines = [json.loads(line) for line in (masks / "predictions.jsonl").read_text().splitlines()]
    found = {line["image"]: line["outcome"] for line in lines}
    assert found == {f"{case}_1.png": outcome, "zz_2.png": "predicted"}, done.stderr
    assert {path.name for path in masks.glob("*.tiff")} == {
        line["mask"] for line in lines if line["mask"]
    }
    assert (masks / "log.txt").stat().st_size < 2**25 + 2**21
    assert user.run("rm", "-r", masks).returncode == 0


def assert_nothing_stays(
    user: OtherUser,
    engine: Any,
    done: "subprocess.CompletedProcess[str]",
    folder: Path,
    before: tuple[int, set[str]],
    memory: list[int],
) -> None:
    """No container, no volume, no file of another user, and never a gibibyte of memory."""
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (0, 3), done.stderr
    assert left(engine) == before
    found = [path.lstat() for path in folder.rglob("*")]
    assert {one.st_uid for one in found} == {user.uid}
    assert not any(one.st_mode & 0o7002 for one in found if not stat.S_ISLNK(one.st_mode))
    assert max(memory) < GIB


def left(engine: Any) -> tuple[int, set[str]]:
    """Containers of steps, and all volumes."""
    steps = engine.containers.list(all=True, filters={"label": "cellbench=step"})
    return len(steps), {volume.id for volume in engine.volumes.list()}


def test_what_an_image_writes_as_root_belongs_to_the_caller(
    user: OtherUser, engine: Any, tmp_path: Path
) -> None:
    tag = "cellbench-test/habits:latest"
    build(engine, tmp_path / "image", HABITS, tag)
    place = user.home / "relaxed"
    data = make_dataset(place / "data")
    for image in (data / "Tuning/images").iterdir():
        image.chmod(0o600)
    declare(place, "ours", f"contract: neurips22\nimage: {tag}\n")
    user.own(place)
    masks, before, memory = place / "masks", left(engine), list[int]()
    done = user.harness(
        "predict", "ours", data / "Tuning/images", masks, "--runner", "docker", "--relax",
        "root,write", cwd=place, memory=memory,
    )  # fmt: skip
    assert_nothing_stays(user, engine, done, masks, before, memory)
    assert len(list(masks.glob("*.tiff"))) == 2, done.stderr
    assert user.run("rm", "-r", masks).returncode == 0
