"""Items of a run: errors around one model are that model's, and items can be handed on."""

import errno
import os
import pickle
from collections import Counter
from pathlib import Path

import pytest

from contract import CallError, CellbenchError
from evaluator.runs.read import read_step, read_usage
from harness.models.registry import choose_models
from harness.runners.choose import Chosen
from harness.runners.job import Ended, EventHandler, Job, RunnerGone
from harness.runners.local import LocalRunner
from harness.work.items import Item
from harness.work.predicting import PredictItem
from harness.work.run_all import Result, run_all, train_only
from harness.work.scoring import ScoreItem
from harness.work.training import TrainItem
from tests.unit.harness_items import Heard, context, request


class Stumbling(LocalRunner):
    """A runner that meets an error of its own at one model."""

    def __init__(self, model: str, error: BaseException) -> None:
        self.model = model
        self.error = error

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        if job.model.name == self.model:
            raise self.error
        return super().run(job, on_event)


def go(folder: Path, models: str, runner: LocalRunner | None = None) -> tuple[Result, Heard]:
    heard = Heard()
    chosen = Chosen(runner or LocalRunner(), "for a test")
    return run_all(request(folder, models.split()), chosen, heard), heard


def outcomes(result: Result) -> Counter[tuple[str, str]]:
    return Counter((row.model, row.outcome) for row in result.rows if row.threshold == 0.5)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.EACCES, os.strerror(errno.EACCES), "/a"), "No permission for /a."),
        (CallError("There is no image."), "There is no image."),
        (RecursionError("too deep"), "RecursionError: too deep"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_around_one_prediction_is_that_model_s_outcome(
    tmp_path: Path, error: Exception, message: str
) -> None:
    result, heard = go(tmp_path, "otsu empty", Stumbling("otsu", error))
    assert outcomes(result) == {("otsu", "crashed"): 2, ("empty", "scored"): 2}
    assert result.exit_code == 3
    assert f"otsu seed 0: predict: {message}" in heard.lines
    assert any("Traceback" in line for line in heard.lines) == isinstance(error, RecursionError)
    step = tmp_path / "run/models/otsu/seed0/predict"
    usage, record = read_usage(step), read_step(step)
    assert usage is not None
    assert record is not None
    assert (usage.outcome, usage.message, record.finished) == ("crashed", message, False)

    added, _ = go(tmp_path, "oracle")
    assert outcomes(added)["otsu", "crashed"] == 2, "the folder tells of it"
    again, heard = go(tmp_path, "otsu empty")
    assert set(outcomes(again)) == {("otsu", "scored"), ("empty", "scored"), ("oracle", "scored")}
    assert again.exit_code == 0
    assert "otsu seed 0: predict (resume: it was not finished)" in heard.lines


def test_an_error_around_one_training_is_that_model_s_outcome(tmp_path: Path) -> None:
    result, heard = go(tmp_path, "unet empty", Stumbling("unet", ValueError("odd")))
    assert outcomes(result) == {("unet", "crashed"): 2, ("empty", "scored"): 2}
    assert "unet seed 0: train: ValueError: odd" in heard.lines
    assert not any(line.startswith("unet seed 0: predict") for line in heard.lines)


def test_what_lies_in_the_way_of_a_step_is_cleared_away(tmp_path: Path) -> None:
    blocked = tmp_path / "run/models/otsu/seed0"
    go(tmp_path, "empty")
    blocked.mkdir(parents=True)
    (blocked / "predict.part").touch()
    result, _ = go(tmp_path, "otsu empty")
    assert outcomes(result) == {("otsu", "scored"): 2, ("empty", "scored"): 2}


class Losing(LocalRunner):
    """A runner beside which somebody removes files of the dataset."""

    def __init__(self, *lost: Path) -> None:
        self.lost = lost

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        for path in self.lost:
            path.unlink(missing_ok=True)
        return super().run(job, on_event)


@pytest.mark.parametrize("lost", ["labels/cell_1_label.tiff", "images/cell_1.png"])
def test_a_file_that_vanishes_in_a_run_costs_its_own_image_alone(tmp_path: Path, lost: str) -> None:
    result, heard = go(tmp_path, "otsu empty", Losing(tmp_path / "data/Tuning" / lost))
    assert result.exit_code == 3
    found = {(row.model, row.image): row.outcome for row in result.rows}
    assert {found[model, "cell_2.png"] for model in ("otsu", "empty")} == {"scored"}
    if lost.startswith("labels"):
        assert {found[model, "cell_1.png"] for model in ("otsu", "empty")} == {"missing"}
        assert any("cell_1.png: missing: its truth cannot be read" in line for line in heard.lines)
    else:
        assert found["empty", "cell_1.png"] == "unreadable", "it was gone when its turn came"


def test_what_ends_every_model_ends_the_run(tmp_path: Path) -> None:
    for error in (RunnerGone("The engine has gone."), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            go(tmp_path, "otsu empty", Stumbling("otsu", error))
    assert not (tmp_path / "run/models/empty").exists()


def test_a_finished_part_survives_an_error(tmp_path: Path) -> None:
    """Such as one that came while it was moved into place."""
    shared = context(tmp_path, ["otsu"], LocalRunner())
    item = PredictItem(context=shared, model=choose_models(["otsu"])[0], seed=0)
    (item.step.begin() / "mask").touch()
    item.step.finish(finished=True)
    item.step.folder.rename(item.step.part)
    assert not item.give_up("no space")
    assert item.decide().action == "reuse"
    assert (item.step.part / "mask").exists()


def test_train_alone_says_what_failed(tmp_path: Path) -> None:
    chosen = Chosen(Stumbling("unet", CellbenchError("odd")), "for a test")
    with pytest.raises(CellbenchError, match="odd"):
        train_only(request(tmp_path, ["unet"]), chosen, Heard())


def items(folder: Path) -> list[Item]:
    shared = context(folder, ["unet", "otsu"], LocalRunner())
    unet, otsu = choose_models(["unet", "otsu"])
    return [
        TrainItem(context=shared, model=unet, seed=0),
        PredictItem(context=shared, model=otsu, seed=0),
        ScoreItem(context=shared, model="otsu", seed=0),
    ]


def test_items_survive_pickling(tmp_path: Path) -> None:
    for item in items(tmp_path):
        copy = pickle.loads(pickle.dumps(item))
        assert copy.name == item.name
        assert copy.decide() == item.decide()


def test_deciding_changes_nothing(tmp_path: Path) -> None:
    listed = items(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert [item.decide().action for item in listed] == ["redo"] * 3
    assert sorted(tmp_path.rglob("*")) == before
