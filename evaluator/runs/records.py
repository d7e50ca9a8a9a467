"""The records in a run folder's files: run.json, score.json, usage.json, step.json, predictions."""

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from contract.shown import shown
from evaluator.runs.trial import TrialRecord
from evaluator.runs.words import (
    DEFAULT_METRICS,
    LineOutcome,
    Metrics,
    Outcome,
    Protocol,
    RunnerName,
    StepOutcome,
)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Fault(_Record):
    """An image that the dataset itself spoils: it leaves the denominator for all models alike."""

    image: str
    part: str
    """The folder it is in, Training-labeled or Tuning."""
    reason: str


class Remark(_Record):
    """What should be known about a file of the dataset that is used, or was passed over."""

    name: str
    """A file, or images/ or labels/ as a whole."""
    part: str
    text: str
    suspicious: bool = False
    """Whether it says that a label may not hold what its author meant."""


class Health(_Record):
    """What is odd about the labels of a part of the dataset: how many labels, or cells, have it."""

    labels: int = 0
    empty: int = 0
    """Labels without a cell."""
    cells: int = 0
    fragmented: int = 0
    """Cells in several pieces of some size."""
    specks: int = 0
    """Cells of 4 pixels or fewer."""
    with_holes: int = 0
    """Cells that surround background; labels of more than 25 megapixels are not looked at."""
    on_frame: int = 0
    """Cells on the outer 2 rows or columns, which the challenge's protocol drops."""
    outlying: int = 0
    """Cells 8 times larger or smaller than the median of their image's 8 or more."""
    saturated: int = 0
    """Labels whose highest id is 255 or 65535."""
    foreground: int = 0
    """Labels of one or a few ids over many pieces: foreground, or classes."""

    def __add__(self, other: "Health") -> "Health":
        fields = type(self).model_fields
        return Health(**{name: getattr(self, name) + getattr(other, name) for name in fields})


class TestImage(_Record):
    """One image that models are scored on."""

    __test__ = False  # not a test case, whatever pytest makes of the name

    image: str
    image_path: str
    label_path: str
    truth_sha256: str = ""
    """Of the label's ids, however they are stored; "" in a run from before that was recorded."""
    modality: str = ""
    sparse: bool = False
    """Whether only some of its cells are labelled."""
    pixel_size_um: float | None = None
    """Micrometres a pixel, from manifest.csv or else from the file; None when nobody says."""
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
    remarks: tuple[Remark, ...] = ()
    health: dict[str, Health] = Field(default_factory=dict)
    """By part, of its usable labels."""
    images: tuple[TestImage, ...]


class Likeness(_Record):
    """Two images on two sides of a split that are not independent of each other."""

    image: str
    subset: Literal["test", "val"]
    other: str
    """The training image that it is like most, or the first one of its group."""
    other_subset: Literal["train", "val"]
    kind: Literal["equal", "copy", "alike", "group", "movie"]
    """The same pixels; the same picture in another form; a similar one, such as a later frame; the
    same `group` of the manifest; names that differ in the number of a frame alone."""
    how: str = ""
    """In which form, in words, or the group, or the name without the number."""
    more: int = 0
    """Further training images that it is like in this way."""
    correlation: float | None = None
    """Of the grey values where both are, one laid over the other; None where nothing was laid."""


class LeakageRecord(_Record):
    """leakage.json: what comparing the images of a split with each other has found."""

    key: str
    """Hash of the images, the split and this program's way to compare."""
    images: int
    compared: int
    """Of them, those that could be read, and were before the time was up."""
    timed_out: bool = False
    seconds: float
    found: tuple[Likeness, ...] = ()


class SeenImage(_Record):
    """A test image that weights had learned from before the run."""

    image: str
    other: str
    """The image that they learned from, by its source and its name there."""
    equal: bool
    """Whether the pixels are the same, and not only the picture."""


class SeenRecord(_Record):
    """seen.json: test images among those that the weights which models start from learned from."""

    keys: dict[str, str]
    """By model, a hash of the images on both sides."""
    models: dict[str, tuple[SeenImage, ...]]
    """By model; empty where none was found."""


class ModelRecord(_Record):
    """One model of a run; `kind` is "foreign" for an image that has no folder here, "peer" for
    somebody else's package behind the contract, and "generator" also for a control of theirs."""

    title: str
    kind: Literal["segmenter", "control", "peer", "foreign", "generator"]
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
    pretrained_on: tuple[str, ...] | None = None
    weights_licence: str | None = None
    data_licences: tuple[str, ...] | None = None
    """These seven as in model.yaml."""
    sources_sha256: str | None = None
    image: str | None = None
    image_digest: str | None = None
    contract: str | None = None
    """How its image is started; None in a run from before that was recorded."""
    relax: tuple[str, ...] = ()
    """What its containers were given beyond isolation."""


class LimitsRecord(_Record):
    """What each step may use."""

    memory: str | None
    timeout_seconds: float
    ignored: tuple[str, ...] = ()
    """Limits that the engine takes and does not enforce, in words."""


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
    protocol: Protocol
    thresholds: tuple[float, ...]
    metrics: Metrics = DEFAULT_METRICS
    runner: RunnerName
    runner_reason: str
    limits: LimitsRecord
    hardware: Hardware
    versions: dict[str, str]
    dataset: DatasetRecord
    models: dict[str, ModelRecord]
    trial: TrialRecord | None = None
    """Where the models are the arms of a trial."""


class ScoreRecord(_Record):
    """score.json: how `evaluator score` compared two folders."""

    version: int = 1
    cellbench: str
    created: str
    model: str
    truth: str
    """The two folders, absolute."""
    predicted: str
    protocol: Protocol
    border: bool
    thresholds: tuple[float, ...]
    metrics: Metrics = DEFAULT_METRICS
    outcomes: dict[Outcome, int]
    """Number of images by outcome, those that occur."""
    failures: dict[str, str]
    """Image → why it counts 0."""
    warnings: dict[str, tuple[str, ...]]
    """Image → what is suspicious about its masks."""
    faults: dict[str, str]
    """Truth file → why it left the denominator."""
    unpaired: tuple[str, ...]
    """Predicted masks without a truth."""
    passed_over: dict[str, str] = Field(default_factory=dict)
    """Path → why a file, or what kind of files of a folder, plays no part."""
    masks: dict[str, str]
    """Image → the file name of its mask."""
    truth_sha256: dict[str, str] = Field(default_factory=dict)
    """Image → hash of its true ids, however they are stored."""
    sparse: tuple[str, ...] = ()
    """Images of which only some cells are labelled."""
    versions: dict[str, str]


class MaskRemarks(RootModel[dict[str, tuple[str, ...]]]):
    """remarks.json: by image, what is suspicious about one model's masks."""


class OverlapIndex(RootModel[dict[str, list[str]]]):
    """index.json: by image, the hashes of the label and the mask that its table was made from."""


class Usage(_Record):
    """usage.json: what one step took, measured from outside the model."""

    runner: RunnerName
    outcome: StepOutcome
    exit_code: int | None
    image_digest: str | None = None
    """The id of the image that ran; None without one."""
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


def _or(default: object) -> WrapValidator:
    """Takes `default` in place of a value that does not fit."""

    def validate(value: Any, fit: ValidatorFunctionWrapHandler) -> Any:
        try:
            return fit(value)
        except ValidationError:
            return default

    return WrapValidator(validate)


LONGEST_MESSAGE = 1000
"""Characters of a message about one image that are kept."""


def _readable(message: str) -> str:
    return shown(message, LONGEST_MESSAGE)


MOST_CELLS = 2**32
"""Ids of a mask have at most 32 bits."""


class PredictionRecord(BaseModel):
    """A line of predictions.jsonl in a run: how one image ended, as its model or the harness says.

    Models of other authors write these lines too: image and outcome decide whether it is one, and
    of the rest what does not fit is taken as not given.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    image: str
    mask: Annotated[str | None, _or(None)] = None
    outcome: LineOutcome
    cells: Annotated[int | None, Field(strict=True, ge=0, le=MOST_CELLS), _or(None)] = None
    seconds: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False), _or(0.0)] = 0.0
    message: Annotated[str, AfterValidator(_readable), _or("")] = ""
    counts: Annotated[dict[str, int], Field(strict=True, max_length=100), _or({})] = {}
