"""A weights folder: tensors as safetensors, everything else that prediction needs as JSON."""

from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, TypeAdapter, ValidationError
from safetensors.torch import load_file, save_file

from containers.base.segmentation.device import choose_device
from containers.base.segmentation.predict import MakePredictor, Predictor, Viewing
from containers.base.segmentation.size_network import SizeNetwork
from containers.base.segmentation.task import Decoding, Task
from containers.base.segmentation.tensors import put_tensors
from containers.base.segmentation.workers import Workers
from contract import CallError, write_aside, write_json

TENSORS, FACTS = "weights.safetensors", "weights.json"
SIZES = "sizes.safetensors"
"""The size network's; not there when the training had none."""


class Facts(BaseModel):
    """The JSON part of a weights folder."""

    format: Literal[1] = 1
    network: dict[str, Any]
    """The settings that rebuild the network."""
    task: dict[str, Any]
    """Those of the task."""
    viewing: Viewing
    decoding: dict[str, Any]
    """The fields of the decoding that the validation images have chosen."""
    precision: str
    pretrained: str = "none"
    """Which weights the training started from."""


def save_weights(
    folder: Path,
    tensors: dict[str, torch.Tensor],
    *,
    network: dict[str, Any],
    task: dict[str, Any],
    viewing: Viewing,
    decoding: Any,
    precision: str,
    pretrained: str,
    sizes: dict[str, torch.Tensor] | None = None,
) -> None:
    """Writes the files; see `Facts`. `sizes` are the size network's tensors."""
    for name, kept in ((TENSORS, tensors), (SIZES, sizes)):
        if kept is not None:
            plain = {key: tensor.detach().cpu().contiguous() for key, tensor in kept.items()}
            write_aside(folder / name, partial(save_file, plain))
    facts = Facts(
        network=network,
        task=task,
        viewing=viewing,
        decoding=TypeAdapter(type(decoding)).dump_python(decoding),
        precision=precision,
        pretrained=pretrained,
    )
    write_json(folder / FACTS, facts.model_dump())


def load_facts(folder: Path) -> Facts:
    """The JSON part of a weights folder; CallError when it is not there or of another kind."""
    try:
        return Facts.model_validate_json((folder / FACTS).read_bytes())
    except (FileNotFoundError, ValidationError) as error:
        raise CallError(
            f"{folder} holds no usable {FACTS}.",
            why="it is not the weights folder of a finished training",
            do=f"name the folder weights/ of a training, which holds {FACTS} and {TENSORS}",
        ) from error


def load_predictor(
    folder: Path,
    network: torch.nn.Module,
    task: Task[Any, Decoding],
    threads: int,
    make_predictor: MakePredictor[Decoding] = Predictor,
) -> Predictor[Decoding]:
    """A predictor with the folder's tensors in `network`, on the best device there is.

    Raises CallError for tensors that do not fit, pydantic's ValidationError for such a decoding.
    """
    facts = load_facts(folder)
    decoding = TypeAdapter(type(task.first_decoding())).validate_python(facts.decoding)
    sizes = SizeNetwork() if (folder / SIZES).exists() else None
    try:
        put_tensors(network, load_file(folder / TENSORS))
        if sizes is not None:
            sizes.load_state_dict(load_file(folder / SIZES))
    except (OSError, RuntimeError) as error:
        raise CallError(
            f"The weights in {folder} do not fit this model: {error}",
            why="they belong to another model or version",
        ) from error
    device = choose_device("auto", facts.precision)
    return make_predictor(
        device.place(network),
        task,
        facts.viewing,
        decoding,
        device=device,
        workers=Workers(threads),
        sizes=None if sizes is None else device.place(sizes),
    )
