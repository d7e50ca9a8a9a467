"""What becomes of every image when containers die, lie or are interrupted."""

import json
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from contract import ModelCard, label_name
from contract.diameters import Diameters
from evaluator.runs.read import read_usage
from evaluator.runs.records import PredictionRecord, Usage
from evaluator.runs.words import StepOutcome
from harness.models.registry import Model
from harness.runners.job import Ended, EventHandler, Job, Limits, Runner
from harness.work.attempts import Predicting

MODEL = Model(
    card=ModelCard(name="m", title="M", kind="segmenter", verbs=("predict",)), folder=None
)
Attempt = Callable[[Job], StepOutcome]


class Script:
    """A runner whose containers do what a list of functions says, one an attempt."""

    def __init__(self, attempts: Sequence[Attempt]) -> None:
        self.attempts = list(attempts)
        self.given: list[list[str]] = []

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        self.given.append(sorted(path.name for path in job.input.iterdir()))
        self.told = Diameters(job.input, None)
        outcome = self.attempts.pop(0)(job)
        usage = Usage(runner="local", outcome=outcome, exit_code=0, seconds=10)
        return Ended(outcome=outcome, exit_code=0, usage=usage, message="as it happens")


def predict(
    folder: Path, *attempts: Attempt, images: str = "a.png b.png"
) -> Mapping[str, PredictionRecord]:
    """Lines by image of one call; the folder is kept between calls."""
    source = folder / "images"
    source.mkdir(parents=True, exist_ok=True)
    for name in images.split():
        (source / name).touch()
    (folder / "step").mkdir(exist_ok=True)
    lines = Predicting(
        runner=cast(Runner, Script(attempts)),
        model=MODEL,
        images=[source / name for name in images.split()],
        folder=folder / "step",
        limits=Limits(memory=1, timeout=1, cores=1),
        labels={},
    ).run(lambda _: None)
    return {line.image: line for line in lines}


def writes(*masks: str, lines: Sequence[object] = (), outcome: StepOutcome = "done") -> Attempt:
    """An attempt that leaves masks and lines, and ends so."""

    def attempt(job: Job) -> StepOutcome:
        for name in masks:
            (job.output / name).write_text("mask")
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        (job.output / "predictions.jsonl").write_text(text)
        return outcome

    return attempt


def line(image: str, outcome: str = "predicted", **more: object) -> dict[str, Any]:
    return {"image": image, "outcome": outcome, **more}


@pytest.mark.parametrize(
    "nonsense",
    [[1], "text", None, {}, {"image": ["a.png"], "outcome": "predicted"},
     line("a.png", "splendid"), line("other.png"), line("a.png", outcome=3)],
)  # fmt: skip
def test_lines_that_are_none_are_passed_over(tmp_path: Path, nonsense: object) -> None:
    found = predict(tmp_path, writes("a_label.tiff", lines=[nonsense]))
    assert found["a.png"].outcome == "predicted"
    assert found["b.png"].outcome == "missing"


def test_odd_values_in_a_line_do_no_harm(tmp_path: Path) -> None:
    odd = line("a.png", mask="../../truth.tiff", seconds=float("nan"), cells="many", message=None)
    found = predict(tmp_path, writes("a_label.tiff", "b_label.tiff", lines=[odd, line("b.png")]))
    assert found["a.png"] == PredictionRecord(
        image="a.png", mask="a_label.tiff", outcome="predicted"
    )


def test_a_link_is_no_mask(tmp_path: Path) -> None:
    truth = tmp_path / "truth.tiff"
    truth.write_text("the truth")

    def cheat(job: Job) -> StepOutcome:
        (job.output / "a_label.tiff").symlink_to(truth)
        return "done"

    found = predict(tmp_path, cheat)
    assert found["a.png"].outcome == "missing"
    assert not (tmp_path / "step" / "a_label.tiff").exists()
    assert truth.exists()


def test_the_rest_goes_once_to_a_fresh_container(tmp_path: Path) -> None:
    found = predict(
        tmp_path,
        writes("a_label.tiff", lines=[line("a.png")], outcome="timeout"),
        writes(outcome="crashed"),
        images="a.png b.png c.png d.png",
    )
    outcomes = [found[name].outcome for name in ("a.png", "b.png", "c.png", "d.png")]
    assert outcomes == ["predicted", "timeout", "crashed", "crashed"]


def test_an_interruption_keeps_what_is_finished(tmp_path: Path) -> None:
    def interrupted(job: Job) -> StepOutcome:
        writes("a_label.tiff", lines=[line("a.png")])(job)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        predict(tmp_path, interrupted)
    assert (tmp_path / "step" / "a_label.tiff").read_text() == "mask"

    def the_rest(job: Job) -> StepOutcome:
        assert [path.name for path in job.input.iterdir()] == ["b.png"]
        return writes("b_label.tiff", lines=[line("b.png")])(job)

    assert set(predict(tmp_path, the_rest)) == {"a.png", "b.png"}


def test_usage_covers_the_calls_whose_masks_stand(tmp_path: Path) -> None:
    first = writes("a_label.tiff", lines=[line("a.png")], outcome="timeout")
    predict(tmp_path, first)
    predict(tmp_path, writes("b_label.tiff", lines=[line("b.png")]))
    usage = read_usage(tmp_path / "step")
    assert usage is not None
    assert (usage.seconds, usage.attempts, usage.outcome) == (20, 2, "done")


def test_a_killed_calls_stage_is_removed(tmp_path: Path) -> None:
    (tmp_path / "step" / "stage").mkdir(parents=True)
    out = tmp_path / "step" / "out"
    out.mkdir()
    for name in "ab":
        (out / f"{name}_label.tiff").write_text("mask")
    found = predict(tmp_path)
    assert {each.outcome for each in found.values()} == {"predicted"}
    assert sorted(path.name for path in (tmp_path / "step").iterdir()) == [
        "a_label.tiff", "b_label.tiff", "predictions.jsonl"
    ]  # fmt: skip


def test_a_line_without_its_mask_is_missing(tmp_path: Path) -> None:
    found = predict(tmp_path, writes("a_label.tiff", lines=[line("a.png"), line("b.png")]))
    assert (found["a.png"].outcome, found["a.png"].mask) == ("predicted", "a_label.tiff")
    assert (found["b.png"].outcome, found["b.png"].mask) == ("missing", None)
    assert "there is no mask" in found["b.png"].message


def test_a_container_may_name_images_in_the_other_form(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "größe.png") for form in ("NFC", "NFD"))
    mask = unicodedata.normalize("NFC", label_name(composed))
    found = predict(tmp_path, writes(mask, lines=[line(composed, cells=3)]), images=decomposed)
    assert (found[decomposed].outcome, found[decomposed].cells) == ("predicted", 3)
    assert found[decomposed].mask == label_name(decomposed)
    assert (tmp_path / "step" / label_name(decomposed)).read_text() == "mask"


@pytest.mark.parametrize("contract", ["cellbench-1", "neurips22"])
def test_widths_of_cells_go_to_those_who_know_what_they_are(tmp_path: Path, contract: str) -> None:
    script = Script([writes("a_label.tiff", lines=[line("a.png")])])
    (tmp_path / "step").mkdir()
    (tmp_path / "a.png").touch()
    Predicting(
        runner=cast(Runner, script),
        model=replace(MODEL, card=MODEL.card.model_copy(update={"contract": contract})),
        images=[tmp_path / "a.png"],
        folder=tmp_path / "step",
        limits=Limits(memory=1, timeout=1, cores=1),
        labels={},
        cell_diameters={"a.png": 9.5, "b.png": 3.0},
    ).run(lambda _: None)
    told = contract == "cellbench-1"
    assert script.given == [["a.png", "cell_diameter.csv"] if told else ["a.png"]]
    assert script.told.of("a.png") == (9.5 if told else None)


def test_images_that_cannot_be_handed_over_get_their_line(tmp_path: Path) -> None:
    long = "n" * 245 + ".png"
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "gone.png").symlink_to(tmp_path / "unplugged")
    script = Script([writes("a_label.tiff", lines=[line("a.png")])])
    for name in ("a.png", long):
        (tmp_path / "images" / name).touch()
    (tmp_path / "step").mkdir()
    lines = Predicting(
        runner=cast(Runner, script),
        model=MODEL,
        images=[tmp_path / "images" / name for name in ("a.png", "gone.png", long)],
        folder=tmp_path / "step",
        limits=Limits(memory=1, timeout=1, cores=1),
        labels={},
    ).run(lambda _: None)
    assert script.given == [["a.png"]]
    assert [one.outcome for one in lines] == ["predicted", "unreadable", "unreadable"]
    assert "a link to a file that is not there" in lines[1].message
    assert "the name is too long" in lines[2].message
