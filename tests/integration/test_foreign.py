"""Images that were not made for cellbench run and are scored like the rest."""

import csv
from pathlib import Path
from typing import Any

import pytest

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
    folder = tmp_path / "containers" / "ours"
    folder.mkdir(parents=True)
    (folder / "model.yaml").write_text(
        f"name: ours\ntitle: Ours\nkind: segmenter\ncontract: {contract}\n"
        f"verbs: [predict]\nimage: {tag}\n"
    )
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
