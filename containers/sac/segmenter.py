"""Segment Any Cell behind the contract."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from containers.base.segmentation.settings import Settings, read_settings
from containers.sac.share import remark
from contract import CallError, Image, TrainCall, TrainingSummary, serve

if TYPE_CHECKING:
    from containers.base.segmentation.predict import Again
    from containers.sac.network import NetworkSettings
    from containers.sac.task import PromptTask


class Segmenter:
    """Trains SAC and segments with it; `remark` says where the last image's cells come from."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        self.remark = ""
        if weights is not None:
            self._load(weights, threads)

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `containers.base.segmentation.loop`."""
        from containers.base.segmentation.loop import train_network
        from containers.sac.network import build_network, pretrained

        settings, kind, layout = read_all(call.settings)
        origin = pretrained(layout)
        return train_network(
            call,
            build=lambda: build_network(layout),
            task=kind,
            settings=settings,
            network=asdict(replace(layout, checkpoint=None)),
            pretrained=origin,
        )

    def predict(self, image: Image) -> np.ndarray:
        """H×W int32 labels."""
        labels = self._predictor(image.pixels)
        self.remark = self._counted.remark
        return labels

    def _load(self, weights: Path, threads: int) -> None:
        from containers.base.segmentation.weights import load_facts, load_predictor
        from containers.sac.network import NetworkSettings, build_network
        from containers.sac.task import PromptTask, SacDecoding

        facts = load_facts(weights)
        self._counted = _Counted(PromptTask(**facts["task"]))
        self._predictor = load_predictor(
            weights,
            build_network(NetworkSettings(**facts["network"])),
            self._counted,
            SacDecoding(**facts["decoding"]),
            threads=threads,
        )


class _Counted:
    """The task as a decoder that remembers where the cells of the last image came from."""

    def __init__(self, task: "PromptTask") -> None:
        self._task = task
        self.maps = task.maps
        self.activate, self.decode = task.activate, task.decode
        self.remark = ""

    def revise(
        self,
        again: "Again",
        image: np.ndarray,
        maps: np.ndarray,
        shape: tuple[int, int],
        decodings: Sequence[Any],
    ) -> list[np.ndarray]:
        found = self._task.segment(again, image, maps, shape, decodings)
        self.remark = remark(found[-1].masks, found[-1].regions)
        return [one.labels for one in found]


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
