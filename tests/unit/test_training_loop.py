"""The training loop: what it learns, writes, survives and refuses."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from containers.base.segmentation import checkpoint, journal
from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.loop import SAVE_SECONDS
from containers.base.segmentation.match import f1_scores
from containers.base.segmentation.predict import Predictor
from containers.base.segmentation.schedule import (
    Budget,
    WindDown,
    affordable,
    learning_rate,
    must_wind_down,
)
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.step import Stepper
from containers.base.segmentation.three_class import ThreeClass
from containers.base.segmentation.weights import load_facts, load_predictor
from contract import CallError, CellbenchError, TrainPair, read_image, read_mask
from tests.programs import finish, module
from tests.unit.settings_fixtures import changed
from tests.unit.training_fixtures import (
    SETTINGS,
    assert_same,
    build,
    make_data,
    result,
    train,
    train_until_killed,
)

ROOT = Path(__file__).resolve().parents[2]


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[TrainPair, ...]:
    return make_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data: tuple[TrainPair, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed training."""
    out = tmp_path_factory.mktemp("finished")
    train(data, out)
    return out


def test_it_learns_and_its_weights_predict(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    summary = train(data, tmp_path, changed(SETTINGS, steps=120, epoch_steps=40))
    assert (summary.steps, summary.epochs, summary.stopped) == (120, 3, "finished")
    assert summary.parameters == sum(weight.numel() for weight in build().parameters())
    assert summary.best_val_f1 is not None
    assert summary.best_val_f1 > 0.5
    task = ThreeClass(**load_facts(tmp_path / "weights").task)
    predict = load_predictor(tmp_path / "weights", build(), task, 2)
    assert predict.decoding in task.decodings()
    found = predict(read_image(data[-1].image))
    assert f1_scores(read_mask(data[-1].label), found, (0.5,))[0] > 0.5
    for shape in [(1, 1), (5, 3), (33, 130)]:
        assert predict(np.zeros((*shape, 3), np.uint16)).shape == shape


def test_history_has_a_line_for_each_epoch(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "history.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["step"] for line in lines] == [8, 16, 24]
    assert all(line["loss"] > 0 and 0 <= line["val_f1"] <= 1 for line in lines)
    assert lines[0]["seconds"] < lines[2]["seconds"]


def test_the_same_call_gives_the_same_weights(
    data: tuple[TrainPair, ...], finished: Path, tmp_path: Path
) -> None:
    train(data, tmp_path)
    assert_same(finished, tmp_path)


def test_another_seed_gives_other_weights(
    data: tuple[TrainPair, ...], finished: Path, tmp_path: Path
) -> None:
    train(data, tmp_path, changed(SETTINGS, steps=8), seed=1)
    assert not torch.equal(result(tmp_path)[0]["0.weight"], result(finished)[0]["0.weight"])


class Countdown:
    """Ends the process at the last of so many calls."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def __call__(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


def deadly(place: str, countdown: Countdown, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments of `train` with which the countdown runs at `place`, once its work is done."""

    class DeadlyStepper(Stepper):
        def __call__(self, step: int, rate: float) -> float:
            loss = super().__call__(step, rate)
            countdown()
            return loss

    class DeadlyPredictor(Predictor[Decoding]):
        def look(self, image: np.ndarray, *, plainly: bool = False) -> np.ndarray:
            maps = super().look(image, plainly=plainly)
            countdown()
            return maps

    def save(*arguments: Any) -> None:
        checkpoint.save(*arguments)
        countdown()

    match place:
        case "step":
            return {"make_stepper": DeadlyStepper}
        case "look":
            return {"make_predictor": DeadlyPredictor}
        case "save":
            monkeypatch.setattr(journal, "save", save)
            return {}
        case "report":
            return {"progress": lambda *_: countdown()}
        case _:
            return {"progress": lambda *said: countdown() if "epoch" in said[2] else None}


@pytest.mark.parametrize("save_seconds", [0.0, np.inf])
@pytest.mark.parametrize("place", ["step", "look", "save", "report", "epoch"])
def test_stopped_anywhere_it_goes_on_to_the_same_end(
    place: str,
    save_seconds: float,
    data: tuple[TrainPair, ...],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each attempt dies two calls further on; checkpoints are of every step, or of epochs alone."""
    for attempt in itertools.count(1):
        options = deadly(place, Countdown(2 * attempt), monkeypatch)
        try:
            train(data, tmp_path, save_seconds=save_seconds, **options)
            break
        except Killed:
            assert attempt < 200
    assert attempt > 1
    assert_same(finished, tmp_path)


def test_killed_by_the_system_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make_data(folder)
    whole, cut = (
        module("tests.unit.training_fixtures", folder, tmp_path / name) for name in ("a", "b")
    )
    assert finish(whole).returncode == 0
    train_until_killed("tests.unit.training_fixtures", folder, tmp_path / "b")
    assert (tmp_path / "b/checkpoint/state.pt").exists()
    assert not (tmp_path / "b/weights/weights.json").exists()
    assert finish(cut).returncode == 0
    assert_same(tmp_path / "a", tmp_path / "b")


class Clock:
    """Goes on by `tick` seconds each time that it is read."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 100.0, tick

    def __call__(self) -> float:
        self.now += self.tick
        return self.now


def test_checkpoints_are_never_older_than_asked(
    data: tuple[TrainPair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is read twice a step, to report and to save."""
    clock, saved = Clock(0.25), [100.0]

    def save(*arguments: Any) -> None:
        checkpoint.save(*arguments)
        saved.append(clock.now)

    monkeypatch.setattr(journal, "monotonic", clock)
    monkeypatch.setattr(journal, "save", save)
    train(data, tmp_path, save_seconds=2.0)
    ages = [later - sooner for sooner, later in itertools.pairwise(saved)]
    assert len(ages) > 6
    assert max(ages) < 3
    assert sum(age >= 2 for age in ages) > 3, "most are written because of their age"
    assert checkpoint.load(tmp_path / "checkpoint") is not None
    assert SAVE_SECONDS <= 15


def test_it_stops_when_validation_gets_no_better(
    data: tuple[TrainPair, ...], tmp_path: Path
) -> None:
    settings = changed(SETTINGS, steps=400, epoch_steps=2, learning_rate=1e-9, patience=3)
    summary = train(data, tmp_path, settings)
    assert (summary.stopped, summary.best_epoch, summary.epochs) == ("early_stop", 1, 4)


@pytest.mark.parametrize("later", [1, 10])
def test_the_time_limit_ends_it_and_is_named(
    later: int, data: tuple[TrainPair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of its own, on which steps take `later` times as long from the 60th on."""
    clock = Clock(0.01)

    class Slowing(Stepper):
        def __call__(self, step: int, rate: float) -> float:
            clock.tick = 0.01 * (later if step >= 60 else 1)
            return super().__call__(step, rate)

    monkeypatch.setattr(journal, "monotonic", clock)
    settings = changed(SETTINGS, steps=10**6, epoch_steps=50, max_seconds=6.0, size_steps=0)
    summary = train(data, tmp_path, settings, make_stepper=Slowing)
    assert summary.stopped == "time_limit"
    assert summary.steps is not None
    assert summary.steps > 60
    last = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])
    assert 4 < last["seconds"] < 10
    assert last["lr"] < SETTINGS.learning_rate / 3


def test_without_validation_images_the_training_images_are_used(
    data: tuple[TrainPair, ...], tmp_path: Path
) -> None:
    pairs = tuple(replace(pair, subset="train") for pair in data)
    assert train(pairs, tmp_path, changed(SETTINGS, steps=4)).best_val_f1 is not None


def test_unusable_images_are_named_and_the_rest_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = make_data(tmp_path)
    pairs[0].image.write_bytes(b"no image")
    train(pairs, tmp_path / "out", changed(SETTINGS, steps=2))
    assert "warning: i0.png is left out" in capsys.readouterr().err


def test_without_any_usable_image_it_refuses(tmp_path: Path) -> None:
    pairs = make_data(tmp_path, images=2)
    pairs[0].image.write_bytes(b"no image")
    with pytest.raises(CallError, match="None of the training images"):
        train(pairs, tmp_path / "out")


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_number_of_threads_does_not_matter(
    data: tuple[TrainPair, ...], tmp_path: Path, dropout: float
) -> None:
    for threads in (1, 2):
        train(
            data,
            tmp_path / str(threads),
            changed(SETTINGS, steps=6, batch_size=3),
            threads=threads,
            network=lambda: build(dropout),
        )
    assert_same(tmp_path / "1", tmp_path / "2")


def test_a_diverged_training_says_so(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    with pytest.raises(CellbenchError, match="diverged"):
        train(data, tmp_path, changed(SETTINGS, learning_rate=1e30))


def test_budgets_are_steps_or_epochs(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    in_epochs = changed(SETTINGS, steps=None, epochs=3, epoch_steps=None)
    assert train(data, tmp_path, in_epochs).steps == 6


def test_weights_of_another_model_are_refused(finished: Path) -> None:
    with pytest.raises(CallError, match="do not fit"):
        load_predictor(finished / "weights", torch.nn.Conv2d(3, 3, 1), ThreeClass(), 1)
    with pytest.raises(CallError, match=r"no usable weights\.json"):
        load_facts(finished)


def test_schedules() -> None:
    budget = Budget(total=110, epoch_steps=11)
    cosine = Settings(steps=1, learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate(cosine, step, budget) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    step = changed(cosine, schedule="step", decay_steps=20, decay=0.5)
    assert learning_rate(step, 45, budget) == 0.25
    assert learning_rate(changed(step, decay_epochs=2), 45, budget) == 0.25
    assert learning_rate(changed(step, decay_epochs=2), 43, budget) == 0.5
    assert learning_rate(changed(cosine, schedule="constant"), 99, budget) == 1.0
    poly = changed(cosine, schedule="poly")
    assert learning_rate(poly, 60, budget) == pytest.approx(0.5**0.9)
    assert learning_rate(poly, 110, budget) == 0.0


def test_a_rate_can_fall_by_epochs(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    falling = changed(SETTINGS, schedule="step", decay_epochs=1, decay=0.5)
    train(data, tmp_path, falling)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    rates = [json.loads(line)["lr"] for line in lines]
    assert rates == pytest.approx([0.01, 0.005, 0.0025])


def test_fewer_steps_are_planned_where_they_clearly_take_too_long() -> None:
    assert affordable(total=100, pace=1.0, limit=110) is None
    assert affordable(total=100, pace=1.5, limit=110) == 62
    assert affordable(total=10**6, pace=10.0, limit=110) == 41


def test_a_slow_machine_gets_a_shorter_schedule(
    data: tuple[TrainPair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a clock of its own: the rate falls along its cosine to the end, and what is said of it."""
    monkeypatch.setattr(journal, "monotonic", Clock(0.01))
    settings = changed(SETTINGS, steps=10**5, epoch_steps=25, max_seconds=6.0, size_steps=0)
    summary = train(data, tmp_path, settings)
    assert summary.steps is not None
    assert 41 < summary.steps < 500
    assert (summary.stopped, summary.steps_asked) == ("time_limit", 10**5)
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert lines[-1]["lr"] < SETTINGS.learning_rate / 100
    assert lines[-1]["step"] == summary.steps
    middle = lines[len(lines) // 2]["lr"]
    assert 0.2 < middle / SETTINGS.learning_rate < 0.8


def test_winding_down_starts_only_when_the_limit_would_be_missed() -> None:
    assert must_wind_down(step=50, total=100, seconds=60, limit=100) is None
    assert must_wind_down(step=80, total=100, seconds=75, limit=100) is None
    early = must_wind_down(step=50, total=100, seconds=75, limit=100)
    assert early == WindDown(start=50, end=66)
    constant = Settings(steps=1, learning_rate=1.0, schedule="constant")
    budget = Budget(total=100, epoch_steps=10)
    assert learning_rate(constant, 58, budget, early) == pytest.approx(0.5)
    assert learning_rate(constant, 66, budget, early) == 0.0
