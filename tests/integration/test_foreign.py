"""Images that were not made for cellbench run and are scored like the rest."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.models.registry import choose_models
from harness.runners.docker import DockerRunner
from tests.datasets import make_dataset
from tests.programs import run

SCRIPT = """
import sys
from pathlib import Path
import numpy as np, tifffile
from contract import list_images, label_name, read_image
source, out = map(Path, sys.argv[1:])
for image in list_images(source):
    bright = read_image(image)[..., 0] > 100
    tifffile.imwrite(out / label_name(image.name), bright.astype(np.uint16))
"""
SUBMISSION = """FROM cellbench/base
WORKDIR /workspace
COPY . /workspace
RUN echo 'python3 predict.py /workspace/inputs /workspace/outputs' > predict.sh
"""
GRAND_CHALLENGE = """FROM cellbench/base
COPY predict.py /opt/predict.py
ENTRYPOINT ["python3", "/opt/predict.py", "/input", "/output"]
"""
NAMED = """FROM cellbench/base
COPY predict.py /opt/predict.py
ENTRYPOINT ["/bin/sh", "-c", "test $0 = predict && python3 /opt/predict.py $1 $2"]
"""
HABITS = """FROM cellbench/base
WORKDIR /workspace
COPY . /workspace
RUN echo weights > /root/weights.txt && chmod 700 /root && printf '%s\\n' \\
    'mkdir -p temp' 'cp predict.py temp/' 'cat /root/weights.txt || exit 1' \\
    'python3 temp/predict.py /workspace/inputs /workspace/outputs' > predict.sh
"""
"""Writes into its own folder, and reads the home of the user it was made as."""


def build(engine: Any, folder: Path, dockerfile: str, tag: str) -> None:
    folder.mkdir()
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "predict.py").write_text(SCRIPT)
    engine.images.build(path=str(folder), tag=tag, rm=True)


@pytest.mark.parametrize(
    ("contract", "dockerfile"), [("neurips22", SUBMISSION), ("grand-challenge", GRAND_CHALLENGE)]
)
def test_a_declared_foreign_contract_needs_no_adapter(
    tmp_path: Path, engine: Any, contract: str, dockerfile: str
) -> None:
    assert run("harness", "build", "otsu").returncode == 0
    tag = f"cellbench-test/{contract}:latest"
    build(engine, tmp_path / "image", dockerfile, tag)
    declare(tmp_path, "ours", f"contract: {contract}\nimage: {tag}\n")
    check(tmp_path, "ours")


def test_any_image_that_speaks_the_contract_can_be_named(tmp_path: Path, engine: Any) -> None:
    assert run("harness", "build", "otsu").returncode == 0
    build(engine, tmp_path / "image", NAMED, "cellbench-test/named:1")
    check(tmp_path, "cellbench-test/named:1")


def check(place: Path, model: str) -> None:
    data = make_dataset(place / "data")
    done = run("harness", "run-all", "--data", data, "--out", place / "run", "--models", model,
               "--runner", "docker", cwd=place)  # fmt: skip
    assert done.returncode == 0, done.stderr
    with (place / "run" / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 6
    assert {row["outcome"] for row in rows} == {"scored"}
    assert all(float(row["dice"]) > 0.9 for row in rows)


def test_the_local_runner_says_that_it_cannot_run_an_image(tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data")
    done = run("harness", "run-all", "--data", data, "--out", tmp_path / "run", "--models",
               "some/image:1", "--runner", "local")  # fmt: skip
    assert done.returncode == 2
    assert "use --runner docker" in done.stderr


def test_habits_that_isolation_forbids_are_named_and_can_be_allowed(
    tmp_path: Path, engine: Any
) -> None:
    assert run("harness", "build", "otsu").returncode == 0
    tag = "cellbench-test/habits:latest"
    build(engine, tmp_path / "image", HABITS, tag)
    declare(tmp_path, "ours", f"contract: neurips22\nimage: {tag}\n")
    data, folder = make_dataset(tmp_path / "data"), tmp_path / "run"
    words = ("harness", "run-all", "--data", data, "--out", folder, "--models", "ours,otsu",
             "--runner", "docker")  # fmt: skip
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 3, done.stderr
    assert "forbidden: it wrote to its own files" in done.stderr
    assert "--relax root,write" in done.stderr

    done = run(*words, "--relax", "root,write,home", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "run.json").read_text())
    assert record["models"]["ours"]["relax"] == ["root", "write", "home"]
    assert record["models"]["ours"]["contract"] == "neurips22"
    assert record["models"]["otsu"]["relax"] == []
    report = (folder / "report/report.md").read_text()
    assert "relaxed for ours (ran as the image's own user, could write to its own files" in report
    owners = {path.stat().st_uid for path in (folder / "models/ours").rglob("*")}
    assert owners == {os.getuid()}


def test_an_image_keeps_its_freedoms_in_its_model_yaml(tmp_path: Path, engine: Any) -> None:
    assert run("harness", "build", "otsu").returncode == 0
    tag = "cellbench-test/habits:latest"
    build(engine, tmp_path / "image", HABITS, tag)
    relax = "relax: [root, write, home]"
    declare(tmp_path, "ours", f"contract: neurips22\nimage: {tag}\n{relax}\n")
    check(tmp_path, "ours")


def test_an_image_without_a_contract_is_named_so(tmp_path: Path, engine: Any) -> None:
    assert run("harness", "build", "otsu").returncode == 0
    tag = "cellbench-test/submission:latest"
    build(engine, tmp_path / "image", SUBMISSION, tag)
    data = make_dataset(tmp_path / "data")
    done = run("harness", "predict", tag, data / "Tuning/images", tmp_path / "masks",
               "--runner", "docker", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 3
    note, *outcomes = [line for line in done.stderr.splitlines() if "declares no contract" in line]
    assert note.startswith("note: ")
    assert "write a containers/NAME/model.yaml with `contract: neurips22`" in note
    assert all("crashed" in line for line in outcomes)
    assert len(outcomes) == 2


def test_a_tag_that_comes_to_mean_another_image_changes_no_run_under_way(
    tmp_path: Path, engine: Any
) -> None:
    """The image that was there at the beginning is the one that runs and that is recorded."""
    assert run("harness", "build", "otsu").returncode == 0
    tag = "cellbench-test/moving:latest"
    build(engine, tmp_path / "one", NAMED, tag)
    first = engine.images.get(tag).id
    (model,) = choose_models([tag])
    runner = DockerRunner(engine)
    runner.prepare(model, lambda _: None)
    build(engine, tmp_path / "two", f"{NAMED}LABEL another=1\n", tag)
    second = engine.images.get(tag).id
    assert (runner.digest(model), runner.identity(model)) == (first, first)
    assert DockerRunner(engine).digest(model) == second != first
    check(tmp_path, tag)
    record = json.loads((tmp_path / "run/run.json").read_text())
    (facts,) = record["models"].values()
    assert facts["image_digest"] == second
    assert facts["contract"] == "cellbench-1, not declared"
    (usage,) = (tmp_path / "run").glob("models/*/seed0/predict/usage.json")
    assert json.loads(usage.read_text())["image_digest"] == second


def test_an_image_that_was_not_built_here_keeps_its_name(tmp_path: Path, engine: Any) -> None:
    folder = tmp_path / "containers" / "taken"
    declare(tmp_path, "taken", "")
    (folder / "Dockerfile").write_text("FROM cellbench/base\n")
    assert run("harness", "build", "taken", cwd=tmp_path).returncode == 0
    build(engine, tmp_path / "image", NAMED, "cellbench/taken:latest")
    theirs = engine.images.get("cellbench/taken:latest").id
    (folder / "README.md").write_text("other sources")
    built = run("harness", "build", "taken", cwd=tmp_path)
    assert built.returncode == 0, built.stderr
    assert "not built here and keeps its name" in built.stdout
    assert engine.images.get("cellbench/taken:latest").id == theirs
    for name in ("latest", "plain"):
        engine.images.remove(f"cellbench/taken:{name}")


def declare(place: Path, name: str, lines: str) -> None:
    folder = place / "containers" / name
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(
        f"name: {name}\ntitle: T\nkind: segmenter\nverbs: [predict]\n{lines}"
    )
