"""The LSTM-UNet behind the contract."""

from containers.base.segmentation.segmenter import NetworkSegmenter, Parts
from containers.base.segmentation.settings import Settings
from containers.lstmunet.settings import NetworkSettings, TaskSettings
from contract import serve, take


class Segmenter(NetworkSegmenter):
    """Trains the LSTM-UNet on background, cell and contour and segments with it."""

    settings = Settings, TaskSettings, NetworkSettings
    layout = NetworkSettings

    def parts(self) -> Parts:
        from containers.lstmunet.contour import Contour
        from containers.lstmunet.network import build_lstmunet

        return Parts(
            task=lambda values: take(values, Contour),
            build=lambda values, fresh: build_lstmunet(
                take(values, NetworkSettings), Contour.channels, fresh=fresh
            ),
        )


if __name__ == "__main__":
    serve(Segmenter)
