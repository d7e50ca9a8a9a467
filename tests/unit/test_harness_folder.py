"""Which weights a prediction takes."""

from pathlib import Path

import pytest

from contract import CallError
from evaluator.runs.folder import RunFolder
from harness.models.registry import choose_models
from harness.work.predict_folder import find_weights
from harness.work.steps import Step

UNET, OTSU = choose_models(["unet", "otsu"])


def trained(root: Path, *, finished: bool) -> Path:
    """A run with one training of the U-Net."""
    step = Step(folder=RunFolder(root).step("unet", 0, "train"), inputs={})
    weights = step.begin() / "weights"
    weights.mkdir()
    (weights / "model.safetensors").touch()
    step.finish(finished=finished)
    return root


def test_a_finished_training_gives_its_weights(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", finished=True)
    found = find_weights(UNET, run, None, 0)
    assert found == run / "models/unet/seed0/train/weights"
    assert find_weights(UNET, None, found, 0) == found
    assert find_weights(OTSU, run, None, 0) is None


def test_weights_of_a_failed_training_are_not_taken(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", finished=False)
    with pytest.raises(CallError, match="No weights in") as caught:
        find_weights(UNET, run, None, 0)
    assert "failed" in caught.value.why


def test_weights_come_from_one_place(tmp_path: Path) -> None:
    run = trained(tmp_path / "run", finished=True)
    with pytest.raises(CallError, match="from one place"):
        find_weights(UNET, run, tmp_path, 0)
    assert find_weights(UNET, None, None, 0) == UNET.folder / "weights"
    for missing in ((run, 1), (tmp_path / "nowhere", 0)):
        with pytest.raises(CallError, match="No weights in"):
            find_weights(UNET, missing[0], None, missing[1])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CallError, match="missing or empty"):
        find_weights(UNET, None, tmp_path / "empty", 0)
