"""The run folder: where each thing lies, and the schema of run.json, usage.json and step.json."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

StepName = Literal["train", "predict"]
STEPS: tuple[StepName, ...] = ("train", "predict")


@dataclass(frozen=True)
class RunFolder:
    """The paths inside one run."""

    root: Path

    @property
    def run_json(self) -> Path:
        """What was asked, and on what."""
        return self.root / "run.json"

    @property
    def scores_csv(self) -> Path:
        """One row per model, seed, image and threshold."""
        return self.root / "scores.csv"

    @property
    def report(self) -> Path:
        """The folder of the rendered report."""
        return self.root / "report"

    def seed(self, model: str, seed: int) -> Path:
        """Everything that one model did with one seed."""
        return self.root / "models" / model / f"seed{seed}"

    def step(self, model: str, seed: int, step: StepName) -> Path:
        """What one step's container wrote, with log.txt, usage.json and step.json."""
        return self.seed(model, seed) / step

    def overlaps(self, model: str, seed: int) -> Path:
        """One sparse overlap table per image, <stem>.npz."""
        return self.seed(model, seed) / "overlaps"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Record):
    """An image that the dataset itself spoils: it leaves the denominator for all models alike."""

    image: str
    part: str
    """The folder it is in, Training-labeled or Tuning."""
    reason: str


class TestImage(_Record):
    """One image that models are scored on."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    image: str
    image_path: str
    label_path: str
    modality: str = ""
    strata: dict[str, str] = Field(default_factory=dict)
    """Further columns of manifest.csv."""


class DatasetRecord(_Record):
    """The dataset of a run."""

    name: str
    path: str
    sha256: str
    split_sha256: str
    train_images: int
    val_images: int
    faults: tuple[Fault, ...] = ()
    images: tuple[TestImage, ...]


class ModelRecord(_Record):
    """One model of a run; `kind` is "foreign" for an image that has no folder here."""

    title: str
    kind: Literal["segmenter", "control", "foreign"]
    verbs: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: tuple[str, ...] = ()
    """KEY=VALUE for each setting that differs from the profile."""
    needs_truth: bool = False
    """A control that is given the truth, which no other model can be expected to beat."""
    source: str | None = None
    repository: str | None = None
    licence: str | None = None
    citation: str | None = None
    """These four as in model.yaml."""
    sources_sha256: str | None = None
    image: str | None = None
    image_digest: str | None = None


class Limits(_Record):
    """What each step may use."""

    memory: str | None
    timeout_seconds: float


class Hardware(_Record):
    """The machine that the run was started on."""

    cpu: str
    cores: int
    memory_bytes: int
    gpus: tuple[str, ...] = ()


class RunRecord(_Record):
    """run.json."""

    version: int = 1
    cellbench: str
    commit: str | None
    dirty: bool | None
    created: str
    updated: str
    finished: bool
    """False while a run goes on and after it was interrupted."""
    command: tuple[str, ...]
    profile: str
    protocol: Literal["challenge", "plain"]
    thresholds: tuple[float, ...]
    runner: Literal["docker", "local"]
    runner_reason: str
    limits: Limits
    hardware: Hardware
    versions: dict[str, str]
    dataset: DatasetRecord
    models: dict[str, ModelRecord]


class Usage(_Record):
    """usage.json: what one step took, measured from outside the model."""

    runner: Literal["docker", "local"]
    outcome: Literal["done", "crashed", "out_of_memory", "timeout", "interrupted"]
    exit_code: int | None
    start_seconds: float | None = None
    """From the start of the process to its first event."""
    load_seconds: float | None = None
    """From the first event until the model was loaded."""
    work_seconds: float | None = None
    """From then to the end."""
    seconds: float
    peak_memory_bytes: int | None = None
    peak_vram_bytes: int | None = None
    attempts: int = 1
    message: str = ""


class StepRecord(_Record):
    """step.json: the key of a step and the inputs that it is the hash of."""

    key: str
    inputs: dict[str, str]
    finished: bool
