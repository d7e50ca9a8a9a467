"""nnU-Net behind the contract."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from containers.nnunet.settings import KINDS
from contract import Image, Kinds, Prediction, TrainCall, TrainingSummary, serve

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Predictor


class Segmenter:
    """Has nnU-Net plan for the training images, trains its network and segments with it."""

    settings: ClassVar[Kinds] = KINDS

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._predictor = None if weights is None else _load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Plans, preprocesses and trains by the profile's settings; see `training.py`."""
        from containers.nnunet.training import train

        return train(call)

    def predict(self, image: Image) -> np.ndarray | Prediction:
        """H×W int32 labels."""
        assert self._predictor is not None, "a segmenter built to train cannot predict"
        return self._predictor(image.pixels)


def _load(weights: Path, threads: int) -> "Predictor[Any]":
    from functools import partial

    from containers.base.segmentation.decode import Decoding
    from containers.base.segmentation.weights import load_facts, load_predictor
    from containers.nnunet.border_core import BorderCore
    from containers.nnunet.plan import Plan, build_network
    from containers.nnunet.predictor import SlidingWindow

    facts = load_facts(weights)
    plan = Plan(**facts["network"])
    return load_predictor(
        weights,
        build_network(plan, deep_supervision=False),
        BorderCore(**facts["task"]),
        Decoding(**facts["decoding"]),
        threads,
        partial(SlidingWindow, plan=plan),
    )


if __name__ == "__main__":
    serve(Segmenter)
