"""A small LSTM-UNet, its profiles, and one call of its training.

Run as a program (`lstmunet_fixtures.py DATA OUT`) it trains, so that a test can kill it.
"""

import sys
from pathlib import Path

import torch
import yaml

from containers.base.segmentation.loop import train_network
from containers.base.segmentation.settings import Settings, read_settings
from containers.lstmunet.contour import Contour
from containers.lstmunet.network import LstmUnet, NetworkSettings, build_lstmunet
from contract import TrainCall, TrainingSummary
from tests.programs import ROOT
from tests.unit.training_fixtures import find_data

PROFILES = ROOT / "containers/lstmunet/profiles"
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
    values = yaml.safe_load((PROFILES / f"{profile}.yaml").read_text(encoding="utf-8"))
    settings, task, layout = read_settings(values, Settings, Contour, NetworkSettings)
    return settings, task, layout


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
