"""pix2pix behind the contract."""

from collections.abc import Callable, Set
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from containers.base.generation.settings import GeneratorSettings
from containers.pix2pix.settings import GanSettings
from contract import CallError, GenerateCall, Sample, TrainCall, TrainingSummary, serve, take

if TYPE_CHECKING:
    from containers.base.generation.data import Collection, Floats
    from containers.base.generation.scenes import Scene
    from containers.pix2pix.learner import Batch


class Generator:
    """Learns to paint masks, or the next frames of movies."""

    settings = GeneratorSettings, GanSettings

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._weights = weights
        self._sample: Callable[[int], Sample] | None = None

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `learner.GanLearner`."""
        from containers.base.generation.data import collect
        from containers.base.generation.loop import train_learner
        from containers.base.generation.weights import learn_shapes, named, save_weights
        from containers.base.segmentation.device import choose_device
        from containers.base.segmentation.workers import Workers
        from containers.pix2pix.learner import GanLearner

        settings, gan = take(call.settings, GeneratorSettings), take(call.settings, GanSettings)
        Workers(1)
        collection = collect(call.pairs, "train")
        kind = _kind(collection, gan)
        batch, inputs = _batches(collection, kind, settings, gan, call.seed)
        _set_seed(call.seed)
        learner = GanLearner(
            settings,
            gan,
            batch,
            inputs=inputs,
            channels=collection.channels,
            device=choose_device(settings.device, settings.precision),
        )
        summary = train_learner(call, learner, settings)
        shapes = learn_shapes(collection, settings, call.seed) if kind == "mask" else None
        save_weights(
            call,
            named(learner.generator, "generator"),
            collection,
            kind=kind,
            settings=settings,
            shapes=shapes,
        )
        return summary

    def prepare(self, call: GenerateCall) -> None:
        """See `contract.Generator`."""
        import torch

        from containers.base.generation.data import collect
        from containers.base.generation.encode import condition_channels
        from containers.base.generation.painting import Painter, noise, padded
        from containers.base.generation.weights import load_network, load_weights
        from containers.base.segmentation.device import choose_device
        from containers.base.segmentation.workers import Workers
        from containers.pix2pix import movies
        from containers.pix2pix.motion import fit_motion
        from containers.pix2pix.network import MULTIPLE, PaintingNetwork
        from containers.pix2pix.rollout import Rollout

        assert self._weights is not None, "a generator built to train cannot generate"
        facts, tensors, shapes = load_weights(self._weights)
        gan = take(facts.settings, GanSettings)
        inputs = condition_channels(facts.channels)
        if facts.kind == "next_frame":
            inputs = movies.condition_channels(facts.channels)
        network = PaintingNetwork(gan, inputs, facts.channels)
        load_network(network, tensors, "generator")
        Workers(1)
        device = choose_device("auto", "fp32")
        device.place(network).eval()

        @torch.inference_mode()
        def paint(condition: "Floats", rng: np.random.Generator) -> "Floats":
            shown, (height, width) = padded(condition, MULTIPLE)
            sown = noise(rng, 1, 1, *shown.shape[2:])
            painted = network(shown.to(device.device), sown.to(device.device))
            pixels: Floats = painted[0, :, :height, :width].permute(1, 2, 0).cpu().numpy()
            return pixels

        if facts.kind == "next_frame":
            collection = collect(call.pairs, "train", facts.channels)
            self._sample = Rollout(
                call,
                collection,
                fit_motion(
                    (collection[step.before[0]].labels, collection[step.frame].labels)
                    for step in movies.steps(collection.pairs)
                ),
                paint,
                length=gan.rollout,
                threshold=facts.threshold,
            )
            return
        if call.masks == "moved":
            raise CallError(
                "These weights paint masks, and masks moved are for those that paint movies.",
                do="train on a folder with sequences.csv, or choose other masks",
            )

        def paint_scene(scene: "Scene", rng: np.random.Generator) -> "tuple[Floats, Set[str]]":
            return paint(scene.condition(), rng), set()

        painter = Painter(call, facts, shapes)
        self._sample = lambda index: painter(index, paint_scene)

    def generate(self, index: int) -> Sample:
        """See `contract.Generator`."""
        assert self._sample is not None, "prepare comes first"
        return self._sample(index)


def _kind(collection: "Collection", gan: GanSettings) -> str:
    """What is learned: mask or next_frame."""
    from containers.pix2pix.movies import steps

    movie = bool(steps(collection.pairs))
    if gan.mode == "next_frame" and not movie:
        raise CallError(
            "mode is next_frame, and no two training images follow each other.",
            why="sequences.csv is not there, or does not name two of them as frames n and n+1",
            do="add sequences.csv (image,sequence,frame), or set mode to mask",
        )
    return "next_frame" if movie and gan.mode != "mask" else "mask"


def _batches(
    collection: "Collection", kind: str, settings: GeneratorSettings, gan: GanSettings, seed: int
) -> "tuple[Batch, int]":
    """What makes the batches, and the channels of their conditions."""
    from containers.base.generation.crops import Crops
    from containers.base.generation.encode import condition_channels
    from containers.pix2pix import movies

    if kind == "next_frame":
        batches = movies.MovieCrops(
            collection,
            side=settings.crop,
            batch=settings.batch_size,
            seed=seed,
            own=gan.own_frames,
            start=settings.steps // 2,
        )
        return batches, movies.condition_channels(collection.channels)
    crops = Crops(collection, settings.crop, seed)
    return (
        lambda step, _: crops.batch(step, settings.batch_size),
        condition_channels(collection.channels),
    )


def _set_seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)


if __name__ == "__main__":
    serve(Generator)
