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
    "SEEN_JSON",
    "STEP_JSON",
    "SYNTHETIC_JSON",
    "TRAINING_JSON",
    "USAGE_JSON",
    "RunFolder",
    "of_shard",
    "with_shards",
]

RUN_JSON = "run.json"
LEAKAGE_JSON = "leakage.json"
SEEN_JSON = "seen.json"
"""Beside it: which test images are in training, or look like it."""
SCORES_CSV = "scores.csv"
OVERLAPS = "overlaps"
REMARKS_JSON = "remarks.json"
"""In the folder of overlaps of a run: what is suspicious about the masks of a model.

Images that were scored in shards have such a file for each, see `of_shard`; so has the next."""
INDEX_JSON = "index.json"
"""In the same folder: the hashes of the label and the mask that each table was made from."""
SCORE_JSON = "score.json"
"""In place of run.json where `evaluator score` compared two folders."""
QUALITY = "quality"
SYNTHETIC_JSON = "synthetic.json"
"""In the folder of a generator's quality: how its images compare with real ones."""

TRAINING_JSON = "training.json"
HISTORY_JSONL = "history.jsonl"
USAGE_JSON = "usage.json"
STEP_JSON = "step.json"
"""These four and predictions.jsonl lie in the folder of a step."""


def of_shard(name: str, shard: int | None) -> str:
    """What a file is called that holds one shard's part of it; None: of all images together."""
    path = Path(name)
    return name if shard is None else f"{path.stem}-{shard:04d}{path.suffix}"


def with_shards(folder: Path, name: str, shard: int | None) -> list[Path]:
    """The file of a shard; without one the file of all images and those of all shards."""
    if shard is not None:
        return [folder / of_shard(name, shard)]
    path = folder / name
    return [path, *sorted(folder.glob(f"{path.stem}-[0-9][0-9][0-9][0-9]*{path.suffix}"))]


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

    def quality(self, model: str, seed: int) -> Path:
        """What `evaluator synthetic` wrote of the images that a generator made with one seed."""
        return self.seed(model, seed) / QUALITY

    def qualities(self) -> list[Path]:
        """Those that there are, by the names of the generators."""
        found = self.root.glob(f"models/*/seed*/{QUALITY}/{SYNTHETIC_JSON}")
        return sorted(path.parent for path in found)
