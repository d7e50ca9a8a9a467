"""A trial from its plan to its report: shares, arms of equal length, what is kept and refused."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from contract import CallError, read_generated, stem
from contract.schema import Subset
from evaluator.runs.folder import RunFolder
from evaluator.runs.read import read_training
from evaluator.runs.words import GROUP
from harness.datasets.folder import Pair, load_dataset, split_training
from harness.work.record import joined
from harness.work.status import run_status
from harness.work.trial.plan import planned, training_set
from harness.work.trial.run import UnequalArms
from harness.work.trial.shares import share_of
from harness.work.why import explain_step
from tests.datasets import make_dataset
from tests.unit.harness_items import Heard
from tests.unit.trial_fixtures import (
    carry_out,
    trial_record,
    trial_request,
    write_copier,
    write_pupil,
)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the pupil and a dataset: 10 training and 6 test images."""
    monkeypatch.chdir(tmp_path)
    write_pupil(tmp_path)
    make_dataset(tmp_path / "data", train=10, test=[f"t_{number}.png" for number in range(6)])
    return tmp_path


def pairs(sources: dict[str, int], groups: int = 0) -> tuple[list[Pair], dict[str, Subset]]:
    found = [
        Pair(
            image=Path(f"{source}{number}.png"),
            label=Path(f"{source}{number}.tiff"),
            image_sha256="",
            label_sha256="",
            strata={"source": source, **({GROUP: f"{number % groups}"} if groups else {})},
        )
        for source, count in sources.items()
        for number in range(count)
    ]
    return found, split_training(found)


def test_shares_are_nested_and_keep_the_proportions() -> None:
    every, split = pairs({"a": 40, "b": 20})
    shares = [{pair.name for pair in share_of(every, split, part)} for part in (0.1, 0.25, 0.5, 1)]
    for smaller, larger in pairwise(shares):
        assert smaller < larger
    train = {name for name, subset in split.items() if subset == "train"}
    assert shares[-1] == train
    assert [len(share) for share in shares] == [5, 14, 27, 54]
    for share in shares:
        assert sum(name.startswith("a") for name in share) == pytest.approx(
            len(share) * 2 / 3, abs=1
        )


def test_a_share_has_no_validation_image_and_at_least_one() -> None:
    every, split = pairs({"a": 10})
    (only,) = share_of(every, split, 0.001)
    assert split[only.name] == "train"


def test_groups_stay_whole() -> None:
    every, split = pairs({"a": 40}, groups=8)
    chosen = {pair.strata[GROUP] for pair in share_of(every, split, 0.5)}
    left = {
        pair.strata[GROUP]
        for pair in every
        if split[pair.name] == "train" and pair not in share_of(every, split, 0.5)
    }
    assert chosen
    assert left
    assert not chosen & left


def test_arms_have_the_same_validation_and_the_same_length(place: Path) -> None:
    asked = trial_request(place / "data", place / "run")
    dataset = load_dataset(place / "data")
    split = split_training(dataset.train)
    trial = planned(asked, dataset, split)
    assert list(trial.arms) == ["pupil@25%", "pupil@100%"]
    assert trial.asked == {"steps": "6", "patience": "null"}
    validated = []
    for arm in trial.arms.values():
        own, subsets = training_set(dataset, split, arm, ())
        assert sum(subset == "train" for subset in subsets.values()) == arm.real
        validated.append({name for name, subset in subsets.items() if subset == "val"})
        assert own.test == dataset.test
    assert validated[0] == validated[1] == {n for n, subset in split.items() if subset == "val"}


def test_a_label_budget_study_ends_with_a_report_and_is_reused(place: Path) -> None:
    asked = trial_request(place / "data", place / "run")
    result = carry_out(asked)
    assert result.complete
    assert {(row.model, row.seed) for row in result.rows} == {
        (name, seed) for name in ("pupil@25%", "pupil@100%") for seed in (0, 1)
    }
    run = result.run
    for name in ("pupil@25%", "pupil@100%"):
        facts = read_training(run.step(name, 1, "train")).fields
        assert (facts["steps"], facts["overrides"]) == (6, "steps=6, patience=null")
        assert result.record.trial is not None
        assert facts["train_images"] == result.record.trial.arms[name].real
    page = (run.report / "report.md").read_text()
    assert "## Mean F1 " in page
    assert "Label budget" in page
    assert "pupil@25%" in page
    assert run_status(run.root).exit_code == 0
    heard = Heard()
    again = carry_out(asked, heard)
    assert again.rows == result.rows
    steps = [line for line in heard.lines if ": train" in line or ": predict" in line]
    assert len(steps) == 8
    assert all(line.endswith("reused") for line in steps)
    assert explain_step(run.root, "pupil@25%", "train", 1)[0].endswith("reuses it")


def test_a_generator_is_tried_alone_and_beside_real_images(place: Path) -> None:
    write_copier(place)
    asked = trial_request(
        *(place / "data", place / "run"),
        generators=("copier",), shares=(0.5,), primary_share=0.5, seeds=(1,),
    )  # fmt: skip
    result = carry_out(asked)
    run, trial = result.run, result.record.trial
    assert trial is not None
    assert list(trial.arms) == ["pupil@50%", "pupil@50%+copier", "pupil@only-copier-50%"]
    assert {row.model for row in result.rows} == set(trial.arms)
    split = split_training(load_dataset(place / "data").train)
    made = read_generated(run.step("copier@50%", 1, "generate"))
    assert len(made) == trial.arms["pupil@50%"].real
    sources = {name for line in made for name in line.sources}
    assert sources <= {stem(name) for name, subset in split.items() if subset == "train"}
    steps = {
        name: read_training(run.step(name, seed, "train")).fields
        for name in trial.arms
        for seed in (1,)
    }
    assert {facts["steps"] for facts in steps.values()} == {6}
    assert {facts["val_images"] for facts in steps.values()} == {1}
    assert [facts["train_images"] for facts in steps.values()] == [
        arm.train_images for arm in trial.arms.values()
    ]
    page = (run.report / "report.md").read_text()
    assert "Cost of generating" in page
    assert "pupil@only-copier-50%" in page
    steps_told = run_status(run.root).steps
    assert [one.step for one in steps_told if one.model == "copier@50%"] == ["train", "generate"]
    assert explain_step(run.root, "copier@50%", "generate", 1)[0].endswith("reuses it")
    assert explain_step(run.root, "pupil@only-copier-50%", "predict", 1)[0].endswith("reuses it")
    assert next((run.report / "tables").glob("making.csv")).is_file()


def test_a_generator_that_fails_is_no_harm(place: Path) -> None:
    write_copier(place)
    asked = trial_request(
        *(place / "data", place / "run"),
        generators=("copier",), shares=(0.5,), primary_share=0.5, seeds=(9,),
    )  # fmt: skip
    result = carry_out(asked)
    assert not result.complete
    outcomes = {(row.model, row.outcome) for row in result.rows}
    assert ("pupil@50%", "scored") in outcomes
    assert ("pupil@50%+copier", "crashed") in outcomes
    page = (result.run.report / "report.md").read_text()
    assert "Cannot tell: copier" in page
    assert "Harm" not in page


def test_unequal_arms_end_the_trial(place: Path) -> None:
    asked = trial_request(place / "data", place / "run", settings=("by_images=true",))
    with pytest.raises(UnequalArms, match=r"steps: 12 in pupil@25%"):
        carry_out(asked)
    assert not json.loads((place / "run" / "run.json").read_text())["finished"]


def test_what_was_declared_cannot_be_changed(tmp_path: Path) -> None:
    run, trial = RunFolder(tmp_path), trial_record("g")
    changes: tuple[dict[str, object], ...] = (
        {"margin": 0.3},
        {"primary_share": 1.0},
        {"asked": {"steps": "7"}},
    )
    for change in changes:
        with pytest.raises(CallError, match="holds a trial with"):
            joined(run, trial, trial.model_copy(update=change))
    with pytest.raises(CallError, match="holds a trial\\."):
        joined(run, trial, None)
    with pytest.raises(CallError, match="holds no trial\\."):
        joined(run, None, trial)


def test_a_second_call_adds_generators_and_seeds(tmp_path: Path) -> None:
    more = trial_record("h").model_copy(update={"seeds": (3,)})
    both = joined(RunFolder(tmp_path), trial_record("g"), more)
    assert both is not None
    assert list(both.arms) == ["net@25%", "net@100%", "net@25%+g", "net@25%+h"]
    assert both.seeds == (0, 1, 2, 3)
    assert set(both.generators) == {"g", "h"}
