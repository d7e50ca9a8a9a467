"""Weights that come with a model: found without being named, scored without a training."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from contract import CallError
from harness.models.overrides import parse_overrides
from harness.models.registry import choose_models
from harness.runners.local import LocalRunner
from harness.work.shipped import learned
from harness.work.training import TrainItem
from tests.datasets import make_dataset
from tests.programs import environment, finish, module, run
from tests.small_unet import NAME, write_small_unet
from tests.unit.harness_items import Heard, context


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a dataset and a model that comes with weights, and one that comes with none."""
    place = tmp_path_factory.mktemp("shipped")
    folder = write_small_unet(place, steps=4)
    make_dataset(place / "data", train=6)
    done = run(
        "harness", "train", NAME, "--data", place / "data", "--out", place / "run",
        "--profile", "tiny", "--runner", "local", cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    trained = place / "run/models" / NAME / "seed0/train/weights"
    shutil.copytree(trained, folder / "weights")
    (folder / "weights/demonstration.txt").unlink()
    (folder / "profiles/tune.yaml").write_text(
        "extends: tiny\nstart_from: shipped\nsteps: 4\nepoch_steps: 2\nsize_steps: 0\n"
    )
    left = shutil.ignore_patterns("weights")
    without = shutil.copytree(folder, folder.with_name("bare"), ignore=left)
    card = (without / "model.yaml").read_text().replace(f"name: {NAME}", "name: bare")
    (without / "model.yaml").write_text(card)
    return place


def test_the_model_itself_and_the_harness_find_them_and_agree(place: Path) -> None:
    images = place / "data/Tuning/images"
    done = run("harness", "predict", NAME, images, place / "masks", "--runner", "local", cwd=place)
    assert done.returncode == 0, done.stderr
    words = module(f"containers.{NAME}.segmenter", "predict", images, place / "own")
    variables = {**environment(), "PYTHONPATH": f"{place}:{environment()['PYTHONPATH']}"}
    own = finish(words, cwd=place, env=variables)
    assert own.returncode == 0, own.stderr
    masks = sorted((place / "masks").glob("*_label.tiff"))
    assert len(masks) == 2
    for mask in masks:
        assert mask.read_bytes() == (place / "own" / mask.name).read_bytes()


def train(place: Path, out: str, *words: object, model: str = NAME) -> Any:
    """The model itself on the training images, with the profile tune."""
    command = module(
        f"containers.{model}.segmenter", "train", place / "data/Training-labeled", place / out,
        "--profile", "tune", *words,
    )  # fmt: skip
    variables = {**environment(), "PYTHONPATH": f"{place}:{environment()['PYTHONPATH']}"}
    return finish(command, cwd=place, env=variables)


def test_a_training_that_makes_them_worse_keeps_them_and_says_so(place: Path) -> None:
    done = train(place, "worse", "--set", "learning_rate=1.0", "--set", "warmup_steps=0")
    assert done.returncode == 0, done.stderr
    said = json.loads((place / "worse/training.json").read_text())
    assert said["pretrained"] == "weights that come with the model"
    assert said["best_val_f1"] >= said["start_val_f1"]
    assert said["best_epoch"] == 0
    assert said["remark"].startswith("the weights are those that the training started from")
    shipped = place / "containers" / NAME / "weights"
    for name in ("weights.safetensors", "sizes.safetensors"):
        kept, start = (load_file(folder / name) for folder in (place / "worse/weights", shipped))
        assert kept.keys() == start.keys()
        for key, tensor in start.items():
            np.testing.assert_array_equal(kept[key], tensor)


def test_another_start_is_a_folder_that_fits(place: Path) -> None:
    other = place / "run/models" / NAME / "seed0/train/weights"
    assert other.is_dir()
    done = train(place, "other", "--set", f"start_from={other}", model="bare")
    assert done.returncode == 0, done.stderr
    said = json.loads((place / "other/training.json").read_text())
    assert said["pretrained"] == "other weights"
    assert said["start_val_f1"] is not None
    refused = train(
        place, "unfit", "--set", f"start_from={other}", "--set", "channels=[8, 16, 40]",
        model="bare",
    )  # fmt: skip
    assert refused.returncode == 2
    assert f"The training cannot start from {other}" in refused.stderr
    none = train(place, "none", model="bare")
    assert none.returncode == 2
    assert "start_from is shipped, and no weights come with this model." in none.stderr
    assert not (place / "none").exists()


def test_what_a_training_starts_from_is_part_of_what_it_depends_on(tmp_path: Path) -> None:
    known = {"unet": {"start_from": {"format": "directory-path"}}}
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/a").write_text("1")
    text = f"start_from={tmp_path}/weights"
    (first,) = parse_overrides([text], known)["unet"]
    assert first.file == tmp_path / "weights"
    before = first.fingerprint()
    (tmp_path / "weights/a").write_text("2")
    assert first.fingerprint() != before
    (shipped,) = parse_overrides(["start_from=shipped"], known)["unet"]
    assert shipped.file is None
    with pytest.raises(CallError, match="there is no folder"):
        parse_overrides([f"start_from={tmp_path}/weights/a"], known)


def test_without_any_the_call_says_how_to_get_some(place: Path) -> None:
    images = place / "data/Tuning/images"
    done = run("harness", "predict", "bare", images, place / "bare", "--runner", "local", cwd=place)
    assert done.returncode == 2
    assert "bare needs weights to predict, and comes with none." in done.stderr
    assert not (place / "bare").exists()


def test_the_profile_shipped_scores_them_without_a_training(place: Path) -> None:
    words = ("--data", place / "data", "--profile", "shipped", "--runner", "local")
    words += ("--models", f"{NAME},bare,otsu", "--seeds", "0,1", "--out", place / "scored")
    done = run("harness", "run-all", *words, cwd=place)
    assert done.returncode == 3, done.stderr
    scores = pd.read_csv(place / "scored/scores.csv")
    outcomes = scores.groupby(["model", "seed"])["outcome"].unique().map(list).to_dict()
    assert outcomes == {
        (NAME, 0): ["scored"],
        ("bare", 0): ["missing"],
        ("otsu", 0): ["scored"],
    }
    step = place / "scored/models" / NAME / "seed0/train"
    said = json.loads((step / "training.json").read_text())
    assert said["profile"] == "shipped"
    assert said["steps"] == said["train_images"] == 0
    assert said["pretrained"] == "weights that come with the model"
    usage = json.loads((place / "scored/models/bare/seed0/train/usage.json").read_text())
    assert usage["outcome"] == "missing"
    assert usage["message"] == "bare comes with no weights"
    report = (place / "scored/report/report.md").read_text()
    assert "No model was trained: each predicted with the weights that come with it." in report
    assert "nothing was trained" in report
    assert "It started from weights that come with the model." in report
    why = run("harness", "why", place / "scored", NAME, "train", cwd=place)
    assert "the next run-all reuses it" in why.stdout


def test_a_training_that_would_start_from_none_is_missing(tmp_path: Path, place: Path) -> None:
    shared = context(tmp_path, ["unet"], LocalRunner())
    shared = replace(shared, record=shared.record.model_copy(update={"profile": "tune"}))
    (unet,) = choose_models(["unet"])
    bare = replace(unet, folder=place / "containers/bare")
    item = learned(shared, bare, 0)
    assert item.do(item.decide(), Heard()).outcome == "missing"
    with_weights = replace(unet, folder=place / "containers" / NAME)
    assert isinstance(learned(shared, with_weights, 0), TrainItem)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--models", "bare"), "No weights come with bare."),
        (("--models", NAME, "--set", "steps=3"), "the profile shipped trains nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused(place: Path, words: tuple[str, ...], said: str) -> None:
    done = run(
        "harness", "run-all", "--data", place / "data", "--profile", "shipped", *words,
        "--out", place / "refused", "--runner", "local", cwd=place,
    )  # fmt: skip
    assert done.returncode == 2
    assert said in done.stderr
    assert not (place / "refused").exists()


def test_the_list_names_those_that_come_with_weights(place: Path) -> None:
    done = run("harness", "weights", "list", cwd=place)
    assert done.returncode == 0, done.stderr
    lines = {line.split("│")[1].strip(): line for line in done.stdout.splitlines() if "│" in line}
    assert "no card" in lines[NAME]
    assert "none" in lines["bare"]
    assert "otsu" not in lines
    refused = run("harness", "weights", "card", NAME, cwd=place)
    assert refused.returncode == 2
    assert "comes with no weights that have a card" in refused.stderr
