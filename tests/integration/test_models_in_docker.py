"""Each model that learns, in its own image: trained, baked, and predicting as it stands."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract import label_name, read_mask
from tests.programs import ROOT, docker, run

STEPS = {"maunet": 60, "lstmunet": 60, "nnunet": 60, "sac": 160}
"""Of each model, as many as it takes to find cells at all."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight simulated images, two of them to test."""
    folder = tmp_path_factory.mktemp("data") / "simulated"
    done = run("harness", "data", "simulate", folder, "--images", 8, "--size", 96)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def model(request: pytest.FixtureRequest, engine: Any) -> Iterator[str]:
    """A model's name; the weights that its image had before the test are there again after it."""
    name = str(request.param)
    before = engine.images.list(f"cellbench/{name}:latest")
    yield name
    keep = before[0] if before else engine.images.get(f"cellbench/{name}:plain")
    keep.tag(f"cellbench/{name}", "latest")


@pytest.mark.timeout(1200)  # the first call also builds the image
@pytest.mark.parametrize("model", STEPS, indirect=True)
def test_train_bake_and_predict(model: str, data: Path, tmp_path: Path) -> None:
    out, masks = tmp_path / "run", tmp_path / "masks"
    done = run(
        "harness", "run-all", "--data", data, "--out", out, "--models", model,
        "--profile", "tiny", "--runner", "docker", "--set", f"steps={STEPS[model]}",
        "--set", "max_seconds=null", cwd=ROOT, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads((out / "models" / model / "seed0/train/training.json").read_text())
    assert record["steps"] == STEPS[model]
    assert record["device"] == "cpu"
    baked = run("harness", "bake", model, "--run", out, cwd=ROOT)
    assert baked.returncode == 0, baked.stderr
    images = data / "Tuning" / "images"
    predict = (f"cellbench/{model}", "predict", "/in", "/out")
    plain = docker("-v", f"{images}:/in:ro", "-v", f"{masks}:/out", *predict)
    assert plain.returncode == 0, plain.stderr
    own = out / "models" / model / "seed0" / "predict"
    names = [label_name(path.name) for path in sorted(images.iterdir())]
    assert len(names) == 2
    for name in names:
        assert (masks / name).read_bytes() == (own / name).read_bytes()
    assert sum(int(read_mask(masks / name).max()) for name in names) > 0
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o777)
    closed = docker(
        "--network", "none", "--read-only", "--tmpfs", "/tmp", "--user", "1234:1234",
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--shm-size", "64m",
        "-v", f"{images}:/in:ro", "-v", f"{locked}:/out", *predict,
    )  # fmt: skip
    assert closed.returncode == 0, closed.stderr
    for name in names:
        assert (locked / name).read_bytes() == (own / name).read_bytes()
