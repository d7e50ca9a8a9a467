"""Reads anyone's table of scores by image, CSV or JSON, whatever its columns are called."""

import csv
import io
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import CallError

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "arm": ("arm", "model", "method", "algorithm", "network", "approach", "system"),
    "seed": ("seed", "random_seed", "run", "repeat", "repetition", "replicate", "training"),
    "image": (
        "image", "image_id", "image_name", "img", "file", "filename", "file_name", "case",
        "case_id", "sample", "sample_id", "name", "names",
    ),
    "score": (
        "score", "f1", "f1_score", "mean_f1", "dice", "iou", "jaccard", "ap", "pq", "aji", "seg",
        "metric", "value",
    ),
    "true_cells": (
        "true_cells", "gt_cells", "n_true", "n_gt", "true_count", "gt_count", "num_gt",
        "true_objects", "true_num", "n_cells",
    ),
    "pred_cells": ("pred_cells", "predicted_cells", "n_pred", "pred_count", "num_pred", "pred_num"),
    "steps": (
        "steps", "training_steps", "train_steps", "iterations", "iters", "epochs", "n_epochs",
        "budget",
    ),
    "threshold": ("threshold", "iou_threshold", "iou_thr", "thr"),
    "n": ("n", "n_images", "sample_size", "num_images"),
    "p": ("p", "p_value", "pvalue", "p_val", "pval"),
    "sided": ("sided", "alternative", "tail", "tails", "test"),
}  # fmt: skip
"""What is looked for, and the names by which it is known, the likeliest first."""

NEEDED = ("arm", "image", "score")


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One line of the table; a column that is absent or no number is None or ""."""

    line: int
    """Of the file; of a JSON list the place, from 1."""
    arm: str
    seed: str
    image: str
    score: float | None
    true_cells: float | None
    pred_cells: float | None
    steps: float | None
    threshold: float | None
    n: float | None
    p: float | None
    sided: str


@dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """A table of scores by image."""

    rows: tuple[TableRow, ...]
    columns: Mapping[str, str]
    """What is looked for → the heading that was taken for it."""
    unused: tuple[str, ...]
    """Headings that were taken for nothing."""


def read_table(path: Path) -> ScoreTable:
    """Reads a CSV with a heading (commas, semicolons or tabs), or JSON.

    JSON: a list of objects, such a list under any one key, or an object of columns of equal
    length. Case, blanks and dots in headings do not matter.

    Raises CallError for a file that is none of these, has no row, or lacks arm, image or score.
    """
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
            first, records = 1, _json(text)
        else:
            first, records = 2, _csv(text)
    except (OSError, ValueError) as error:
        raise CallError(
            f"{path} cannot be read as a table: {error}.",
            "a CSV has a line of headings, JSON a list of objects",
            "save it as CSV with commas, in UTF-8",
        ) from error
    headings = list(dict.fromkeys(str(heading) for record in records for heading in record))
    columns = _columns(headings)
    lacking = [name for name in NEEDED if name not in columns]
    if not records or lacking:
        raise CallError(
            f"{path} has no column for {', '.join(lacking)}." if lacking else f"{path} is empty.",
            f"its columns are {', '.join(headings) or 'none'}",
            "name them arm, image and score; "
            + "; ".join(f"{name} may be {', '.join(SYNONYMS[name][1:6])}" for name in lacking),
        )
    return ScoreTable(
        rows=tuple(_row(line, record, columns) for line, record in enumerate(records, first)),
        columns=columns,
        unused=tuple(name for name in headings if name not in columns.values()),
    )


def _csv(text: str) -> list[dict[str, Any]]:
    heading = text.partition("\n")[0]
    delimiter = max(",;\t", key=heading.count)
    reader = csv.DictReader(io.StringIO(text), delimiter=delimiter, restkey="", restval="")
    return [{str(name): value for name, value in record.items()} for record in reader]


def _json(text: str) -> list[dict[str, Any]]:
    found = json.loads(text)
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        if lists and all(isinstance(value, list) for value in found.values()):
            if len(lists) == 1 and all(isinstance(item, dict) for item in lists[0]):
                found = lists[0]
            elif len({len(value) for value in lists}) == 1:
                found = [
                    dict(zip(found, values, strict=True)) for values in zip(*lists, strict=True)
                ]
        else:
            found = next((v for v in lists if v and isinstance(v[0], dict)), None)
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise ValueError("it holds no list of objects")
    return found


def _columns(headings: Sequence[str]) -> dict[str, str]:
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in headings}
    found: dict[str, str] = {}
    for wanted, names in SYNONYMS.items():
        for name in names:
            if name in plain and plain[name] not in found.values():
                found[wanted] = plain[name]
                break
    return found


def _row(line: int, record: Mapping[str, Any], columns: Mapping[str, str]) -> TableRow:
    def text(name: str) -> str:
        value = record.get(columns.get(name, ""))
        return "" if value is None else str(value).strip()

    def number(name: str) -> float | None:
        try:
            value = float(text(name))
        except ValueError:
            return None
        return value if math.isfinite(value) else None

    return TableRow(
        line=line,
        arm=text("arm"),
        seed=text("seed"),
        image=text("image"),
        score=number("score"),
        true_cells=number("true_cells"),
        pred_cells=number("pred_cells"),
        steps=number("steps"),
        threshold=number("threshold"),
        n=number("n"),
        p=number("p"),
        sided=text("sided").lower(),
    )
