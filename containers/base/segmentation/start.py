"""Beginning a training from the weights of another one."""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file

from containers.base.segmentation.tensors import put_tensors
from containers.base.segmentation.weights import SIZES, TENSORS
from contract import CallError


def take_start(network: torch.nn.Module, folder: Path) -> None:
    """Puts the tensors of a weights folder into `network`; CallError where they do not fit it."""
    try:
        put_tensors(network, load_file(folder / TENSORS))
    except (OSError, RuntimeError) as error:
        raise CallError(
            f"The training cannot start from {folder}: {' '.join(str(error).split())[:300]}",
            "its network is of another model, or was laid out by other settings",
            "take the settings that those weights were trained with, as the profile tune does",
        ) from error


def keep_sizes(weights: Path, folder: Path) -> None:
    """Copies the start's size network, where there is one, to weights that learned none."""
    if (folder / SIZES).exists() and not (weights / SIZES).exists():
        shutil.copyfile(folder / SIZES, weights / SIZES)
