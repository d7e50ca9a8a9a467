"""The real U-Net with a profile that trains in seconds, as a model folder of its own."""

import shutil
from pathlib import Path

import yaml

from tests.programs import ROOT

NAME = "unet-small"


def write_small_unet(root: Path, steps: int = 40) -> Path:
    """Copies containers/unet to `root`/containers/unet-small with a smaller profile tiny."""
    folder = root / "containers" / NAME
    shutil.copytree(
        ROOT / "containers" / "unet",
        folder,
        ignore=shutil.ignore_patterns("__pycache__", "weights"),
    )
    card = yaml.safe_load((folder / "model.yaml").read_text())
    (folder / "model.yaml").write_text(yaml.safe_dump({**card, "name": NAME}))
    profile = folder / "profiles" / "tiny.yaml"
    settings = yaml.safe_load(profile.read_text())
    settings |= {
        "channels": [8, 16, 32],
        "steps": steps,
        "epoch_steps": 10,
        "batch_size": 2,
        "crop": 64,
        "max_seconds": 600,
    }
    profile.write_text(yaml.safe_dump(settings))
    return folder
