"""The variational auto-encoders behind the contract."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from containers.base.generation.settings import GeneratorSettings
from containers.vae.settings import TextureSettings
from contract import CallError, GenerateCall, Sample, TrainCall, TrainingSummary, serve, take


class Generator:
    """Learns outlines and textures of nuclei, and composes images of new ones."""

    settings = GeneratorSettings, TextureSettings

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._weights = weights
        self._sample: Callable[[int], Sample] | None = None

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `learner.TextureLearner`."""
        import numpy as np
        import torch

        from containers.base.generation.data import collect
        from containers.base.generation.loop import train_learner
        from containers.base.generation.weights import learn_shapes, named, save_weights
        from containers.base.segmentation.device import choose_device
        from containers.base.segmentation.workers import Workers
        from containers.vae.learner import TextureLearner
        from containers.vae.nuclei import gather
        from containers.vae.textures import Textures

        settings = take(call.settings, GeneratorSettings)
        texture = take(call.settings, TextureSettings)
        Workers(1)
        collection = collect(call.pairs, "train")
        nuclei = gather(collection, settings.crop, call.seed)
        shapes = learn_shapes(collection, settings, call.seed)
        if nuclei is None or shapes is None:
            raise CallError(
                "There are no two whole cells to learn from.",
                why="cells that the border cuts, and those of fewer than 20 pixels, do not count",
            )
        torch.manual_seed(call.seed)
        device = choose_device(settings.device, settings.precision)
        learner = TextureLearner(settings, texture, nuclei, seed=call.seed, device=device)
        summary = train_learner(call, learner, settings)
        codes = learner.codes()
        drawn = Textures(learner.network, codes.numpy(), nuclei.radii, nuclei.stems, settings.crop)
        save_weights(
            call,
            {
                **named(learner.network, "texture"),
                "texture_codes": codes,
                "texture_radii": torch.from_numpy(np.ascontiguousarray(nuclei.radii)),
            },
            collection,
            kind="nuclei",
            settings=settings,
            shapes=shapes,
            fitted={"grain": asdict(drawn.measure(nuclei, collection)), "stems": nuclei.stems},
        )
        return summary

    def prepare(self, call: GenerateCall) -> None:
        """See `contract.Generator`."""
        from containers.base.generation.painting import Painter
        from containers.base.generation.weights import load_network, load_weights
        from containers.base.segmentation.device import choose_device
        from containers.base.segmentation.workers import Workers
        from containers.vae.composing import Composer
        from containers.vae.network import TextureNetwork
        from containers.vae.textures import Grain, Textures

        assert self._weights is not None, "a generator built to train cannot generate"
        facts, tensors, shapes = load_weights(self._weights)
        side = take(facts.settings, GeneratorSettings).crop
        network = TextureNetwork(take(facts.settings, TextureSettings), side)
        load_network(network, tensors, "texture")
        Workers(1)
        choose_device("auto", "fp32").place(network)
        textures = Textures(
            network,
            tensors["texture_codes"].numpy(),
            tensors["texture_radii"].numpy(),
            facts.fitted["stems"],
            side,
        )
        painter = Painter(call, facts, shapes)
        composer = Composer(textures, Grain(**facts.fitted["grain"]), painter.collection)
        self._sample = lambda index: painter(index, composer.paint)

    def generate(self, index: int) -> Sample:
        """See `contract.Generator`."""
        assert self._sample is not None, "prepare comes first"
        return self._sample(index)


if __name__ == "__main__":
    serve(Generator)
