"""The documents that containers and harness exchange, version 1 of the contract."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from contract.errors import CallError

ModelName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Verb = Literal["describe", "train", "predict", "generate"]
Kind = Literal["segmenter", "generator", "control"]
Contract = Literal["cellbench-1", "neurips22", "grand-challenge"]
Freedom = Literal["root", "write", "home"]
"""What a container may be given beyond isolation: to run as the image's own user, to write to the
image's own files, to have the image's own HOME."""
PredictOutcome = Literal["predicted", "unreadable", "out_of_memory", "crashed"]
GenerateOutcome = Literal["generated", "dropped", "out_of_memory", "crashed"]
"""A dropped sample did not pass the generator's own filter; another one took its place."""
Subset = Literal["train", "val", "held"]
"""Of a labelled image: to learn from, to choose by, or held back from every training."""
Masks = Literal["real", "replaced", "sampled", "procedural", "moved"]
"""Where the masks of generated images come from: those of training images as they are (real), their
cells placed anew (replaced), drawn from a model of shapes and layout that was fitted to them
(sampled), drawn by rules without data (procedural), or those of the next frame by a model of
motion (moved)."""
Stopped = Literal["finished", "early_stop", "time_limit"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightsSet(_Document):
    """Weights that lie elsewhere: a zip file with the files of a weights folder."""

    url: str
    """http, https or file."""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    licence: str | None = None


class ModelCard(_Document):
    """model.yaml, and what `describe` prints."""

    name: ModelName
    """Small letters, digits, - and _: the name on the command line and in run folders."""
    title: str
    """The name that people read."""
    kind: Kind
    """A control brackets the scores and takes no part in the ranking."""
    contract: Contract = "cellbench-1"
    """How the image is called; the other two are for submissions to challenges, unchanged."""
    verbs: tuple[Verb, ...]
    """What it can do."""
    entry: str = "segmenter.py"
    """The Python file that serves the contract, beside model.yaml."""
    image: str | None = None
    """A ready image to run instead of one built from this folder."""
    peer: bool = False
    """Whether it is somebody else's package behind the contract, in packages of its own: no part of
    the default run, and reached by name."""
    needs_truth: bool = False
    """Whether predict is handed the true labels, at /truth; for controls."""
    needs_held: bool = False
    """Whether generate is handed the labelled images that are held back; for controls."""
    masks: tuple[Masks, ...] = ()
    """What `--masks` of a generator may say, the default first; empty: there is no choice."""
    shm: str = "1g"
    """Size of /dev/shm in the container."""
    relax: tuple[Freedom, ...] = ()
    """Freedoms without which the image does not work; the report names them."""
    source: str | None = None
    """Where the method comes from, in words."""
    repository: str | None = None
    """Address of the original code."""
    licence: str | None = None
    """Of the code, as an SPDX identifier."""
    weights_licence: str | None = None
    """Of the weights that it comes with."""
    data_licences: tuple[str, ...] | None = None
    """Of the images that these learned from."""
    larger_weights: WeightsSet | None = None
    """Others than it comes with; `harness weights fetch` gets them."""
    pretrained_licence: str | None = None
    """Of others' weights that a training can start from, see `pretrained_on`."""
    architecture: str | None = None
    citation: str | None = None
    """How a paper cites it; the report's methods paragraph does."""
    pretrained_on: tuple[str, ...] | None = None
    """Datasets, by name, that the weights which it starts from or comes with were trained on; empty
    for none, None where that is not known."""
    settings: dict[str, Any] | None = None
    """JSON schema of what `--set` and a profile can say: types, ranges, defaults, descriptions.
    Only `describe` gives it; None: any key is taken."""
    profiles: tuple[str, ...] | None = None
    """The named settings there are; only `describe` gives them."""
    values: dict[str, Any] | None = None
    """All settings of the profile and overrides that `describe` was asked for."""

    @model_validator(mode="after")
    def _only_controls_see_the_truth(self) -> "ModelCard":
        if self.needs_truth and self.kind != "control":
            raise ValueError(
                f"needs_truth is for controls: a {self.kind} that is handed the true labels could"
                " return them"
            )
        if self.needs_held and self.kind != "control":
            raise ValueError(
                f"needs_held is for controls: what a {self.kind} makes of held-back images is no"
                " gain over images that nobody labelled"
            )
        return self

    @model_validator(mode="after")
    def _kind_fits_the_verbs(self) -> "ModelCard":
        if "generate" in self.verbs and (self.kind == "segmenter" or "predict" in self.verbs):
            raise ValueError("the verb generate is for generators and controls that do not predict")
        if self.kind == "generator" and "generate" not in self.verbs:
            raise ValueError("a generator needs the verb generate")
        if self.contract != "cellbench-1" and "generate" in self.verbs:
            raise ValueError("only the contract cellbench-1 has the verb generate")
        return self


class PredictionLine(_Document):
    """One line of predictions.jsonl: how one image ended."""

    image: str
    """File name."""
    mask: str | None
    """File name; null unless the outcome is predicted."""
    outcome: PredictOutcome
    cells: int | None = Field(ge=0)
    """Number of cells in the mask; null without one."""
    seconds: float = Field(ge=0)
    """Reading, predicting and writing."""
    message: str = ""
    """Why it failed, or what the model has to say about the image."""
    counts: dict[str, int] = {}
    """What the model counts by itself, by name."""


class GeneratedLine(_Document):
    """One line of generated.jsonl: how one sample ended."""

    image: str
    """File name in images/; the number of the sample stands at the end of its stem."""
    label: str | None
    """File name in labels/; null unless the outcome is generated."""
    outcome: GenerateOutcome
    method: ModelName
    """The generator."""
    modality: str = ""
    """Of the sample, as the training images' modalities are called; empty where none is known."""
    sources: tuple[str, ...] = ()
    """Stems of every real image that its mask or its pixels come from, sorted."""
    seconds: float = Field(ge=0)
    """Generating and writing."""
    score: float | None = None
    """Of the generator's own filter; null without one."""
    message: str = ""
    """Why it failed or was dropped, or what the generator has to say about the sample."""


class TrainingSummary(_Document):
    """What a model knows about its own training; a field that does not apply is None.

    So is a number that is not finite, such as the loss of a training that diverged.
    """

    architecture: str | None = None
    parameters: int | None = None
    """Number of weights that can be trained."""
    batch_size: int | None = None
    learning_rate: float | None = None
    input_size: str | None = None
    """Height×width of a training crop, in pixels, as "256x256"."""
    optimizer: str | None = None
    scheduler: str | None = None
    """How the learning rate changes."""
    loss: str | None = None
    epochs: int | None = None
    steps: int | None = None
    """Steps of the optimiser."""
    final_loss: float | None = None
    best_val_dice: float | None = None
    """On the validation images; foreground Dice."""
    best_val_f1: float | None = None
    """On the validation images; F1 at IoU 0.5."""
    best_epoch: int | None = None
    """The epoch whose weights were kept."""
    pretrained: str | None = None
    """Which weights it started from, or "none"."""
    start_val_f1: float | None = None
    """Of the weights that it started from; where `best_val_f1` is no better, they were kept
    (`best_epoch` 0)."""
    device: str | None = None
    precision: str | None = None
    """Number format of the training, such as fp32 or bf16."""
    stopped: Stopped | None = None
    """Why training ended; "time_limit" means that the result depends on the machine's speed."""
    steps_asked: int | None = None
    """Of the profile; `steps` are fewer on a machine too slow for them in the time there is."""
    size_steps: int | None = None
    """Steps of a small network that tells how wide the cells of an image are."""
    size_seconds: float | None = None
    """What these steps took."""

    @field_validator("learning_rate", "final_loss", "best_val_dice", "best_val_f1", "start_val_f1")
    @classmethod
    def _finite_or_none(cls, value: float | None) -> float | None:
        return value if value is not None and math.isfinite(value) else None


class TrainingRecord(TrainingSummary):
    """training.json: the model's own summary and what the container adds to it."""

    model: str
    version: str
    """Of cellbench."""
    source: str | None
    repository: str | None
    licence: str | None
    profile: str
    remark: str | None = None
    """What should be known of its weights."""
    overrides: str | None = None
    """What --set changed of the profile."""
    seed: int
    train_images: int
    val_images: int
    data_sha256: str
    """Hash of names, contents and subsets of all training pairs."""
    seconds: float
    """Of all calls together when it was interrupted."""
    peak_memory_bytes: int | None
    """None where nothing was trained."""


class HistoryLine(BaseModel):
    """One line of history.jsonl, an epoch; models may add fields of their own."""

    model_config = ConfigDict(extra="allow", frozen=True)

    epoch: int
    step: int
    """Steps of the optimiser so far."""
    loss: float | None
    """Mean over the epoch."""
    val_f1: float | None = None
    """On the validation images, at IoU 0.5; null in an epoch without validation."""
    val_dice: float | None = None
    """On the validation images, of the foreground."""
    lr: float | None = None
    """Learning rate."""
    seconds: float
    """Since the training began, interruptions not counted."""


def read_card(folder: Path) -> ModelCard:
    """Reads `folder`/model.yaml; raises CallError that names the wrong field."""
    import yaml
    from pydantic import ValidationError

    path = folder / "model.yaml"
    try:
        return ModelCard.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise CallError(f"No model.yaml in {folder}.", "the folder holds no model") from error
    except (yaml.YAMLError, ValidationError) as error:
        raise CallError(
            f"{path} is no valid model description: {_explain(error)}",
            do="compare it with containers/unet/model.yaml",
        ) from error


def _explain(error: Exception) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'document'}: {item['msg']}"
            for item in error.errors()
        )
    return " ".join(str(error).split())
