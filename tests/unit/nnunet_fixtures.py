"""Short trainings of nnU-Net's container on drawn images, as tests need them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract import TrainCall, TrainingSummary, TrainPair
from tests.unit.settings_fixtures import profile_values

SHORT = {
    "features": [4, 8, 8],
    "steps": 6,
    "epoch_steps": 3,
    "batch_size": 2,
    "crop": 32,
    "validate_from": 1,
    "cell_diameter": 12.0,
    "max_seconds": None,
    "precision": "fp32",
    "device": "cpu",
}


def make_call(
    pairs: tuple[TrainPair, ...],
    out: Path,
    settings: dict[str, Any],
    *,
    threads: int = 1,
    progress: Callable[[int, int, str], None] = lambda done, total, message: None,
) -> TrainCall:
    """A call to train into `out`, whose folders it makes."""
    (out / "weights").mkdir(parents=True, exist_ok=True)
    return TrainCall(
        pairs=pairs,
        weights=out / "weights",
        out=out,
        profile="test",
        settings=settings,
        seed=0,
        threads=threads,
        progress=progress,
    )


def short_training(
    pairs: tuple[TrainPair, ...], out: Path, *, threads: int = 1, **changes: Any
) -> TrainingSummary:
    """A few steps of a very small network, with a checkpoint after each."""
    from containers.nnunet.training import train

    settings = profile_values("nnunet", "tiny", **{**SHORT, **changes})
    return train(make_call(pairs, out, settings, threads=threads), save_seconds=0.0)
