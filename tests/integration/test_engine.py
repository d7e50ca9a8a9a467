"""What an engine may do to a run, and what a container may try."""

import csv
import signal
from pathlib import Path
from typing import Any

import pytest

from contract.written import RECORD
from tests.datasets import make_dataset
from tests.integration.harness_fixtures import containers, start_harness, wait_until
from tests.programs import run

EVIL = """
import os, sys
from pathlib import Path
import numpy as np, tifffile
out = Path(sys.argv[3])
tifffile.imwrite(out / "cell_1_label.tiff", np.ones((48, 48), np.uint8))
(out / "cell_2_label.tiff").symlink_to("../../../../../../data/Tuning/labels/cell_2_label.tiff")
(out / "loop").symlink_to("loop")
(out / "log.txt").symlink_to("/etc/passwd")
os.mkfifo(out / "predictions.jsonl")
"""


def add_model(place: Path, name: str, dockerfile: str, program: str = "") -> None:
    folder = place / "containers" / name
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(
        f"name: {name}\ntitle: T\nkind: segmenter\nverbs: [predict]\nshm: 64m\n"
    )
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "segmenter.py").write_text(program)


def outcomes(folder: Path) -> dict[tuple[str, str], str]:
    with (folder / "scores.csv").open(newline="") as stream:
        return {(row["model"], row["image"]): row["outcome"] for row in csv.DictReader(stream)}


def test_a_container_that_cannot_start_is_rows_and_the_others_go_on(
    tmp_path: Path, engine: Any
) -> None:
    assert run("harness", "build", "empty").returncode == 0
    add_model(tmp_path, "no-start", 'FROM cellbench/base\nENTRYPOINT ["/no/such/program"]\n')
    data, out = make_dataset(tmp_path / "data"), tmp_path / "run"
    done = run("harness", "run-all", "--data", data, "--out", out, "--models", "no-start,empty",
               "--runner", "docker", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 3, done.stderr
    found = outcomes(out)
    assert found["no-start", "cell_1.png"] == found["no-start", "cell_2.png"] == "crashed"
    assert found["empty", "cell_1.png"] == "scored"
    assert "/no/such/program" in done.stderr
    assert not containers(engine, out)


def test_what_a_container_leaves_cannot_lead_astray(tmp_path: Path, engine: Any) -> None:
    assert run("harness", "build", "empty").returncode == 0
    add_model(
        tmp_path, "evil",
        'FROM cellbench/base\nCOPY segmenter.py /opt/s.py\nENTRYPOINT ["python3", "/opt/s.py"]\n',
        EVIL,
    )  # fmt: skip
    data, out = make_dataset(tmp_path / "data"), tmp_path / "run"
    done = run("harness", "run-all", "--data", data, "--out", out, "--models", "evil",
               "--runner", "docker", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert outcomes(out) == {("evil", "cell_1.png"): "scored", ("evil", "cell_2.png"): "missing"}
    assert not [path for path in out.rglob("*") if path.is_symlink()]


def test_a_dockerfile_that_does_not_build_says_so(tmp_path: Path, engine: Any) -> None:
    add_model(tmp_path, "no-build", "FROM cellbench/base\nRUN echo 'the reason' && false\n")
    done = run("harness", "build", "no-build", cwd=tmp_path)
    assert done.returncode == 1
    assert "Building cellbench/no-build:plain failed" in done.stderr
    assert "the reason" in done.stderr
    assert f"-f {tmp_path}/containers/no-build/Dockerfile" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_tag_that_people_use_is_put_back(engine: Any) -> None:
    assert run("harness", "build", "naughty").returncode == 0
    engine.images.remove("cellbench/naughty:latest")
    assert "up to date" in run("harness", "build", "naughty").stdout
    latest = engine.images.get("cellbench/naughty:latest").id
    assert latest == engine.images.get("cellbench/naughty:plain").id


@pytest.mark.parametrize("folder", ["with space", "sé:lls,a=b", "q'u\"ote"])
def test_folders_may_be_called_anything(tmp_path: Path, engine: Any, folder: str) -> None:
    data = make_dataset(tmp_path / folder / "data", test=["good 1.png", "good_é:,2.png"])
    assert run("harness", "build", "empty").returncode == 0
    done = run("harness", "run-all", "--data", "data", "--out", "the run", "--models", "empty",
               "--runner", "docker", cwd=data.parent)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not containers(engine, data.parent / "the run")


def test_an_interrupted_predict_keeps_its_masks(tmp_path: Path, runner: str) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    masks = tmp_path / "masks"
    process = start_harness(
        "predict", "naughty", data / "Tuning" / "images", masks, "--runner", runner
    )
    wait_until(lambda: (masks / ".part/out/good_1_label.tiff").exists())
    process.send_signal(signal.SIGINT)
    _, words = process.communicate(timeout=60)
    assert process.returncode == 130, words
    left = sorted(path.name for path in masks.iterdir())
    assert left == [RECORD, "good_1_label.tiff", "log.txt", "predictions.jsonl"]
