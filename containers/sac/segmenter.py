"""Segment Any Cell behind the contract."""

from containers.base.segmentation.segmenter import NetworkSegmenter, Parts
from containers.base.segmentation.settings import CropSettings
from containers.sac.settings import NetworkSettings, Pretraining, Sides, TaskSettings
from contract import serve, take


class Segmenter(NetworkSegmenter):
    """Trains SAC and segments with it; counts where the cells come from."""

    settings = CropSettings, TaskSettings, NetworkSettings, Pretraining, Sides
    layout = NetworkSettings

    def parts(self) -> Parts:
        from containers.sac.network import build_network, pretrained
        from containers.sac.predictor import PromptingPredictor
        from containers.sac.task import PromptTask

        return Parts(
            task=lambda values: take(values, PromptTask),
            build=lambda values, fresh: build_network(
                take(values, NetworkSettings), take(values, Pretraining) if fresh else None
            ),
            origin=lambda values: pretrained(
                take(values, NetworkSettings), take(values, Pretraining)
            ),
            predictor=lambda _: PromptingPredictor,
        )


if __name__ == "__main__":
    serve(Segmenter)
