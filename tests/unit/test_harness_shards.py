"""A prediction in shards leaves what one in one piece leaves, and loses nothing when it stops."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from contract import CellbenchError, write_text
from evaluator.runs.folder import PREDICTIONS_JSONL, RunFolder
from evaluator.runs.read import (
    read_overlap_index,
    read_predictions,
    read_step,
    read_usage,
)
from harness.runners.choose import Chosen
from harness.runners.job import Ended, EventHandler, Job
from harness.runners.local import LocalRunner
from harness.work import shards
from harness.work.claim import claim
from harness.work.crew import Beside
from harness.work.items import Context
from harness.work.run_all import Result, run_all
from harness.work.scoring import ScoreItem
from harness.work.shards import BeginItem, ShardItem, shard_folder
from tests.datasets import make_dataset
from tests.unit.harness_items import LIMITS, Heard, context, request

NAMES = tuple(f"cell_{letter}.png" for letter in "edcba")


class Watched(LocalRunner):
    """A runner that keeps which images it was handed, and stumbles at those of a name."""

    def __init__(self, stumble: str = "") -> None:
        self.stumble = stumble
        self.handed: list[list[str]] = []

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        images = sorted(path.name for path in job.input.iterdir())
        self.handed.append(images)
        if self.stumble in images:
            raise CellbenchError("It stumbled.")
        return super().run(job, on_event)


@pytest.fixture
def of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_IMAGES", 2)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A run in which five images were one item."""
    return go(tmp_path_factory.mktemp("whole"), LocalRunner()).run


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are tested elsewhere, and take most of the time of such a run."""
    monkeypatch.setattr("harness.work.run_all._report", lambda run: None)


def go(folder: Path, runner: LocalRunner, workers: int = 1) -> Result:
    if not (folder / "data").exists():
        make_dataset(folder / "data", test=NAMES)
    heard = Heard()
    crew = Beside(workers, LIMITS, heard) if workers > 1 else None
    return run_all(request(folder, ["oracle"]), Chosen(runner, "for a test"), heard, crew)


def test_parts_are_nearly_equal_and_cover_all() -> None:
    for images, sizes in ((0, [0]), (250, [250]), (251, [125, 126]), (10_000, [250] * 40)):
        parts = shards.shards(images)
        assert [part.stop - part.start for part in parts] == sizes
        assert [one for part in parts for one in range(images)[part]] == list(range(images))


@pytest.mark.parametrize("workers", [1, 2])
def test_shards_leave_what_one_item_leaves(
    tmp_path: Path, whole: RunFolder, of_two: None, workers: int
) -> None:
    runner = Watched()
    run = go(tmp_path, runner, workers).run
    assert run.scores_csv.read_bytes() == whole.scores_csv.read_bytes()
    here, there = (one.step("oracle", 0, "predict") for one in (run, whole))
    assert sorted(path.name for path in here.iterdir()) == sorted(
        path.name for path in there.iterdir()
    )
    for mask in there.glob("*_label.tiff"):
        assert (here / mask.name).read_bytes() == mask.read_bytes()
    assert [line.image for line in read_predictions(here).records] == sorted(NAMES)
    usage, record = read_usage(here), read_step(here)
    assert usage is not None
    assert record is not None
    assert (usage.outcome, usage.attempts, record.finished) == ("done", 3, True)
    assert read_overlap_index(run.overlaps("oracle", 0)) == read_overlap_index(
        whole.overlaps("oracle", 0)
    )
    if workers == 1:
        assert [len(images) for images in runner.handed] == [1, 2, 2]
        again = Watched()
        go(tmp_path, again)
        assert again.handed == []


def test_a_shard_that_fails_costs_its_images_alone(
    tmp_path: Path, whole: RunFolder, of_two: None
) -> None:
    result = go(tmp_path, Watched(stumble="cell_b.png"))
    found = {(row.model, row.image): row.outcome for row in result.rows}
    assert {name for (_, name), outcome in found.items() if outcome == "crashed"} == {
        "cell_b.png", "cell_c.png"
    }  # fmt: skip
    (line, _) = (
        one
        for one in read_predictions(result.run.step("oracle", 0, "predict")).records
        if one.outcome == "crashed"
    )
    assert line.message == "It stumbled."
    runner = Watched()
    again = go(tmp_path, runner)
    assert runner.handed == [["cell_b.png", "cell_c.png"]]
    assert again.exit_code == 0
    assert again.run.scores_csv.read_bytes() == whole.scores_csv.read_bytes()


def test_gathering_that_was_killed_loses_no_mask(
    tmp_path: Path, whole: RunFolder, of_two: None
) -> None:
    make_dataset(tmp_path / "data", test=NAMES)
    shared = context(tmp_path, ["oracle"], LocalRunner())
    model = request(tmp_path, ["oracle"]).models[0]
    parts = shards.shards(len(NAMES))
    claim(shared.run.root)
    begin = BeginItem(context=shared, model=model, seed=0, parts=parts)
    assert begin.do(begin.decide(), Heard()).shards == (0, 1, 2)
    for number in (0, 1):
        item = ShardItem(context=shared.narrowed(parts[number]), model=model, seed=0, shard=number)
        item.do(item.decide(), Heard())
    assert begin.do(begin.decide(), Heard()).shards == (2,)

    part = shared.run.step("oracle", 0, "predict").with_name("predict.part")
    folder = shard_folder(part, 1)
    lines = (folder / PREDICTIONS_JSONL).read_text()
    write_text(part / PREDICTIONS_JSONL, lines)
    moved = read_predictions(folder).records[0].mask
    assert moved is not None
    (folder / moved).replace(part / moved)

    runner = Watched()
    result = go(tmp_path, runner)
    assert runner.handed[0] == ["cell_d.png", "cell_e.png"], "the shard that was not begun"
    assert result.run.scores_csv.read_bytes() == whole.scores_csv.read_bytes()


def test_scoring_that_fails_costs_its_shard_alone(
    tmp_path: Path, of_two: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    do = ScoreItem.do

    def stumble(item: ScoreItem, *given: object) -> object:
        if item.shard == 1 and item.failed is None:
            raise CellbenchError("It stumbled.")
        return do(item, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(ScoreItem, "do", stumble)
    result = go(tmp_path, LocalRunner())
    outcomes: Mapping[str, str] = {row.image: row.outcome for row in result.rows}
    assert [outcomes[name] for name in sorted(NAMES)] == [
        "scored", "crashed", "crashed", "scored", "scored"
    ]  # fmt: skip


def test_a_shard_of_a_step_that_was_not_begun_is_refused(tmp_path: Path) -> None:
    make_dataset(tmp_path / "data", test=NAMES)
    shared: Context = context(tmp_path, ["oracle"], LocalRunner())
    model = request(tmp_path, ["oracle"]).models[0]
    item = ShardItem(context=shared, model=model, seed=0, shard=0)
    with pytest.raises(CellbenchError, match="was not begun"):
        item.do(item.decide(), Heard())
