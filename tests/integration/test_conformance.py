"""The conformance kit on a control and a submission in containers, and on a model that learns."""

import json
from pathlib import Path
from typing import Any

from tests.integration.test_foreign import SUBMISSION, build
from tests.programs import run


def test_a_control_is_sound_in_its_container(tmp_path: Path, engine: Any) -> None:
    done = run("harness", "check", "otsu", "--quick", "--runner", "docker", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert findings(tmp_path / "checks/otsu")["isolation.confined"] == "pass"


def test_a_submission_that_a_bad_file_ends_is_told_so(tmp_path: Path, engine: Any) -> None:
    assert run("harness", "build", "otsu").returncode == 0
    tag = "cellbench-test/checked:1"
    build(engine, tmp_path / "image", SUBMISSION, tag)
    done = run("harness", "check", tag, "--contract", "neurips22", "--quick", "--runner", "docker",
               "--out", "card", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    found = findings(tmp_path / "card")
    assert found["pictures.cell_1"] == "pass"
    assert found["pictures.survives"] == "fault"
    assert found["describe.card"] == found["calls.no_images"] == "not applicable"


def test_a_model_that_learns_is_sound(tmp_path: Path) -> None:
    done = run("harness", "check", "unet", "--quick", "--runner", "local",
               "--set", "steps=20", "--set", "max_seconds=null", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def findings(folder: Path) -> dict[str, str]:
    card = json.loads((folder / "card.json").read_text())
    return {finding["check"]: finding["outcome"] for finding in card["findings"]}
