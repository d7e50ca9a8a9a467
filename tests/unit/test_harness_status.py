"""What `harness status` tells of runs that go on, have ended, or were killed."""

from pathlib import Path

import pytest

from contract import CallError
from evaluator.scores.sources import open_source
from harness.models.registry import choose_models
from harness.runners.choose import Chosen
from harness.runners.local import LocalRunner
from harness.work.claim import claim
from harness.work.lock import locked
from harness.work.predicting import PredictItem
from harness.work.record import write_run
from harness.work.run_all import run_all
from harness.work.status import GOING_ON, RunStatus, run_status
from tests.unit.harness_items import Heard, context, request


def states(status: RunStatus) -> dict[tuple[str, str], str]:
    return {(step.model, step.step): step.state for step in status.steps}


def test_a_run_that_has_ended_goes_on_and_is_killed(tmp_path: Path) -> None:
    """A generator that was trained in the run plays no part: it has nothing to be scored."""
    shared = context(tmp_path, ["copypaste"], LocalRunner())
    assert shared.record.models["copypaste"].kind == "generator"
    claim(shared.run.root)
    write_run(shared.run, shared.record)
    asked = request(tmp_path, ["otsu", "empty"])
    result = run_all(asked, Chosen(LocalRunner(), "for a test"), Heard())
    assert result.complete
    assert set(result.record.models) == {"otsu", "empty", "copypaste"}
    assert {row[0] for row in open_source(asked.folder).rows} == {"otsu", "empty"}
    assert "scored so far" not in (asked.folder / "report/report.md").read_text()
    ended = run_status(asked.folder)
    assert states(ended) == {("otsu", "predict"): "done", ("empty", "predict"): "done"}
    assert (ended.exit_code, ended.seconds_left, ended.owner) == (0, 0, None)

    shared = context(tmp_path, ["otsu", "empty"], LocalRunner())
    otsu = PredictItem(context=shared, model=choose_models(["otsu"])[0], seed=0)
    otsu.step.folder.rename(otsu.step.folder.with_name("away"))
    part = otsu.step.begin()
    (part / "out").mkdir()
    (part / "out" / "cell_1_label.tiff").touch()
    with locked(asked.folder):
        going = run_status(asked.folder)
        assert states(going)["otsu", "predict"] == "running"
        (running,) = [step for step in going.steps if step.state == "running"]
        assert (running.share, running.note) == (0.5, "1/2 images")
        assert going.exit_code == GOING_ON
        assert going.owner is not None
        assert going.owner.startswith("process ")
        assert going.seconds_left is not None
    killed = run_status(asked.folder)
    assert states(killed)["otsu", "predict"] == "interrupted"

    otsu.give_up("its process was killed")
    failed = run_status(asked.folder)
    assert states(failed)["otsu", "predict"] == "failed"
    assert failed.exit_code == 3


def test_a_folder_without_a_run_is_a_wrong_call(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="No run in"):
        run_status(tmp_path)
