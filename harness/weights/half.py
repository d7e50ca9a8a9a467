"""Weights in half precision: half the size, and masks that hardly differ."""

import shutil
from functools import partial
from pathlib import Path

import numpy as np

from contract import CallError, write_aside

TENSORS, TENSORS_SUFFIX = "weights.safetensors", ".safetensors"
LARGE = 2
"""Tensors of at least so many axes are halved; biases and norms are few and stay as they are."""


def halve(weights: Path, out: Path) -> None:
    """Copies the files of `weights` into the new folder `out`, large float32 tensors as float16.

    A tensor with a number that float16 does not hold stays as it is. Raises CallError where there
    are no tensors.
    """
    from safetensors.numpy import load_file, save_file

    if not (weights / TENSORS).is_file():
        raise CallError(f"{weights} holds no {TENSORS}.", "it is no weights folder of a network")
    out.mkdir(parents=True)
    for path in weights.iterdir():
        if path.suffix == TENSORS_SUFFIX:
            tensors = {name: _halved(one) for name, one in load_file(path).items()}
            write_aside(out / path.name, partial(save_file, tensors))
        elif path.is_file():
            shutil.copyfile(path, out / path.name)


def _halved(tensor: np.ndarray) -> np.ndarray:
    if tensor.dtype != np.float32 or tensor.ndim < LARGE:
        return tensor
    with np.errstate(over="ignore"):
        half = tensor.astype(np.float16)
    return half if np.isfinite(half).all() else tensor
