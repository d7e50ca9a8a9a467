"""The LSTM-UNet behind the contract."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from containers.base.segmentation.settings import Settings
from containers.lstmunet.settings import NetworkSettings, TaskSettings
from contract import Image, Kinds, Prediction, TrainCall, TrainingSummary, serve, take

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Predictor


class Segmenter:
    """Trains the LSTM-UNet on background, cell and contour and segments with it."""

    settings: ClassVar[Kinds] = (Settings, TaskSettings, NetworkSettings)

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else _load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `containers.base.segmentation.loop`."""
        from containers.base.segmentation.loop import train_network
        from containers.lstmunet.contour import Contour
        from containers.lstmunet.network import build_lstmunet

        kind = take(call.settings, Contour)
        layout = take(call.settings, NetworkSettings)
        return train_network(
            call,
            build=lambda: build_lstmunet(layout, kind.channels),
            task=kind,
            settings=take(call.settings, Settings),
            network=layout.model_dump(),
        )

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels)


def _load(weights: Path, threads: int) -> "Predictor[Any]":
    from containers.base.segmentation.weights import load_facts, load_predictor
    from containers.lstmunet.contour import Contour
    from containers.lstmunet.decode import ContourDecoding
    from containers.lstmunet.network import build_lstmunet

    facts = load_facts(weights)
    kind = Contour(**facts["task"])
    layout = NetworkSettings(**facts["network"])
    return load_predictor(
        weights,
        build_lstmunet(layout, kind.channels, fresh=False),
        kind,
        ContourDecoding(**facts["decoding"]),
        threads=threads,
    )


if __name__ == "__main__":
    serve(Segmenter)
