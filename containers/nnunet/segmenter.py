"""nnU-Net behind the contract."""

from functools import partial

from containers.base.segmentation.segmenter import NetworkSegmenter, Parts
from containers.nnunet.settings import KINDS
from contract import TrainCall, TrainingSummary, serve, take


class Segmenter(NetworkSegmenter):
    """Has nnU-Net plan for the training images, trains its network and segments with it."""

    settings = KINDS

    def train(self, call: TrainCall) -> TrainingSummary:
        """Plans, preprocesses and trains by the profile's settings; see `training.py`."""
        from containers.nnunet.training import train

        return train(call)

    def parts(self) -> Parts:
        from containers.nnunet.border_core import BorderCore
        from containers.nnunet.plan import Plan, build_network
        from containers.nnunet.predictor import SlidingWindow

        return Parts(
            task=lambda values: take(values, BorderCore),
            build=lambda values, _: build_network(Plan.kept(values), deep_supervision=False),
            predictor=lambda values: partial(SlidingWindow, plan=Plan.kept(values)),
        )


if __name__ == "__main__":
    serve(Segmenter)
