"""compose.yaml: a service for every model, isolated, and masks that belong to the caller."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import read_mask
from harness.models.registry import all_models
from tests.conftest import need
from tests.datasets import make_dataset
from tests.programs import ROOT, finish, run

OWNER = 1234


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_every_model_has_an_isolated_service(services: dict[str, Any]) -> None:
    models = {model.name for model in all_models().values()}
    assert models == set(services) - {"base"}
    for name in models:
        service = services[name]
        assert service["image"] == f"cellbench/{name}"
        assert (ROOT / service["build"]["context"] / "Dockerfile").exists()
        assert service["network_mode"] == "none"
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["volumes"][0].endswith("/in:ro")


def test_the_gpu_file_adds_to_services_that_exist(services: dict[str, Any]) -> None:
    gpu = yaml.safe_load((ROOT / "compose.gpu.yaml").read_text())["services"]
    assert set(gpu) <= set(services)
    assert all("reservations" in service["deploy"]["resources"] for service in gpu.values())


def test_compose_1_runs_a_model(tmp_path: Path, engine: Any) -> None:
    need(shutil.which("docker-compose"), "needs Debian's docker-compose 1.29")
    built = run("harness", "build", "otsu", cwd=ROOT)
    assert built.returncode == 0, built.stderr
    data = make_dataset(tmp_path / "data")
    shutil.copytree(data / "Tuning" / "images", tmp_path / "images")
    (tmp_path / "masks").mkdir()
    owner = os.getuid()
    if owner == 0:
        owner = OWNER
        os.chown(tmp_path / "masks", owner, owner)
    shutil.copy(ROOT / "compose.yaml", tmp_path)
    (tmp_path / "containers").symlink_to(ROOT / "containers")
    compose = ["docker-compose", "run", "--rm", "otsu", "predict", "/in", "/out"]
    done = finish(compose, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    masks = sorted((tmp_path / "masks").glob("*.tiff"))
    assert [read_mask(mask).shape for mask in masks] == [(48, 48), (48, 48)]
    assert {mask.stat().st_uid for mask in masks} == {owner}
