"""Submissions as people made them, from a bare Debian, on real images: run, checked, relaxed."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import label_name
from evaluator import read_scores
from tests.integration.test_foreign import declare
from tests.programs import run

BASE = "cellbench-test/debian:1"
SYSTEM = """FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends python3-numpy python3-pil \\
    && rm -rf /var/lib/apt/lists/*
"""
PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from PIL import Image, ImageFilter
source, out, weights = map(Path, sys.argv[1:])
level = float(weights.read_text())
for path in sorted(path for path in source.rglob('*') if path.suffix in ('.png', '.bmp', '.tif')):
    grey = np.asarray(Image.open(path).convert('L').filter(ImageFilter.GaussianBlur(1)), float)
    bright = grey > grey.mean() + level * grey.std()
    labels, before = np.where(bright, np.arange(1, grey.size + 1).reshape(grey.shape), 0), None
    while before is None or (labels != before).any():
        before = labels
        for axis in (0, 1):
            for step in (-1, 1):
                labels = np.where(bright, np.maximum(labels, np.roll(labels, step, axis)), 0)
        for _ in range(4):
            labels = np.append(0, labels)[labels]
    labels = np.unique(labels, return_inverse=True)[1].reshape(grey.shape)
    Image.fromarray(labels.astype(np.uint16)).save(out / (path.name.split('.')[0] + '_label.tiff'))
"""
NEURIPS22 = f"""FROM {BASE}
WORKDIR /workspace
COPY program.py /workspace/
RUN mkdir -p /root/weights && echo 0.5 > /root/weights/best.txt && chmod 700 /root
RUN printf '%s\\n' \\
    'set -e' 'mkdir -p temp && cp program.py temp/' \\
    'python3 temp/program.py inputs outputs /root/weights/best.txt' > predict.sh
"""
"""Its weights lie in root's home, and it copies its program into its own folder."""
GRAND_CHALLENGE = f"""FROM {BASE}
COPY program.py /opt/algorithm/
RUN echo 0.5 > /opt/algorithm/best.txt && useradd --create-home user
USER user
WORKDIR /opt/algorithm
ENTRYPOINT ["python3", "program.py", "/input", "/output", "best.txt"]
"""
IMAGES = ("cell_00001.png", "cell_00011.png", "cell_00019.png")
"""Of the challenge's Tuning images, small ones with cells brighter than what is around them."""


@pytest.fixture(scope="module")
def data(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few real images with their labels."""
    folder = tmp_path_factory.mktemp("real")
    for part in ("Tuning/images", "Tuning/labels"):
        (folder / part).mkdir(parents=True)
    source = shared / "data/cells/Tuning"
    for name in IMAGES:
        shutil.copyfile(source / "images" / name, folder / "Tuning/images" / name)
        label = label_name(name)
        shutil.copyfile(source / "labels" / label, folder / "Tuning/labels" / label)
    return folder


@pytest.fixture(scope="module")
def submissions(engine: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The images, by contract."""
    tags = {}
    for tag, dockerfile in (
        (BASE, SYSTEM),
        ("cellbench-test/real-neurips22:1", NEURIPS22),
        ("cellbench-test/real-grand-challenge:1", GRAND_CHALLENGE),
    ):
        folder = tmp_path_factory.mktemp("image")
        (folder / "Dockerfile").write_text(dockerfile)
        (folder / "program.py").write_text(PROGRAM)
        engine.images.build(path=str(folder), tag=tag, rm=True, network_mode="host")
        tags[tag.removeprefix("cellbench-test/real-").removesuffix(":1")] = tag
    yield tags
    for tag in tags.values():
        if tag != BASE:  # which takes its time to make
            engine.images.remove(tag)


def test_a_submission_of_2022_needs_freedoms_and_is_scored_with_them(
    submissions: dict[str, str], data: Path, tmp_path: Path
) -> None:
    tag = submissions["neurips22"]
    declare(tmp_path, "theirs", f"contract: neurips22\nimage: {tag}\n")
    words = ("harness", "run-all", "--data", data, "--out", "run", "--models", "theirs",
             "--runner", "docker")  # fmt: skip
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "--relax" in done.stderr

    done = run(*words, "--relax", "root,write", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert_scored(tmp_path / "run", 3)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["models"]["theirs"]["relax"] == ["root", "write"]
    assert "relaxed for theirs" in (tmp_path / "run/report/report.md").read_text()


@pytest.mark.timeout(1200)
def test_a_grand_challenge_algorithm_is_scored_and_checked(
    submissions: dict[str, str], data: Path, tmp_path: Path
) -> None:
    tag = submissions["grand-challenge"]
    declare(tmp_path, "theirs", f"contract: grand-challenge\nimage: {tag}\n")
    done = run("harness", "run-all", "--data", data, "--out", "run", "--models", "theirs",
               "--runner", "docker", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert_scored(tmp_path / "run", 3)

    done = run(
        *("harness", "check", "theirs", "--quick", "--runner", "docker"), cwd=tmp_path, timeout=900
    )
    assert done.returncode == 1, done.stdout + done.stderr
    card = json.loads((tmp_path / "checks/theirs/card.json").read_text())
    found = {finding["check"]: finding["outcome"] for finding in card["findings"]}
    assert found["pictures.cell_1"] == "pass"
    assert found["pictures.survives"] == "fault", "one file that is no picture ends it"
    assert found["describe.card"] == "not applicable"


def assert_scored(folder: Path, images: int) -> None:
    """Every image has a score, and some cells were found."""
    rows = read_scores(folder / "scores.csv")
    assert len({row.image for row in rows}) == images
    assert {row.outcome for row in rows} == {"scored"}
    assert max(row.f1 for row in rows) > 0.3
