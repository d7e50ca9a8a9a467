"""nnU-Net's container: plan, split, steps, budgets, resume, and prediction through the contract."""

import json
import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

from containers.base.segmentation.settings import LoopSettings
from containers.base.segmentation.workers import Workers
from containers.nnunet.border_core import BorderCore
from containers.nnunet.dataset import NAME, write_dataset
from containers.nnunet.plan import (
    OVERRIDDEN,
    PLANNED,
    Plan,
    build_network,
    in_threads,
    nnunet_folders,
    prepare,
)
from containers.nnunet.settings import PlanSettings, TrainerSettings
from contract import TrainPair, take
from tests.unit.model_fixtures import SHAPES, assert_predicts, draw_source, run_model, set_options
from tests.unit.nnunet_fixtures import SHORT, make_call, short_training
from tests.unit.settings_fixtures import PROFILES, profile_values
from tests.unit.training_fixtures import assert_same, make_data

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
    short_training(data, out)
    return out


def settings_of(values: dict[str, Any]) -> tuple[Any, ...]:
    kinds = LoopSettings, BorderCore, PlanSettings, TrainerSettings
    return tuple(take(values, kind) for kind in kinds)


@pytest.fixture(scope="module")
def planned(
    data: tuple[TrainPair, ...], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Plan, Path]]:
    """The plan of each profile for the same small images, and nnU-Net's folders."""
    found = {}
    for name in PROFILES:
        values = profile_values("nnunet", name, device="cpu", precision="fp32")
        settings, task, layout, _ = settings_of(values)
        out = tmp_path_factory.mktemp(name)
        found[name] = prepare(make_call(data, out, values), settings, task, layout)
    return found


def test_upstream_trains_what_nnunet_plans_itself(
    data: tuple[TrainPair, ...], planned: dict[str, tuple[Plan, Path]], tmp_path: Path
) -> None:
    """Beside nnU-Net's own functions for its command line, on the same raw images."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api
    from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor

    class Smaller(fingerprint_extractor.DatasetFingerprintExtractor):
        """Looks at fewer intensities, which no plan depends on."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.num_foreground_voxels_for_intensitystats = 1e6

    settings, task, _, _ = settings_of(profile_values("nnunet", "upstream"))
    with nnunet_folders(tmp_path), in_threads(fingerprint_extractor):
        write_dataset(tmp_path / "raw", data, settings, task, 1)
        api.extract_fingerprint_dataset(1, Smaller, show_progress_bar=False)
        theirs, _ = api.plan_experiment_dataset(1)
    ours = planned["upstream"][0].plans
    assert ours["configurations"].pop(OVERRIDDEN) == {"inherits_from": PLANNED}
    theirs = json.loads(json.dumps(theirs, default=lambda value: value.tolist()))
    statistics = "foreground_intensity_properties_per_channel"
    for channel, values in theirs.pop(statistics).items():
        assert ours[statistics][channel] == pytest.approx(values, rel=0.05)
    del ours[statistics]
    assert ours == theirs
    ours["configurations"][OVERRIDDEN] = {"inherits_from": PLANNED}


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_change_the_plan_as_they_say(
    name: str, planned: dict[str, tuple[Plan, Path]]
) -> None:
    plan = planned[name][0]
    values = profile_values("nnunet", name)
    own = plan.plans["configurations"][PLANNED]
    configuration = plan.configuration
    assert configuration["batch_size"] == (values["batch_size"] or own["batch_size"])
    side = values["crop"]
    assert list(plan.patch) == ([side, side] if side else own["patch_size"])
    features = configuration["architecture"]["arch_kwargs"]["features_per_stage"]
    planned_features = own["architecture"]["arch_kwargs"]["features_per_stage"]
    assert features == (values["features"] or planned_features)


def test_all_profiles_train_the_same_network_class(planned: dict[str, tuple[Plan, Path]]) -> None:
    kinds, names = set(), set()
    for plan, _ in planned.values():
        network = build_network(plan, deep_supervision=True)
        kinds.add(type(network).__name__)
        names.add(frozenset(re.sub(r"\d+", "N", key) for key in network.state_dict()))
    assert kinds == {"PlainConvUNet"}
    assert len(names) == 1


@pytest.mark.parametrize("name", ["report", "upstream"])
def test_one_step_of_the_full_configurations(
    name: str, planned: dict[str, tuple[Plan, Path]]
) -> None:
    from containers.base.segmentation.device import choose_device
    from containers.nnunet.trainer import TrainerStepper, make_trainer

    plan, root = planned[name]
    values = profile_values("nnunet", name, device="cpu")
    settings, _, _, own = settings_of(values)
    with nnunet_folders(root):
        trainer = make_trainer(plan, torch.device("cpu"))
        trainer.prepare(settings, own)
    kind, rate = {
        "report": (torch.optim.AdamW, 6e-4),
        "upstream": (torch.optim.SGD, 1e-2),
    }[name]
    assert type(trainer.optimizer) is kind
    if kind is torch.optim.SGD:
        group = trainer.optimizer.param_groups[0]
        assert (group["momentum"], group["nesterov"]) == (0.99, True)
        assert group["weight_decay"] == 3e-5
    before = {key: value.clone() for key, value in trainer.network.state_dict().items()}
    device = choose_device(settings.device, settings.precision)
    stepper = TrainerStepper(trainer, device, Workers(1), seed=0)
    assert np.isfinite(stepper(0, rate))
    after = trainer.network.state_dict()
    assert sum(not torch.equal(before[key], after[key]) for key in before) > len(before) / 2


def test_the_split_is_the_calls(data: tuple[TrainPair, ...], tmp_path: Path) -> None:
    """Of five images the fourth validates; nothing of it is drawn for training."""
    from containers.nnunet.trainer import make_trainer

    subsets = ["train", "train", "train", "val", "train"]
    pairs = tuple(
        TrainPair(image=pair.image, label=pair.label, subset=subset)
        for pair, subset in zip(data, subsets, strict=True)
    )
    values = profile_values("nnunet", "tiny", **SHORT)
    settings, task, layout, own = settings_of(values)
    plan, root = prepare(make_call(pairs, tmp_path, values), settings, task, layout)
    fold = json.loads((root / "preprocessed" / NAME / "splits_final.json").read_text())
    assert len(fold) == 1
    with nnunet_folders(root):
        trainer = make_trainer(plan, torch.device("cpu"))
        trainer.prepare(settings, own)
    trained = set(trainer.dataloader_train.data_loader.indices)
    validated = set(trainer.dataloader_val.data_loader.indices)
    assert trained == set(fold[0]["train"])
    assert validated == set(fold[0]["val"]) == {"val_00000"}
    assert trained == {f"train_{index:05d}" for index in range(4)}
    drawn = {key for _ in range(30) for key in next(trainer.dataloader_train)["keys"]}
    assert drawn <= trained


def test_history_and_weights(finished: Path) -> None:
    lines = [json.loads(line) for line in (finished / "history.jsonl").read_text().splitlines()]
    assert [(line["epoch"], line["step"]) for line in lines] == [(1, 3), (2, 6)]
    assert all(0 <= line["val_f1"] <= 1 for line in lines)
    names = sorted(path.name for path in (finished / "weights").iterdir())
    assert names == ["sizes.safetensors", "weights.json", "weights.safetensors"]


def test_any_number_of_threads_gives_the_same_weights(
    data: tuple[TrainPair, ...], finished: Path, tmp_path: Path
) -> None:
    short_training(data, tmp_path, threads=3)
    assert_same(finished, tmp_path)


@pytest.mark.parametrize(("place", "calls"), [("step", 2), ("step", 4), ("look", 1)])
def test_stopped_anywhere_it_goes_on_to_the_same_end(
    place: str,
    calls: int,
    data: tuple[TrainPair, ...],
    finished: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from containers.nnunet.predictor import SlidingWindow
    from containers.nnunet.trainer import TrainerStepper

    kind, name = {"step": (TrainerStepper, "__call__"), "look": (SlidingWindow, "look")}[place]
    original = getattr(kind, name)
    left = calls

    def dying(self: object, *arguments: object, **named: object) -> object:
        nonlocal left
        value = original(self, *arguments, **named)
        left -= 1
        if left == 0:
            raise Killed
        return value

    with monkeypatch.context() as patched:
        patched.setattr(kind, name, dying)
        with pytest.raises(Killed):
            short_training(data, tmp_path)
    assert (tmp_path / "checkpoint/state.pt").exists()
    short_training(data, tmp_path)
    assert_same(finished, tmp_path)


def test_killed_while_planning_it_plans_again(
    data: tuple[TrainPair, ...], finished: Path, tmp_path: Path
) -> None:
    with (
        patch("containers.nnunet.plan.write_split", side_effect=Killed),
        pytest.raises(Killed),
    ):
        short_training(data, tmp_path)
    assert (tmp_path / "checkpoint/nnunet/raw").exists()
    short_training(data, tmp_path)
    assert_same(finished, tmp_path)


def test_time_ends_a_training_with_the_rate_at_its_end(
    data: tuple[TrainPair, ...], tmp_path: Path
) -> None:
    summary = short_training(data, tmp_path, steps=100_000, epoch_steps=50, max_seconds=8.0)
    assert summary.stopped == "time_limit"
    assert summary.steps is not None
    assert summary.steps < 100_000
    last = json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1])
    assert last["lr"] < 0.2 * profile_values("nnunet", "tiny")["learning_rate"]


def test_train_and_predict_through_the_contract(tmp_path: Path) -> None:
    source = draw_source(tmp_path / "in")
    short = set_options("steps=4", "epoch_steps=2", "batch_size=2")
    trained = run_model("nnunet", "train", source, tmp_path / "model", "--profile", "tiny", *short)
    assert trained.returncode == 0, trained.stderr
    assert all(line.startswith("{") for line in trained.stdout.splitlines()), trained.stdout
    record = json.loads((tmp_path / "model/training.json").read_text())
    assert (record["steps"], record["epochs"], record["stopped"]) == (4, 2, "finished")
    assert (record["batch_size"], record["input_size"]) == (2, "96x96")
    assert (record["optimizer"], record["pretrained"]) == ("AdamW", "none")
    assert not (tmp_path / "model/checkpoint").exists()
    shapes = {**SHAPES, "odd.png": (37, 131)}
    assert_predicts("nnunet", tmp_path, tmp_path / "model/weights", shapes)
