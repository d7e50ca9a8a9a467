"""The documents of the contract: what they hold, and what they refuse."""

import json
import math
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel, ValidationError

from contract import (
    CallError,
    HistoryLine,
    ModelCard,
    PredictionLine,
    TrainingRecord,
    TrainingSummary,
    read_card,
)

ROOT = Path(__file__).parents[2]
CARD = {"name": "dots", "title": "Dots", "kind": "segmenter", "verbs": ["describe", "predict"]}
RECORD = {
    "model": "dots",
    "version": "1",
    "source": None,
    "repository": None,
    "licence": None,
    "profile": "tiny",
    "seed": 0,
    "train_images": 9,
    "val_images": 1,
    "data_sha256": "0" * 64,
    "seconds": 1.5,
    "peak_memory_bytes": 10**8,
}
TRAINING_FIELDS = {
    *("model", "version", "architecture", "source", "repository", "licence", "parameters"),
    *("profile", "seed", "batch_size", "learning_rate", "input_size", "optimizer", "scheduler"),
    *("loss", "epochs", "steps", "final_loss", "best_val_dice", "best_val_f1", "best_epoch"),
    *("train_images", "val_images", "data_sha256", "pretrained", "device", "precision"),
    *("seconds", "peak_memory_bytes"),
}


def write_card(folder: Path, **changes: object) -> Path:
    (folder / "model.yaml").write_text(yaml.safe_dump({**CARD, **changes}), encoding="utf-8")
    return folder


def test_a_card_has_defaults_and_survives_json(tmp_path: Path) -> None:
    card = read_card(write_card(tmp_path, title="Zellkörper"))
    assert (card.contract, card.entry, card.needs_truth) == ("cellbench-1", "segmenter.py", False)
    assert ModelCard.model_validate_json(card.model_dump_json()) == card


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "Dots!"}, "name"),
        ({"name": None}, "name"),
        ({"kind": "classifier"}, "kind"),
        ({"verbs": ["predict", "dance"]}, "verbs.1"),
        ({"contract": "cellbench-2"}, "contract"),
        ({"color": "red"}, "color"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, object], words: str) -> None:
    with pytest.raises(CallError, match=words) as caught:
        read_card(write_card(tmp_path, **change))
    assert "model.yaml" in caught.value.what
    assert caught.value.do


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "name: [", "name: a\n\tb: c"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "model.yaml").write_text(text)
    with pytest.raises(CallError, match="no valid model description"):
        read_card(tmp_path)


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"No model\.yaml"):
        read_card(tmp_path)


@pytest.mark.parametrize("path", sorted((ROOT / "containers").rglob("model.yaml")), ids=str)
def test_every_model_of_this_repository_has_a_valid_card(path: Path) -> None:
    card = read_card(path.parent)
    template = "template" in path.parts  # its name is replaced when a model is made of it
    assert card.name == ("blobs" if template else path.parent.name)
    if card.image is None:
        assert (path.parent / card.entry).is_file()


def test_the_training_record_has_the_contracts_fields() -> None:
    record = TrainingRecord.model_validate(RECORD).model_dump()
    assert set(record) >= TRAINING_FIELDS
    assert record["best_val_f1"] is None


def test_a_missing_or_unknown_field_is_refused() -> None:
    for changed in ({k: v for k, v in RECORD.items() if k != "seed"}, {**RECORD, "colour": 1}):
        with pytest.raises(ValidationError):
            TrainingRecord.model_validate(changed)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_loss_is_null(value: float) -> None:
    summary = TrainingSummary(final_loss=value, best_val_f1=0.5)
    assert (summary.final_loss, summary.best_val_f1) == (None, 0.5)
    json.dumps(summary.model_dump(), allow_nan=False)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (
            PredictionLine,
            {"image": "a", "mask": None, "outcome": "scored", "cells": 1, "seconds": 1},
        ),
        (
            PredictionLine,
            {"image": "a", "mask": None, "outcome": "crashed", "cells": -1, "seconds": 1},
        ),
        (
            PredictionLine,
            {"image": "a", "mask": None, "outcome": "crashed", "cells": 1, "seconds": -1},
        ),
        (TrainingSummary, {"stopped": "bored"}),
        (HistoryLine, {"epoch": 1, "step": 2, "loss": 0.5}),
    ],
)
def test_wrong_values_are_refused(kind: type[BaseModel], values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        kind.model_validate(values)


def test_history_takes_fields_of_the_models_own() -> None:
    line = HistoryLine.model_validate(
        {"epoch": 1, "step": 2, "loss": 0.5, "seconds": 3, "val_iou": 0.25}
    )
    assert line.model_dump()["val_iou"] == 0.25
