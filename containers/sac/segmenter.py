"""Segment Any Cell behind the contract."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from containers.base.segmentation.settings import Settings, read_settings
from contract import CallError, Image, Prediction, TrainCall, TrainingSummary, serve

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Predictor
    from containers.sac.network import NetworkSettings
    from containers.sac.task import PromptTask


class Segmenter:
    """Trains SAC and segments with it."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else _load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `containers.base.segmentation.loop`."""
        from containers.base.segmentation.loop import train_network
        from containers.sac.network import build_network, pretrained
        from containers.sac.predictor import PromptingPredictor

        settings, task, layout = read_all(call.settings)
        origin = pretrained(layout)
        return train_network(
            call,
            build=lambda: build_network(layout),
            task=task,
            settings=settings,
            network=asdict(replace(layout, checkpoint=None)),
            pretrained=origin,
            make_predictor=PromptingPredictor,
        )

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels, and how many cells come from the mask decoder and the watershed."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels)


def _load(weights: Path, threads: int) -> "Predictor[Any]":
    from containers.base.segmentation.weights import load_facts, load_predictor
    from containers.sac.network import NetworkSettings, build_network
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


def read_all(values: Any) -> "tuple[Settings, PromptTask, NetworkSettings]":
    """The profile as settings of training, task and network.

    Raises CallError unless crops, windows and the network's input have one size: prompts and scale
    would mean something else in prediction than in training.
    """
    from containers.sac.network import NetworkSettings
    from containers.sac.task import PromptTask

    settings, kind, layout = read_settings(values, Settings, PromptTask, NetworkSettings)
    if not settings.crop == settings.tile == layout.image_size:
        raise CallError(
            f"crop {settings.crop}, tile {settings.tile}, image_size {layout.image_size} differ.",
            why="SAM must see training crops and prediction windows at one size",
            do="set all three to the same number, a multiple of 32 and of patch",
        )
    return settings, kind, layout


if __name__ == "__main__":
    serve(Segmenter)
