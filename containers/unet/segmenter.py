"""The U-Net behind the contract."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from containers.base.segmentation.settings import Settings, ThreeClassSettings
from containers.unet.settings import NetworkSettings, Sides
from contract import Image, Kinds, Prediction, TrainCall, TrainingSummary, serve, take

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Predictor


class Segmenter:
    """Trains the U-Net on three classes and segments with it."""

    settings: ClassVar[Kinds] = (Settings, ThreeClassSettings, NetworkSettings, Sides)

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else _load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `containers.base.segmentation.loop`."""
        from containers.base.segmentation.loop import train_network
        from containers.base.segmentation.three_class import ThreeClass
        from containers.unet.network import build_unet

        kind = take(call.settings, ThreeClass)
        layout = take(call.settings, NetworkSettings)
        return train_network(
            call,
            build=lambda: build_unet(layout, kind.channels),
            task=kind,
            settings=take(call.settings, Settings),
            network=layout.model_dump(),
        )

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels)


def _load(weights: Path, threads: int) -> "Predictor[Any]":
    from containers.base.segmentation.decode import Decoding
    from containers.base.segmentation.three_class import ThreeClass
    from containers.base.segmentation.weights import load_facts, load_predictor
    from containers.unet.network import build_unet

    facts = load_facts(weights)
    kind = ThreeClass(**facts["task"])
    layout = NetworkSettings(**facts["network"])
    return load_predictor(
        weights,
        build_unet(layout, kind.channels),
        kind,
        Decoding(**facts["decoding"]),
        threads=threads,
    )


if __name__ == "__main__":
    serve(Segmenter)
