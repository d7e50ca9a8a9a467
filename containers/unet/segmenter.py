"""The U-Net behind the contract."""

from containers.base.segmentation.segmenter import NetworkSegmenter, Parts
from containers.base.segmentation.settings import Settings, ThreeClassSettings
from containers.unet.settings import NetworkSettings, Sides
from contract import serve, take


class Segmenter(NetworkSegmenter):
    """Trains the U-Net on three classes and segments with it."""

    settings = Settings, ThreeClassSettings, NetworkSettings, Sides
    layout = NetworkSettings

    def parts(self) -> Parts:
        from containers.base.segmentation.three_class import ThreeClass
        from containers.unet.network import build_unet

        return Parts(
            task=lambda values: take(values, ThreeClass),
            build=lambda values, _: build_unet(take(values, NetworkSettings), ThreeClass.channels),
        )


if __name__ == "__main__":
    serve(Segmenter)
