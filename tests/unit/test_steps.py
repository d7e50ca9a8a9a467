"""What is reused, resumed and done again."""

from pathlib import Path

from evaluator.runs.read import read_step
from harness.work.steps import Step


def step(folder: Path, **inputs: str) -> Step:
    return Step(folder=folder / "train", inputs=inputs or {"seed": "0"})


def test_a_new_step_is_redone(tmp_path: Path) -> None:
    decision = step(tmp_path).decide()
    assert decision.action == "redo"
    assert decision.reasons == ("it was never finished",)


def test_a_finished_step_is_reused_until_an_input_changes(tmp_path: Path) -> None:
    one = step(tmp_path, seed="0", data="aaaa")
    (one.begin() / "result").write_text("1")
    one.finish(finished=True)
    assert one.decide().action == "reuse"
    assert (one.folder / "result").read_text() == "1"

    other = step(tmp_path, seed="0", data="bbbb")
    decision = other.decide()
    assert decision.action == "redo"
    assert decision.reasons == ("data changed from aaaa to bbbb",)


def test_an_interrupted_step_is_taken_up_with_what_it_holds(tmp_path: Path) -> None:
    one = step(tmp_path)
    (one.begin() / "checkpoint").write_text("half")
    assert one.decide().action == "resume"
    assert (one.begin() / "checkpoint").read_text() == "half"


def test_an_interrupted_step_with_other_inputs_is_not_taken_up(tmp_path: Path) -> None:
    (step(tmp_path, seed="0").begin() / "checkpoint").write_text("half")
    other = step(tmp_path, seed="1")
    assert other.decide().action == "redo"
    assert not (other.begin() / "checkpoint").exists()


def test_a_failed_step_is_tried_again_from_its_checkpoint(tmp_path: Path) -> None:
    one = step(tmp_path)
    (one.begin() / "checkpoint").write_text("half")
    one.finish(finished=False)
    assert one.decide().action == "resume"
    assert (one.begin() / "checkpoint").read_text() == "half"
    assert not one.folder.exists()


def test_a_kill_between_finishing_and_moving_loses_nothing(tmp_path: Path) -> None:
    one = step(tmp_path)
    (one.begin() / "result").write_text("whole")
    one._record(finished=True)
    assert one.decide().action == "reuse"
    one.put_in_place()
    assert (one.folder / "result").read_text() == "whole"
    assert not one.part.exists()


def test_the_old_result_stands_until_the_new_one_is_whole(tmp_path: Path) -> None:
    old = step(tmp_path, seed="0")
    (old.begin() / "result").write_text("old")
    old.finish(finished=True)
    new = step(tmp_path, seed="1")
    (new.begin() / "result").write_text("new")
    assert (old.folder / "result").read_text() == "old"
    new.finish(finished=True)
    assert (new.folder / "result").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]


def test_a_damaged_record_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "step.json").write_text('{"key": 1')
    assert read_step(tmp_path) is None


def test_a_finished_step_is_not_replaced_by_a_part_of_other_inputs(tmp_path: Path) -> None:
    """A change is begun, killed, and taken back: the first result is whole and stands."""
    one = step(tmp_path, seed="0")
    (one.begin() / "result").write_text("whole")
    one.finish(finished=True)
    (step(tmp_path, seed="1").begin() / "result").write_text("half")
    assert one.decide().action == "reuse"
    one.put_in_place()
    assert (one.folder / "result").read_text() == "whole"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]


def test_what_a_kill_left_of_an_old_result_is_removed(tmp_path: Path) -> None:
    one = step(tmp_path, seed="0")
    one.begin()
    one.finish(finished=True)
    (tmp_path / "train.old").mkdir()
    one.put_in_place()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train"]
