"""The diffusion model behind the contract."""

from collections.abc import Callable
from pathlib import Path

from containers.base.generation.settings import GeneratorSettings
from containers.diffusion.settings import DiffusionSettings
from contract import CallError, GenerateCall, Sample, TrainCall, TrainingSummary, serve, take


class Generator:
    """Learns to clear noise under a condition, and draws pictures from noise."""

    settings = GeneratorSettings, DiffusionSettings

    def __init__(self, weights: Path | None, threads: int) -> None:
        self._weights = weights
        self._sample: Callable[[int], Sample] | None = None

    def train(self, call: TrainCall) -> TrainingSummary:
        """Trains by the profile's settings; see `learner.DiffusionLearner`."""
        import torch

        from containers.base.generation.crops import Crops
        from containers.base.generation.data import collect
        from containers.base.generation.loop import train_learner
        from containers.base.generation.weights import learn_shapes, named, save_weights
        from containers.base.segmentation.device import choose_device
        from containers.base.segmentation.workers import Workers
        from containers.diffusion.conditions import look_codes
        from containers.diffusion.learner import DiffusionLearner

        settings = take(call.settings, GeneratorSettings)
        diffusion = take(call.settings, DiffusionSettings)
        Workers(1)
        collection = collect(call.pairs, "train")
        device = choose_device(settings.device, settings.precision)
        torch.manual_seed(call.seed)
        learner = DiffusionLearner(
            settings,
            diffusion,
            Crops(collection, settings.crop, call.seed),
            channels=collection.channels,
            device=device,
        )
        summary = train_learner(call, learner, settings)
        tensors = named(learner.averaged.module, "network")
        if learner.encoder is not None:
            codes = look_codes(learner.encoder, collection, device.device, call.seed)
            tensors["look_codes"] = torch.from_numpy(codes)
        masks = diffusion.condition != "low_resolution"
        save_weights(
            call,
            tensors,
            collection,
            kind=diffusion.condition,
            settings=settings,
            shapes=learn_shapes(collection, settings, call.seed) if masks else None,
            fitted={"looks": collection.stems},
        )
        return summary

    def prepare(self, call: GenerateCall) -> None:
        """See `contract.Generator`."""
        from containers.base.generation.painting import Painter
        from containers.base.generation.weights import load_network, load_weights
        from containers.base.segmentation.device import choose_device
        from containers.base.segmentation.workers import Workers
        from containers.diffusion.conditions import channels_of
        from containers.diffusion.network import ClearingNetwork
        from containers.diffusion.painting import ScenePainter

        assert self._weights is not None, "a generator built to train cannot generate"
        facts, tensors, shapes = load_weights(self._weights)
        diffusion = take(facts.settings, DiffusionSettings)
        if facts.kind == "low_resolution" and call.masks != "real":
            raise CallError(
                "These weights sharpen coarse images, whose masks stay as they are.",
                do="choose --masks real, or train with condition mask or latent",
            )
        inputs = channels_of(diffusion, facts.channels)
        network = ClearingNetwork(diffusion, inputs, facts.channels)
        load_network(network, tensors, "network")
        Workers(1)
        device = choose_device("auto", "fp32")
        device.place(network).eval()
        painter = Painter(call, facts, shapes)
        scenes = ScenePainter(
            network,
            diffusion,
            codes=tensors["look_codes"].numpy() if "look_codes" in tensors else None,
            looks=facts.fitted["looks"],
            device=device.device,
        )
        self._sample = lambda index: painter(index, scenes.paint)

    def generate(self, index: int) -> Sample:
        """See `contract.Generator`."""
        assert self._sample is not None, "prepare comes first"
        return self._sample(index)


if __name__ == "__main__":
    serve(Generator)
