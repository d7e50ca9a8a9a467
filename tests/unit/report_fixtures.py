"""A small run folder made by hand: what the report's tests read.

Twelve images of three modalities; `good` and `fair` with two seeds each, the control `oracle`, and
`broken`, whose training crashed.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image as Pillow
from scipy import ndimage

from contract import append_line, label_name, stem, write_json, write_mask
from evaluator.overlap.table import overlap_table

MODALITIES = ("fluorescence", "brightfield", "phase contrast")
NAMES = (
    "a&b.png",
    "<script>alert(1)</script>.png".replace("/", "_"),
    "cell 3.png",
    "zelle_ä.png",
    *(f"cell_{number:05d}.png" for number in range(5, 13)),
)
THRESHOLDS = (0.5, 0.7, 0.9)
Models = Mapping[str, tuple[str, str, tuple[int, ...], float]]  # title, kind, seeds, skill
MODELS: Models = {
    "good": ("A good model", "segmenter", (0, 1), 0.8),
    "fair": ("A fair model", "segmenter", (0, 1), 0.5),
    "broken": ("A model that fails", "segmenter", (0,), 0.0),
    "oracle": ("The truth itself", "control", (0,), 1.0),
}

Labels = npt.NDArray[np.uint16]


def make_run(
    root: Path,
    *,
    broken: bool = True,
    finished: bool = True,
    models: Models = MODELS,
    names: Sequence[str] = NAMES,
    shape: tuple[int, int] = (96, 120),
) -> Path:
    """Writes the run folder and its dataset below `root`; returns the run folder.

    Without `broken` every pair is scored. An unfinished run lacks the rows of `fair`, seed 1.
    """
    run, dataset = root / "run", root / "data"
    models = {name: entry for name, entry in models.items() if broken or name != "broken"}
    truths = _write_dataset(dataset, names, shape)
    rows = []
    for model, (_, _, seeds, skill) in models.items():
        for seed in seeds:
            if not finished and (model, seed) == ("fair", 1):
                continue
            folder = run / "models" / model / f"seed{seed}"
            rows.extend(_write_seed(folder, model, seed, skill, truths))
    pd.DataFrame(rows).to_csv(run / "scores.csv", index=False)
    write_json(run / "run.json", _record(dataset, truths, models, finished))
    return run


def truth(number: int, shape: tuple[int, int] = (96, 120)) -> Labels:
    """Round cells on a jittered grid; image 3 has none, image 11 has more than 50."""
    generator = np.random.default_rng(number)
    labels = np.zeros(shape, np.uint16)
    if number == 3:
        return labels
    pitch, radius = (12, 4) if number == 11 else (24, 8)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    cells = 0
    for row in range(pitch // 2, shape[0], pitch):
        for column in range(pitch // 2, shape[1], pitch):
            if number != 11 and generator.random() < 0.1 * (number % 5):
                continue
            cells += 1
            y, x = np.add((row, column), generator.integers(-2, 3, 2))
            labels[(rows - y) ** 2 + (columns - x) ** 2 <= radius**2] = cells
    return labels


def _write_dataset(folder: Path, names: Sequence[str], shape: tuple[int, int]) -> dict[str, Labels]:
    truths = {}
    for number, name in enumerate(names):
        labels = truth(number, shape)
        generator = np.random.default_rng(100 + number)
        light = ndimage.gaussian_filter((labels > 0) * 150.0, 1.5) + generator.normal(
            40, 6, labels.shape
        )
        grey = np.clip(light, 0, 255).astype(np.uint8)
        if number % 3 == 1:
            tint = np.array([1.0, 0.75, 0.9])
            pixels = np.clip((255 - grey[..., None] * 0.7) * tint, 0, 255).astype(np.uint8)
        else:
            pixels = grey
        (folder / "images").mkdir(parents=True, exist_ok=True)
        Pillow.fromarray(pixels).save(folder / "images" / name)
        write_mask(folder / "labels" / label_name(name), labels)
        truths[name] = labels
    return truths


def _write_seed(
    folder: Path, model: str, seed: int, skill: float, truths: dict[str, Labels]
) -> list[dict[str, Any]]:
    trained = model != "broken"
    usage = {
        "runner": "local",
        "outcome": "done" if trained else "crashed",
        "exit_code": 0 if trained else 1,
        "start_seconds": 0.4,
        "load_seconds": 0.8,
        "work_seconds": 4.0 * (1 + skill),
        "seconds": 6.0 * (1 + skill),
        "peak_memory_bytes": int(4e8 * (1 + skill)),
    }
    (folder / "train").mkdir(parents=True)
    if model != "oracle":
        write_json(folder / "train" / "usage.json", usage)
    if trained and model != "oracle":
        _write_training(folder / "train", model, seed, skill)
    if trained:
        (folder / "predict").mkdir()
        write_json(folder / "predict" / "usage.json", usage)
    rows = []
    for number, (name, labels) in enumerate(truths.items()):
        generator = np.random.default_rng(1000 * seed + number + (7 if model == "fair" else 0))
        cells = int(labels.max())
        keep = generator.random(cells + 1) < skill if skill < 1 else np.ones(cells + 1, bool)
        keep[0] = False
        if trained:
            predicted = np.where(keep[labels], labels, 0).astype(np.uint16)
            write_mask(folder / "predict" / label_name(name), predicted)
            line = {
                "image": name,
                "mask": label_name(name),
                "outcome": "predicted",
                "cells": int(keep.sum()),
                "seconds": 0.02 * (1 + skill),
                "message": "",
            }
            append_line(folder / "predict" / "predictions.jsonl", line)
            (folder / "overlaps").mkdir(exist_ok=True)
            overlap_table(labels, predicted).save(folder / "overlaps" / f"{stem(name)}.npz")
        for threshold in THRESHOLDS:
            found = round(int(keep.sum()) * (1.0 if skill == 1 else 1.4 - threshold))
            found = min(found, int(keep.sum())) if trained else 0
            rows.append(_row(model, seed, name, threshold, cells, int(keep.sum()), found, number))
    return rows


def _row(
    model: str, seed: int, name: str, threshold: float, cells: int, kept: int, tp: int, number: int
) -> dict[str, Any]:
    failed = model == "broken"
    predicted = 0 if failed else kept
    precision = tp / predicted if predicted else 0.0
    recall = tp / cells if cells else 0.0
    f1 = 2 * tp / (predicted + cells) if predicted + cells else 0.0
    return {
        "model": model,
        "seed": seed,
        "image": name,
        "threshold": threshold,
        "outcome": "crashed" if failed else "scored",
        "true_cells": cells,
        "predicted_cells": predicted,
        "tp": tp,
        "fp": predicted - tp,
        "fn": cells - tp,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(f1, 4),
        "dice": 0.0 if failed else round(kept / cells, 4) if cells else 1.0,
        "modality": MODALITIES[number % 3],
    }


def _write_training(folder: Path, model: str, seed: int, skill: float) -> None:
    epochs = 6 if model == "good" else 4
    for epoch in range(1, epochs + 1):
        line = {
            "epoch": epoch,
            "step": 20 * epoch,
            "loss": round(1.2 - skill * epoch / epochs, 4),
            "val_f1": round(skill * epoch / epochs, 4),
            "val_dice": round(min(1.0, 0.2 + skill * epoch / epochs), 4),
            "lr": 6e-4,
            "seconds": 1.5,
        }
        append_line(folder / "history.jsonl", line)
    write_json(
        folder / "training.json",
        {
            "model": model,
            "version": "1.0.0",
            "architecture": "U-Net" if model == "good" else "ConvLSTM U-Net",
            "source": "MONAI" if model == "good" else "GitLab - shaked0",
            "repository": "https://example.org/" + model,
            "licence": "Apache-2.0" if model == "good" else None,
            "parameters": 912_345 if model == "good" else 74_600_000,
            "profile": "tiny",
            "seed": seed,
            "batch_size": 8,
            "learning_rate": 6e-4,
            "input_size": "256x256",
            "optimizer": "AdamW",
            "scheduler": "cosine",
            "loss": "cross-entropy and Dice",
            "epochs": epochs,
            "steps": 20 * epochs,
            "final_loss": round(1.2 - skill, 4),
            "best_val_dice": round(min(1.0, 0.2 + skill), 4),
            "best_val_f1": skill,
            "best_epoch": epochs,
            "train_images": 20,
            "val_images": 3,
            "data_sha256": "0" * 64,
            "pretrained": None,
            "device": "cpu",
            "precision": "fp32",
            "stopped": "finished" if model == "good" else "early_stop",
            "seconds": 42.0,
            "peak_memory_bytes": 700_000_000,
        },
    )


def _record(
    dataset: Path,
    truths: dict[str, Labels],
    models: Models,
    finished: bool,
) -> dict[str, Any]:
    return {
        "cellbench": "0.1.0",
        "commit": "0123456789abcdef",
        "dirty": False,
        "created": "2026-11-22T10:00:00+00:00",
        "updated": "2026-11-22T10:10:00+00:00",
        "finished": finished,
        "command": ["harness", "run-all", "--data", "my images", "--models", ",".join(models)],
        "profile": "tiny",
        "protocol": "challenge",
        "thresholds": list(THRESHOLDS),
        "runner": "local",
        "runner_reason": "no container engine answered",
        "limits": {"memory": None, "timeout_seconds": 7200.0},
        "hardware": {"cpu": "A processor", "cores": 2, "memory_bytes": 8_000_000_000},
        "versions": {"python": "3.11.2", "numpy": "2.4.6"},
        "dataset": {
            "name": "hand-made",
            "path": str(dataset),
            "sha256": "1" * 64,
            "split_sha256": "2" * 64,
            "train_images": 20,
            "val_images": 3,
            "faults": [{"image": "odd.png", "part": "Tuning", "reason": "no label"}],
            "images": [
                {
                    "image": name,
                    "image_path": str(dataset / "images" / name),
                    "label_path": str(dataset / "labels" / label_name(name)),
                    "modality": MODALITIES[number % 3],
                    "strata": {
                        "source": "made",
                        "stain": "ab"[number // 6 % 2],
                        "height": str(number),
                        "mode": "fbp"[number % 3],
                    },
                }
                for number, name in enumerate(truths)
            ],
        },
        "models": {
            name: {
                "title": title,
                "kind": kind,
                "verbs": ["describe", "predict"] + ([] if kind == "control" else ["train"]),
                "seeds": list(seeds),
                "needs_truth": name == "oracle",
                "sources_sha256": "3" * 64,
            }
            for name, (title, kind, seeds, _) in models.items()
        },
    }
