"""MAUNet behind the contract."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from containers.base.segmentation.settings import Settings
from containers.maunet.settings import Members, NetworkSettings, Pretraining, TaskSettings
from contract import Image, Kinds, Prediction, TrainCall, TrainingSummary, serve, take

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Predictor


class Segmenter:
    """Trains MAUNet on classes and distances and segments with it."""

    settings: ClassVar[Kinds] = (Settings, TaskSettings, NetworkSettings, Pretraining, Members)

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else _load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `containers.base.segmentation.loop`."""
        from containers.base.segmentation.loop import train_network
        from containers.maunet.encoder import name_weights
        from containers.maunet.network import build_network
        from containers.maunet.task import RingAndDistance

        layout = take(call.settings, NetworkSettings)
        pretraining = take(call.settings, Pretraining)
        pretrained = name_weights([path for path in pretraining.paths if path])
        return train_network(
            call,
            build=lambda: build_network(layout, pretraining),
            task=take(call.settings, RingAndDistance),
            settings=take(call.settings, Settings),
            network={"layout": layout.model_dump(), "pretrained": pretrained},
            pretrained=pretrained,
        )

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels)


def _load(weights: Path, threads: int) -> "Predictor[Any]":
    from containers.base.segmentation.weights import load_facts, load_predictor
    from containers.maunet.decode import Decoding
    from containers.maunet.network import build_network
    from containers.maunet.task import RingAndDistance

    facts = load_facts(weights)
    kind = RingAndDistance(**facts["task"])
    return load_predictor(
        weights,
        build_network(NetworkSettings(**facts["network"]["layout"])),
        kind,
        Decoding(**facts["decoding"]),
        threads=threads,
    )


if __name__ == "__main__":
    serve(Segmenter)
