"""A generator's weights folder: tensors as safetensors, all else as JSON."""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ValidationError
from safetensors.torch import load_file, save_file

from containers.base.generation.data import Collection, collect
from containers.base.generation.quality import threshold
from containers.base.generation.settings import GeneratorSettings
from containers.base.generation.shapes import ShapeModel, load_shapes, train_shapes
from contract import CallError, TrainCall, write_aside, write_json

TENSORS, FACTS = "weights.safetensors", "weights.json"


class Facts(BaseModel):
    """The JSON part."""

    format: Literal[1] = 1
    kind: str
    """What was learned, where a generator can learn several things."""
    channels: int
    """1 for grey images, 3 for others."""
    settings: dict[str, Any]
    threshold: float
    """What a pair's contrast must reach; see `quality`."""
    stems: list[str]
    """Of the image of each outline of the shape model."""
    fitted: dict[str, Any] = {}
    """Numbers that were fitted beside the networks."""


def save_weights(
    call: TrainCall,
    tensors: dict[str, torch.Tensor],
    collection: Collection,
    *,
    kind: str,
    settings: GeneratorSettings,
    shapes: ShapeModel | None,
    fitted: dict[str, Any] | None = None,
) -> None:
    """Writes both files, the filter that the validation images set among them."""
    validation = collect(call.pairs, "val", collection.channels)
    if shapes is not None:
        tensors = {**tensors, **shapes.tensors()}
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_aside(call.weights / TENSORS, lambda path: save_file(plain, path))
    facts = Facts(
        kind=kind,
        channels=collection.channels,
        settings=dict(call.settings),
        threshold=threshold((validation, collection), settings.filter_share),
        stems=[] if shapes is None else shapes.stems,
        fitted=fitted or {},
    )
    write_json(call.weights / FACTS, facts.model_dump())


def learn_shapes(
    collection: Collection, settings: GeneratorSettings, seed: int
) -> ShapeModel | None:
    """See `shapes.train_shapes`."""
    return train_shapes(
        collection, latent=settings.shape_latent, steps=settings.shape_steps, seed=seed
    )


def load_weights(folder: Path) -> tuple[Facts, dict[str, torch.Tensor], ShapeModel | None]:
    """What `save_weights` wrote; CallError when it is not there or of another kind."""
    try:
        facts = Facts.model_validate_json((folder / FACTS).read_bytes())
        tensors = load_file(folder / TENSORS)
        shapes = load_shapes(tensors, facts.stems)
    except (OSError, RuntimeError, ValidationError) as error:
        raise CallError(
            f"{folder} holds no usable weights of a generator: {error}",
            why="it is not the weights folder of a finished training of this version",
            do=f"name the folder weights/ of a training, which holds {FACTS} and {TENSORS}",
        ) from error
    return facts, tensors, shapes


def load_network(network: torch.nn.Module, tensors: dict[str, torch.Tensor], prefix: str) -> None:
    """Gives a network the tensors whose names start with `prefix` and a dot.

    Raises CallError when they do not fit.
    """
    start = f"{prefix}."
    own = {name[len(start) :]: one for name, one in tensors.items() if name.startswith(start)}
    try:
        network.load_state_dict(own)
    except RuntimeError as error:
        raise CallError(
            f"The weights do not fit this model: {error}",
            why="they belong to another model or version",
        ) from error


def named(network: torch.nn.Module, prefix: str) -> dict[str, torch.Tensor]:
    """The network's tensors under names that start with `prefix` and a dot."""
    return {f"{prefix}.{name}": one for name, one in network.state_dict().items()}
