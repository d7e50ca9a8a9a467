"""A small LSTM-UNet, its profiles, and one call of its training.

Run as a program (`lstmunet_fixtures.py DATA OUT`) it trains, so that a test can kill it.
"""

import sys
from pathlib import Path

import torch

from containers.base.segmentation.loop import train_network
from containers.base.segmentation.settings import Settings
from containers.lstmunet.contour import Contour
from containers.lstmunet.network import LstmUnet, build_lstmunet
from containers.lstmunet.settings import NetworkSettings
from contract import TrainCall, TrainingSummary, take
from tests.unit.settings_fixtures import profile_values
from tests.unit.training_fixtures import find_data

SMALL = NetworkSettings(
    lstm=[8, 16, 24, 32], lstm_kernel=3, convolutions=[8, 16, 24, 32], decoder=[24, 16, 12, 8]
)
SETTINGS = Settings(
    steps=12,
    epoch_steps=4,
    batch_size=2,
    crop=32,
    learning_rate=0.01,
    cell_diameter=12.0,
    tile=64,
    precision="fp32",
    device="cpu",
)


def load(profile: str) -> tuple[Settings, Contour, NetworkSettings]:
    """Settings, task and layout of a profile."""
    values = profile_values("lstmunet", profile)
    return take(values, Settings), take(values, Contour), take(values, NetworkSettings)


def count(network: torch.nn.Module) -> int:
    """Parameters of a network."""
    return sum(weight.numel() for weight in network.parameters())


def without_numbers(layout: NetworkSettings, inputs: int = 3) -> LstmUnet:
    """A network whose weights have shapes alone."""
    with torch.device("meta"):
        return build_lstmunet(layout, 3, inputs=inputs, fresh=False)


def train(data: Path, out: Path, *, threads: int = 1) -> TrainingSummary:
    """One training of the small network, with frequent checkpoints."""
    (out / "weights").mkdir(parents=True, exist_ok=True)
    call = TrainCall(
        pairs=find_data(data),
        weights=out / "weights",
        out=out,
        profile="test",
        settings={},
        seed=0,
        threads=threads,
        progress=lambda done, total, message: print(done, flush=True),
    )
    return train_network(
        call,
        build=lambda: build_lstmunet(SMALL, 3),
        task=Contour(),
        settings=SETTINGS,
        network={},
        save_seconds=0.02,
    )


if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]))
