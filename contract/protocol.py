"""What a Python model implements, and what it is handed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from contract.large import Region
from contract.schema import Subset, TrainingSummary


@dataclass(frozen=True, kw_only=True)
class Image:
    """One image to segment.

    `pixels` has shape (H, W, 3) and dtype uint8, uint16 or float32, not normalised.
    `truth` is the label file, for controls that ask for it in model.yaml; None for all others.
    `pixel_size_um` is a hint for models that search for a scale: micrometres a pixel as the file
    says, None where it does not say or cannot be right, which is the case of most.
    `cell_diameter` is one that can be relied on: the width of a typical cell in pixels, where a
    person said it.

    A picture of more than `contract.large.MOST_WHOLE` pixels comes in regions that overlap, and
    the cells found in them are joined: `pixels` are those of one region then, and `region` says
    where it lies and what is known of the whole picture. A model that looks at it, for the same
    contrast everywhere, has no seams; one that does not works all the same.
    """

    name: str
    pixels: npt.NDArray[np.generic]
    truth: Path | None = None
    region: Region | None = None
    pixel_size_um: float | None = None
    cell_diameter: float | None = None


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """The labels of an image, and what the model has to say about them.

    `labels` has shape (H, W), 0 for background, each id one cell. `counts` are numbers of things by
    name, such as the cells that each of two methods found; they and `message` go into the image's
    line in predictions.jsonl.
    """

    labels: npt.NDArray[np.integer]
    counts: Mapping[str, int] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainPair:
    """One labelled image and the part of the split that it belongs to."""

    image: Path
    label: Path
    subset: Subset


@dataclass(frozen=True, kw_only=True)
class TrainCall:
    """Everything that one training needs.

    `weights` exists and takes whatever the model saves. `out` is the mounted output folder:
    history.jsonl goes there, and checkpoints into `out`/checkpoint, which is there again after a
    kill and is removed by the container when training has finished. `settings` is the profile
    with the --set overrides, checked and complete if the segmenter declares its settings (see
    `contract.take`). `progress(done, total, message)` reports optimiser steps or epochs.
    """

    pairs: tuple[TrainPair, ...]
    weights: Path
    out: Path
    profile: str
    settings: Mapping[str, Any]
    seed: int
    threads: int
    progress: Callable[[int, int, str], None]

    @property
    def checkpoint(self) -> Path:
        """The folder for resumable state."""
        return self.out / "checkpoint"


class Segmenter(Protocol):
    """A model behind the contract.

    Built once per call: with the weights folder to predict, with None to train or when the
    model needs no weights. A model that does not learn leaves `train` out and does not list the
    verb in model.yaml.
    """

    def __init__(self, weights: Path | None, threads: int) -> None: ...

    def predict(self, image: Image) -> npt.NDArray[np.integer] | Prediction:
        """Labels of shape (H, W), 0 for background, each id one cell; alone or in a Prediction."""
        ...


class Trainable(Segmenter, Protocol):
    """A segmenter that learns."""

    def train(self, call: TrainCall) -> TrainingSummary:
        """Fills `call.weights` and says what was done."""
        ...
