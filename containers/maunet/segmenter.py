"""MAUNet behind the contract."""

from containers.base.segmentation.segmenter import NetworkSegmenter, Parts
from containers.base.segmentation.settings import Settings
from containers.maunet.settings import Members, NetworkSettings, Pretraining, TaskSettings
from contract import serve, take


class Segmenter(NetworkSegmenter):
    """Trains MAUNet on classes and distances and segments with it."""

    settings = Settings, TaskSettings, NetworkSettings, Pretraining, Members
    layout = NetworkSettings

    def parts(self) -> Parts:
        from containers.maunet.encoder import name_weights
        from containers.maunet.network import build_network
        from containers.maunet.task import RingAndDistance

        return Parts(
            task=lambda values: take(values, RingAndDistance),
            build=lambda values, fresh: build_network(
                # Earlier weights keep the layout in a dictionary of its own.
                take(values.get("layout", values), NetworkSettings),
                take(values, Pretraining) if fresh else None,
            ),
            origin=lambda values: name_weights(take(values, Pretraining).paths),
        )


if __name__ == "__main__":
    serve(Segmenter)
