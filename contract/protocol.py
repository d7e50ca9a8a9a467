"""What a Python model implements, and what it is handed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from contract.large import Region
from contract.names import stem
from contract.schema import Masks, Subset, TrainingSummary
from contract.start import Start


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
    """One labelled image and the part of the split that it belongs to.

    A frame of a movie has the movie's name as its `sequence`, and its number there as `frame`, as
    sequences.csv says. `modality` is what manifest.csv says, for generators alone; "" for all
    others. `source` is what split.csv says: where such images come from, so that a training can see
    that none of few images is lost among the others; "" where it does not say.
    """

    image: Path
    label: Path
    subset: Subset
    source: str = ""
    sequence: str = ""
    frame: int | None = None
    modality: str = ""

    @property
    def stem(self) -> str:
        """What names the image among the sources of a generated one."""
        return stem(self.image.name)


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
    start: Start | None = None
    """The weights that its setting `start_from` names; None: it starts as the model does."""

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


@dataclass(frozen=True, kw_only=True)
class GenerateCall:
    """What one call of `generate` works from.

    `pairs` are the labelled images of the subset train: no other image may be looked at. `held` are
    those that are held back, for a control whose model.yaml says `needs_held`; empty otherwise.
    `masks` is one of the words that model.yaml lists, None where it lists none. `count` is the
    number of samples that are wanted; a sample must not depend on it.
    """

    pairs: tuple[TrainPair, ...]
    held: tuple[TrainPair, ...]
    count: int
    seed: int
    masks: Masks | None
    threads: int

    def random(self, index: int) -> np.random.Generator:
        """The random numbers of sample `index`, which follow from it and the seed alone."""
        return np.random.default_rng((self.seed, index))


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A generated image with its labels.

    `pixels` has shape (H, W) or (H, W, 3) and dtype uint8 or uint16, `labels` shape (H, W), 0 for
    background, each id one cell. `sources` are the stems of every real image that the mask or the
    pixels come from (see `TrainPair.stem`); what a trained network has learned from is none.
    `score` is that of the generator's own filter; a `dropped` sample did not pass it and is not
    written, and another one takes its place.
    """

    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    labels: npt.NDArray[np.integer]
    modality: str = ""
    sources: tuple[str, ...] = ()
    score: float | None = None
    dropped: bool = False
    message: str = ""


class Generator(Protocol):
    """A generator of labelled images behind the contract.

    Built once per call: with the weights folder to generate, with None to train or when it needs
    no weights. One that learns has `train` as a `Trainable` segmenter does, and lists the verb.
    """

    def __init__(self, weights: Path | None, threads: int) -> None: ...

    def prepare(self, call: GenerateCall) -> None:
        """Called once, before the first sample; CallError for a call that cannot be served."""
        ...

    def generate(self, index: int) -> Sample:
        """Sample number `index`, from 0 on.

        It depends on the seed, the index and the training images alone, not on the samples before
        it: an interrupted call goes on where it stopped, and the same seed gives the same bytes.
        """
        ...
