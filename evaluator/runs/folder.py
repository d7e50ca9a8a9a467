"""Where each thing lies in a run folder, and what its files are called."""

from dataclasses import dataclass
from pathlib import Path

from contract.predict import LINES as PREDICTIONS_JSONL
from evaluator.runs.words import StepName

__all__ = [
    "HISTORY_JSONL",
    "INDEX_JSON",
    "LEAKAGE_JSON",
    "OVERLAPS",
    "PREDICTIONS_JSONL",
    "REMARKS_JSON",
    "RUN_JSON",
    "SCORES_CSV",
    "SCORE_JSON",
    "STEP_JSON",
    "TRAINING_JSON",
    "USAGE_JSON",
    "RunFolder",
]

RUN_JSON = "run.json"
LEAKAGE_JSON = "leakage.json"
"""Beside it: which test images are in training, or look like it."""
SCORES_CSV = "scores.csv"
OVERLAPS = "overlaps"
REMARKS_JSON = "remarks.json"
"""In the folder of overlaps of a run: what is suspicious about the masks of a model."""
INDEX_JSON = "index.json"
"""In the same folder: the hashes of the label and the mask that each table was made from."""
SCORE_JSON = "score.json"
"""In place of run.json where `evaluator score` compared two folders."""

TRAINING_JSON = "training.json"
HISTORY_JSONL = "history.jsonl"
USAGE_JSON = "usage.json"
STEP_JSON = "step.json"
"""These four and predictions.jsonl lie in the folder of a step."""


@dataclass(frozen=True)
class RunFolder:
    """The paths inside one run."""

    root: Path

    @property
    def run_json(self) -> Path:
        """What was asked, and on what."""
        return self.root / RUN_JSON

    @property
    def scores_csv(self) -> Path:
        """One row per model, seed, image and threshold."""
        return self.root / SCORES_CSV

    @property
    def report(self) -> Path:
        """The folder of the rendered report."""
        return self.root / "report"

    @property
    def stage(self) -> Path:
        """What containers read, laid out for them while the run goes on."""
        return self.root / ".stage"

    def seed(self, model: str, seed: int) -> Path:
        """Everything that one model did with one seed."""
        return self.root / "models" / model / f"seed{seed}"

    def step(self, model: str, seed: int, step: StepName) -> Path:
        """What one step's container wrote, with log.txt, usage.json and step.json."""
        return self.seed(model, seed) / step

    def overlaps(self, model: str, seed: int) -> Path:
        """One sparse overlap table per image, <stem>.npz."""
        return self.seed(model, seed) / OVERLAPS
