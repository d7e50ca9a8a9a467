"""A weights folder: tensors as safetensors, everything else that prediction needs as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from containers.base.segmentation.device import choose_device
from containers.base.segmentation.predict import Predictor, Viewing
from containers.base.segmentation.task import Decoding, Task
from containers.base.segmentation.workers import Workers
from contract import CallError, write_aside, write_json

TENSORS, FACTS = "weights.safetensors", "weights.json"


def save_weights(
    folder: Path,
    tensors: dict[str, torch.Tensor],
    *,
    network: dict[str, Any],
    task: dict[str, Any],
    viewing: Viewing,
    decoding: Any,
    precision: str,
) -> None:
    """Writes both files; `network` and `task` are what rebuilds them."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_aside(folder / TENSORS, lambda path: save_file(plain, path))
    facts = {
        "format": 1,
        "network": network,
        "task": task,
        "viewing": asdict(viewing),
        "decoding": asdict(decoding),
        "precision": precision,
    }
    write_json(folder / FACTS, facts)


def load_facts(folder: Path) -> dict[str, Any]:
    """The JSON part of a weights folder; CallError when it is not there or of another kind."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError) as error:
        raise CallError(
            f"{folder} holds no usable {FACTS}.",
            why="it is not the weights folder of a finished training",
            do=f"name the folder weights/ of a training, which holds {FACTS} and {TENSORS}",
        ) from error
    return dict(facts)


def load_predictor(
    folder: Path,
    network: torch.nn.Module,
    task: Task[Any, Decoding],
    decoding: Decoding,
    threads: int,
    make_predictor: Callable[..., Predictor[Decoding]] = Predictor,
) -> Predictor[Decoding]:
    """A predictor with the folder's tensors in `network`, on the best device there is."""
    facts = load_facts(folder)
    try:
        network.load_state_dict(load_file(folder / TENSORS))
    except (OSError, RuntimeError) as error:
        raise CallError(
            f"The weights in {folder} do not fit this model: {error}",
            why="they belong to another model or version",
        ) from error
    device = choose_device("auto", facts["precision"])
    return make_predictor(
        device.place(network),
        task,
        Viewing(**facts["viewing"]),
        decoding,
        device=device,
        workers=Workers(threads),
    )
