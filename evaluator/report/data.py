"""What the report is made from: the run, its models, its images and the frame of scores."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pandas as pd

from evaluator.runs.records import Fault, LeakageRecord, ModelRecord, RunRecord, SeenRecord, Usage
from evaluator.runs.trial import TrialRecord
from evaluator.runs.words import DEFAULT_METRICS, Metrics
from evaluator.scores.further import FURTHER_COLUMNS, of_failed
from evaluator.scores.rows import SCORE_COLUMNS, ScoreRow

SCORED = "scored"
COLUMNS = {
    field.name: {int: "int64", float: "float64"}.get(cast(type, field.type), "str")
    for field in dataclasses.fields(ScoreRow)
    if field.name in SCORE_COLUMNS
}
PAIR = ["model", "seed", "image"]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """By which rules the masks became scores; empty where that is not recorded."""

    protocol: str = ""
    border: bool = False
    """Whether `plain` dropped the cells on the border."""
    thresholds: tuple[float, ...] = ()
    metrics: Metrics = DEFAULT_METRICS
    faults: tuple[Fault, ...] = ()

    @property
    def label(self) -> str:
        if not self.protocol:
            return "not recorded"
        return f"{self.protocol} with border rule" if self.border else self.protocol


@dataclass(frozen=True, kw_only=True)
class DatasetImage:
    """One test image as run.json lists it; the paths are None when only scores are known."""

    name: str
    image: Path | None = None
    label: Path | None = None
    modality: str = ""
    pixel_size_um: float | None = None
    """Micrometres a pixel; None when nobody says."""
    strata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SeedRun:
    """What one seed of one model left behind; an absent file is an empty mapping or tuple."""

    seed: int
    training: Mapping[str, Any]
    history: tuple[Mapping[str, Any], ...]
    train_usage: Usage | None
    predict_usage: Usage | None
    predictions: tuple[Mapping[str, Any], ...]
    """The lines of predictions.jsonl, one per image that was tried."""
    masks: Path | None
    """Folder of predicted label files."""
    overlaps: Path | None
    """Folder of stored overlap tables."""
    weights_sha256: str | None = None
    """Of the weights that predicted; None for a model without any, or where it is not recorded."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model of the run, in the order of run.json."""

    name: str
    title: str
    kind: str
    """`segmenter`, `control`, `peer`, `foreign`, or `unknown` when there is no run.json."""
    runs: tuple[SeedRun, ...]
    record: ModelRecord | None

    @property
    def is_control(self) -> bool:
        return self.kind == "control"

    @property
    def role(self) -> str:
        """What stands beside its name."""
        roles = {"control": "control", "foreign": "foreign image", "peer": "peer"}
        return roles.get(self.kind, "")

    @property
    def needs_truth(self) -> bool:
        """Whether it is given the truth, so that to be below it says nothing."""
        return bool(self.record and self.record.needs_truth)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple(run.seed for run in self.runs)


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything that the report's tables, figures and sentences are made from."""

    title: str
    source: Path | None
    run: RunRecord | None
    finished: bool
    protocol: str
    thresholds: tuple[float, ...]
    scores: pd.DataFrame
    """The columns of scores.csv; one row per model, seed, image and threshold."""
    models: tuple[Model, ...]
    images: tuple[DatasetImage, ...]
    """Those whose truth is complete: the denominator of everything but `sparse`."""
    faults: tuple[Fault, ...]
    notes: tuple[str, ...]
    sparse: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The same columns, of images of which only some cells are labelled: recall alone is known."""
    seen: SeenRecord | None = None
    """Test images that weights had learned from before; None where nothing is known of any."""
    leakage: LeakageRecord | None = None
    """What comparing test and training images found; None where that was not done."""

    @property
    def trial(self) -> TrialRecord | None:
        """What was declared, where the models are the arms of a trial."""
        return self.run.trial if self.run else None

    @property
    def has_further(self) -> bool:
        """Whether `scores` has the further columns."""
        return "ap" in self.scores

    @property
    def base(self) -> float:
        """The threshold of the summary: 0.5, or the lowest one when 0.5 was not scored."""
        return 0.5 if 0.5 in self.thresholds else min(self.thresholds, default=0.5)


def score_frame(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """Rows of scores.csv as a frame with the same columns; an empty cell of the further is NaN."""
    rows = list(rows)
    values = [[getattr(row, name) for name in COLUMNS] for row in rows]
    frame = pd.DataFrame(values, columns=list(COLUMNS)).astype(COLUMNS)
    if any(row.further for row in rows):
        more = [[getattr(row.further, name, None) for name in FURTHER_COLUMNS] for row in rows]
        frame[list(FURTHER_COLUMNS)] = pd.DataFrame(more, dtype="float64")
    return frame


def complete(
    scores: pd.DataFrame,
    models: tuple[Model, ...],
    images: tuple[DatasetImage, ...],
    thresholds: tuple[float, ...],
) -> tuple[pd.DataFrame, int]:
    """Adds a row with outcome `missing` for every (model, seed, image, threshold) that has none.

    Returns the frame and the number of (model, seed, image) pairs that were added to. The number
    of true cells is taken from another model's row of that image, 0 when nobody has one.
    """
    expected = pd.MultiIndex.from_tuples(
        [
            (model.name, seed, image.name, threshold)
            for model in models
            for seed in model.seeds
            for image in images
            for threshold in thresholds
        ],
        names=[*PAIR, "threshold"],
    )
    present = pd.MultiIndex.from_frame(scores[[*PAIR, "threshold"]])
    absent = expected.difference(present)
    if absent.empty:
        return scores, 0
    rows = absent.to_frame(index=False)
    true_cells = scores.groupby(["image", "threshold"])["true_cells"].max()
    keys = pd.MultiIndex.from_frame(rows[["image", "threshold"]])
    rows["true_cells"] = true_cells.reindex(keys).fillna(0).to_numpy().astype("int64")
    rows["fn"] = rows["true_cells"]
    modality = {image.name: image.modality for image in images}
    rows["modality"] = rows["image"].map(modality)
    rows["outcome"] = "missing"
    for name in ("predicted_cells", "tp", "fp", "precision", "recall", "f1", "dice"):
        rows[name] = 0
    filled = rows[list(COLUMNS)].astype(COLUMNS)
    if "ap" in scores:
        more = [dataclasses.astuple(of_failed(cells)) for cells in rows["true_cells"]]
        filled[list(FURTHER_COLUMNS)] = pd.DataFrame(more, index=rows.index, dtype="float64")
    whole = pd.concat([scores, filled], ignore_index=True)
    return whole, len(rows.drop_duplicates(PAIR))
