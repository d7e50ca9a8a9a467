"""The training loop: what it learns, writes, survives and refuses."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from containers.base.segmentation import loop
from containers.base.segmentation.checkpoint import load
from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.match import f1_scores
from containers.base.segmentation.schedule import WindDown, learning_rate, must_wind_down
from containers.base.segmentation.settings import Settings, read_settings
from containers.base.segmentation.three_class import ThreeClass
from containers.base.segmentation.weights import load_facts, load_predictor
from contract import CallError, CellbenchError, TrainPair, read_image, read_mask
from tests.unit.training_fixtures import SETTINGS, assert_same, build, make_data, result, train

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
    summary = train(data, tmp_path, replace(SETTINGS, steps=120, epoch_steps=40))
    assert (summary.steps, summary.epochs, summary.stopped) == (120, 3, "finished")
    assert summary.parameters == sum(weight.numel() for weight in build().parameters())
    assert summary.best_val_f1 is not None
    assert summary.best_val_f1 > 0.5
    facts = load_facts(tmp_path / "weights")
    kind = ThreeClass(**facts["task"])
    predict = load_predictor(tmp_path / "weights", build(), kind, Decoding(**facts["decoding"]), 2)
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
    train(data, tmp_path, replace(SETTINGS, steps=8), seed=1)
    assert not torch.equal(result(tmp_path)[0]["0.weight"], result(finished)[0]["0.weight"])


@pytest.mark.parametrize("place", ["_step", "_validate", "_end_epoch", "_save", "_report"])
def test_stopped_anywhere_it_goes_on_to_the_same_end(
    place: str,
    data: tuple[TrainPair, ...],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each attempt dies two calls of `place` further on, after that call has done its work."""
    original = getattr(loop._Training, place)
    for attempt in itertools.count(1):
        left = 2 * attempt

        def dying(self: object, *arguments: object, **named: object) -> object:
            nonlocal left
            value = original(self, *arguments, **named)
            left -= 1
            if left == 0:
                raise Killed
            return value

        monkeypatch.setattr(loop._Training, place, dying)
        try:
            train(data, tmp_path)
            break
        except Killed:
            assert attempt < 200
    assert attempt > 1
    assert_same(finished, tmp_path)


def test_killed_by_the_system_it_goes_on_to_the_same_end(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    make_data(folder)
    command = [sys.executable, str(ROOT / "tests/unit/training_fixtures.py"), str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    undisturbed = subprocess.run([*command, str(tmp_path / "a")], env=environment, timeout=120)
    assert undisturbed.returncode == 0
    delay = float(np.random.default_rng().uniform(0, 0.8))
    with subprocess.Popen(
        [*command, str(tmp_path / "b")], env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
    subprocess.run([*command, str(tmp_path / "b")], env=environment, timeout=120, check=True)
    assert_same(tmp_path / "a", tmp_path / "b")


def test_checkpoints_are_never_older_than_asked(
    data: tuple[TrainPair, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[float] = []
    original = loop.checkpoint.save

    def timed(*arguments: object) -> None:
        original(*arguments)
        saved.append(time.monotonic())

    monkeypatch.setattr(loop.checkpoint, "save", timed)
    train(data, tmp_path, save_seconds=0.2)
    assert len(saved) > 3
    assert max(later - sooner for sooner, later in itertools.pairwise(saved)) < 2
    assert load(tmp_path / "checkpoint") is not None
    assert loop.SAVE_SECONDS <= 15


def test_it_stops_when_validation_gets_no_better(
    data: tuple[TrainPair, ...], tmp_path: Path
) -> None:
    settings = replace(SETTINGS, steps=400, epoch_steps=2, learning_rate=1e-9, patience=3)
    summary = train(data, tmp_path, settings)
    assert (summary.stopped, summary.best_epoch, summary.epochs) == ("early_stop", 1, 4)


def test_the_time_limit_ends_it_and_is_named(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    settings = replace(SETTINGS, steps=10**6, epoch_steps=50, max_seconds=3.0)
    started = time.monotonic()
    summary = train(data, tmp_path, settings)
    assert summary.stopped == "time_limit"
    assert time.monotonic() - started < 12
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["lr"] < SETTINGS.learning_rate / 3


def test_without_validation_images_the_training_images_are_used(
    data: tuple[TrainPair, ...], tmp_path: Path
) -> None:
    pairs = tuple(replace(pair, subset="train") for pair in data)
    assert train(pairs, tmp_path, replace(SETTINGS, steps=4)).best_val_f1 is not None


def test_unusable_images_are_named_and_the_rest_is_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = make_data(tmp_path)
    pairs[0].image.write_bytes(b"no image")
    train(pairs, tmp_path / "out", replace(SETTINGS, steps=2))
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
            replace(SETTINGS, steps=6, batch_size=3),
            threads=threads,
            network=lambda: build(dropout),
        )
    assert_same(tmp_path / "1", tmp_path / "2")


def test_a_diverged_training_says_so(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    with pytest.raises(CellbenchError, match="diverged"):
        train(data, tmp_path, replace(SETTINGS, learning_rate=1e30))


def test_budgets_are_steps_or_epochs(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    with pytest.raises(CallError, match="one of the settings steps and epochs"):
        train(data, tmp_path, replace(SETTINGS, epochs=3))
    in_epochs = replace(SETTINGS, steps=None, epochs=3, epoch_steps=None)
    assert train(data, tmp_path, in_epochs).steps == 6


def test_weights_of_another_model_are_refused(finished: Path) -> None:
    with pytest.raises(CallError, match="do not fit"):
        load_predictor(finished / "weights", torch.nn.Conv2d(3, 3, 1), ThreeClass(), Decoding(), 1)
    with pytest.raises(CallError, match=r"no usable weights\.json"):
        load_facts(finished)


def test_settings_are_read_from_a_profile() -> None:
    values = {"steps": 3, "learning_rate": 1, "class_weights": [1, 2, 3], "schedule": "step"}
    settings, kind = read_settings(values, Settings, ThreeClass)
    assert (settings.steps, settings.schedule) == (3, "step")
    assert isinstance(settings.learning_rate, float)
    assert kind.class_weights == [1.0, 2.0, 3.0]
    assert read_settings(asdict(settings), Settings) == (settings,)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"learning_rat": 0.1}, "Did you mean learning_rate"),
        ({"steps": "many"}, "steps is 'many', which is not a whole number or null"),
        ({"steps": True}, "not a whole number"),
        ({"steps": 1.5}, "not a whole number"),
        ({"schedule": "cosin"}, "one of constant, cosine, poly, step"),
        ({"class_weights": [1, "a"]}, "not a number"),
        ({"zzz": 1}, "The settings are: batch_size"),
    ],
)
def test_wrong_settings_are_named(values: dict[str, object], message: str) -> None:
    with pytest.raises(CallError) as error:
        read_settings(values, Settings, ThreeClass)
    assert message in str(error.value)


def test_schedules() -> None:
    cosine = Settings(learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate(cosine, step, 110) for step in range(110)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    step = replace(cosine, schedule="step", decay_steps=20, decay=0.5)
    assert learning_rate(step, 45, 110) == 0.25
    assert learning_rate(replace(cosine, schedule="constant"), 99, 110) == 1.0
    poly = replace(cosine, schedule="poly")
    assert learning_rate(poly, 60, 110) == pytest.approx(0.5**0.9)
    assert learning_rate(poly, 110, 110) == 0.0


def test_a_rate_can_fall_by_epochs(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    falling = replace(SETTINGS, schedule="step", decay_epochs=1, decay=0.5)
    train(data, tmp_path, falling)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    rates = [json.loads(line)["lr"] for line in lines]
    assert rates == pytest.approx([0.01, 0.005, 0.0025])


def test_winding_down_starts_only_when_the_limit_would_be_missed() -> None:
    assert must_wind_down(step=50, total=100, seconds=60, limit=100) is None
    assert must_wind_down(step=80, total=100, seconds=75, limit=100) is None
    early = must_wind_down(step=50, total=100, seconds=75, limit=100)
    assert early == WindDown(start=50, end=66)
    constant = Settings(learning_rate=1.0, schedule="constant")
    assert learning_rate(constant, 58, 100, early) == pytest.approx(0.5)
    assert learning_rate(constant, 66, 100, early) == 0.0
