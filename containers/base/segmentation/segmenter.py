"""A network behind the contract: a model says what it is made of, and the rest is done here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
from pydantic import ValidationError

from containers.base.segmentation.settings import Settings
from contract import CallError, Image, Kinds, Prediction, TrainCall, TrainingSummary, take
from contract.settings import SettingsModel

if TYPE_CHECKING:
    import torch

    from containers.base.segmentation.predict import MakePredictor, Predictor
    from containers.base.segmentation.task import Task

Values: TypeAlias = Mapping[str, Any]
"""Settings by key: those of a training, or those that were kept with its weights."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a model is made of."""

    task: "Callable[[Values], Task[Any, Any]]"
    """What the network learns."""
    build: "Callable[[Values, bool], torch.nn.Module]"
    """The network. The second argument is true for one that is about to learn and false for one
    that is about to get its weights from a folder."""
    origin: Callable[[Values], str] = lambda values: "none"
    """Names the weights that the network starts to learn from, for training.json."""
    predictor: "Callable[[Values], MakePredictor[Any]] | None" = None
    """What looks at images, where `predict.Predictor` does not do."""


class NetworkSegmenter:
    """The base of a `Segmenter` whose network is trained by `loop.train_network`.

    A model names all `settings` that a profile can set, and says in `parts` what it is made of.
    Modules that need torch are imported there, so that nothing waits for them without need.
    """

    settings: ClassVar[Kinds]
    layout: ClassVar[type[SettingsModel]]
    """Those that rebuild the network; they are kept with the weights, as the task's are."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else self._load(weights, threads)

    def parts(self) -> Parts:
        """What the model is made of."""
        raise NotImplementedError

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `loop.train_network`."""
        from containers.base.segmentation.loop import train_network
        from containers.base.segmentation.predict import Predictor

        parts, values = self.parts(), call.settings
        return train_network(
            call,
            build=lambda: parts.build(values, True),
            task=parts.task(values),
            settings=take(values, Settings),
            network=take(values, self.layout).model_dump(),
            pretrained=parts.origin(values),
            make_predictor=parts.predictor(values) if parts.predictor else Predictor,
        )

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels, image.region, image.cell_diameter)

    def _load(self, weights: Path, threads: int) -> "Predictor[Any]":
        from containers.base.segmentation.predict import Predictor
        from containers.base.segmentation.weights import load_facts, load_predictor

        facts, parts = load_facts(weights), self.parts()
        values = {**facts.task, **facts.network}
        try:
            return load_predictor(
                weights,
                parts.build(values, False),
                parts.task(values),
                threads,
                parts.predictor(values) if parts.predictor else Predictor,
            )
        except ValidationError as error:
            raise CallError(
                f"The settings in {weights} do not fit this model: {error}",
                why="they belong to another model or version",
            ) from error
