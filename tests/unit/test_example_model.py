"""The model of docs/adding-a-model.md, both stages of it, becomes a column of a report."""

import re
from pathlib import Path

import pytest

from evaluator import read_scores
from harness.datasets.simulated.dataset import simulate_dataset
from tests.programs import run

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/adding-a-model.md"


def _first_stage(folder: Path) -> None:
    """Writes model.yaml and segmenter.py as the page shows them."""
    text = PAGE.read_text(encoding="utf-8")
    for language, name in (("yaml", "model.yaml"), ("python", "segmenter.py")):
        block = re.search(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert block is not None
        (folder / name).write_text(block[1], encoding="utf-8")


@pytest.mark.parametrize("stage", ["first", "finished"])
def test_the_model_is_trained_and_scored(stage: str, tmp_path: Path) -> None:
    folder = tmp_path / "containers/blobs"
    if stage == "first":
        folder.mkdir(parents=True)
        _first_stage(folder)
    else:
        done = run("harness", "new-model", "blobs", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    simulate_dataset(tmp_path / "cells", images=24, size=128)

    done = run(
        "harness",
        *["run-all", "--data", "cells", "--out", "run", "--models", "blobs"],
        *["--profile", "tiny", "--runner", "local"],
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    rows = read_scores(tmp_path / "run/scores.csv")
    assert {row.model for row in rows} == {"blobs"}
    assert max(row.f1 for row in rows) > 0
    assert (tmp_path / "run/models/blobs/seed0/train/training.json").exists() is (
        stage == "finished"
    )
