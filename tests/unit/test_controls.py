"""The three models that need no training."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from containers.base.segmentation.match import f1_scores
from containers.controls.otsu.threshold import segment
from contract import read_mask, write_mask
from tests.unit.model_fixtures import run_model


def discs(value: int, background: int) -> tuple[np.ndarray, np.ndarray]:
    """Twelve discs, two of them touching: grey image and labels."""
    rows, columns = np.mgrid[:120, :160]
    labels = np.zeros((120, 160), np.int32)
    centres = [(20 + 38 * i, 22 + 38 * j) for i in range(3) for j in range(4)]
    centres[1] = (20, 22 + 21)
    for number, (row, column) in enumerate(centres, start=1):
        labels[((rows - row) ** 2 + (columns - column) ** 2 <= 121) & (labels == 0)] = number
    grey = np.where(labels > 0, value, background)
    noise = np.random.default_rng(0).normal(0, 4, labels.shape)
    return np.clip(grey + noise, 0, 255).astype(np.uint8), labels


@pytest.mark.parametrize(("value", "background"), [(200, 40), (40, 200)])
def test_otsu_finds_bright_and_dark_cells(value: int, background: int) -> None:
    grey, labels = discs(value, background)
    found = segment(np.repeat(grey[..., None], 3, axis=2))
    assert found.max() == 12
    assert f1_scores(labels, found, (0.7,)) == [1.0]


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 40, 3), (33, 2, 3)])
@pytest.mark.parametrize("value", [0, 3000])
def test_otsu_finds_nothing_where_there_is_nothing(shape: tuple[int, ...], value: int) -> None:
    found = segment(np.full(shape, value, np.uint16))
    assert found.shape == shape[:2]
    assert not found.any()


@pytest.mark.parametrize("control", ["oracle", "empty", "otsu"])
def test_controls_describe_themselves(control: str) -> None:
    card = json.loads(run_model(f"controls.{control}", "describe").stdout)
    assert card["name"] == control
    assert card["kind"] == "control"
    assert card["needs_truth"] == (control == "oracle")
    assert "train" not in card["verbs"]


@pytest.mark.parametrize("control", ["oracle", "empty", "otsu"])
def test_controls_write_a_mask_for_every_image(control: str, tmp_path: Path) -> None:
    grey, labels = discs(200, 40)
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    PillowImage.fromarray(grey).save(tmp_path / "images/a.png")
    write_mask(tmp_path / "labels/a_label.tiff", labels)
    truth = ["--truth", tmp_path / "labels"] if control == "oracle" else []
    done = run_model(
        f"controls.{control}", "predict", tmp_path / "images", tmp_path / "out", *truth
    )
    assert done.returncode == 0, done.stderr
    found = read_mask(tmp_path / "out/a_label.tiff")
    expected = {"oracle": 1.0, "empty": 0.0, "otsu": 1.0}[control]
    assert f1_scores(labels, found, (0.5,)) == [expected]


def test_the_oracle_refuses_to_guess(tmp_path: Path) -> None:
    PillowImage.new("L", (8, 8)).save(tmp_path / "a.png")
    done = run_model("controls.oracle", "predict", tmp_path, tmp_path / "out")
    assert done.returncode == 2
    assert "--truth" in done.stderr
