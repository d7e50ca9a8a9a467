"""Segment Any Cell behind the contract."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from containers.base.segmentation.settings import CropSettings, Settings
from containers.sac.settings import NetworkSettings, Sides, TaskSettings
from contract import Image, Kinds, Prediction, TrainCall, TrainingSummary, serve, take

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Predictor


class Segmenter:
    """Trains SAC and segments with it."""

    settings: ClassVar[Kinds] = (CropSettings, TaskSettings, NetworkSettings, Sides)

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else _load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `containers.base.segmentation.loop`."""
        from containers.base.segmentation.loop import train_network
        from containers.sac.network import build_network, pretrained
        from containers.sac.predictor import PromptingPredictor
        from containers.sac.task import PromptTask

        layout = take(call.settings, NetworkSettings)
        origin = pretrained(layout)
        return train_network(
            call,
            build=lambda: build_network(layout),
            task=take(call.settings, PromptTask),
            settings=take(call.settings, Settings),
            network={**layout.model_dump(), "checkpoint": None},
            pretrained=origin,
            make_predictor=PromptingPredictor,
        )

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels, and how many cells come from the mask decoder and the watershed."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels)


def _load(weights: Path, threads: int) -> "Predictor[Any]":
    from containers.base.segmentation.weights import load_facts, load_predictor
    from containers.sac.network import build_network
    from containers.sac.predictor import PromptingPredictor
    from containers.sac.task import PromptTask, read_decoding

    facts = load_facts(weights)
    return load_predictor(
        weights,
        build_network(NetworkSettings(**facts["network"])),
        PromptTask(
            **{k: v for k, v in facts["task"].items() if k not in {"image_size", "overlap"}}
        ),
        read_decoding(facts["decoding"]),
        threads=threads,
        make_predictor=PromptingPredictor,
    )


if __name__ == "__main__":
    serve(Segmenter)
