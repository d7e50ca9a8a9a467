"""Settings of training and prediction, read from a profile with errors that name the key."""

import types
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from contract import CallError


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the shared training and prediction code can be told.

    A model adds its task's settings (such as `ThreeClass`) and its network's.

    Lengths called "working" are pixels of the rescaled image that the network sees.
    """

    steps: int | None = None
    """Optimiser steps in all. Give this or `epochs`."""
    epochs: int | None = None
    """Epochs in all, each of `epoch_steps` steps."""
    epoch_steps: int | None = None
    """Steps between two lines of history; unset: one pass over the training images."""
    max_seconds: float | None = None
    """Wall-clock safety net for the whole call; near it the schedule is wound down early."""
    batch_size: int = 8
    shares: int = 2
    """On a CPU, parts of the batch that are computed at the same time; part of the recipe, since
    batch normalisation sees one part at a time."""
    crop: int = 256
    """Side of the training crops in working pixels."""
    learning_rate: float = 6e-4
    weight_decay: float = 0.01
    schedule: Literal["cosine", "poly", "step", "constant"] = "cosine"
    """poly: falls with the power 0.9 of what is left of the training, as nnU-Net's."""
    warmup_steps: int = 0
    decay_steps: int = 1000
    """`step` schedule only: the rate is multiplied by `decay` every so many steps."""
    decay_epochs: int | None = None
    """The same in epochs; where it is set, `decay_steps` does not count."""
    decay: float = 0.95
    clip_gradient: float | None = None
    """Largest norm of the gradient; unset: no clipping."""
    cell_diameter: float | None = None
    """Working diameter: every image is rescaled until its typical cell is this wide. Unset: the
    network sees images at their own size."""
    probe_probability: float = 0.0
    """Share of crops at the scale from which prediction starts to look for the right one."""
    foreground_probability: float = 0.8
    """Share of crops that are placed on a cell; the rest lie anywhere."""
    zoom_min: float = 0.5
    zoom_max: float = 2.0
    """Range of the random zoom (log-uniform), on top of the rescaling to `cell_diameter`."""
    zoom_probability: float = 1.0
    stretch: float = 0.0
    """Largest relative difference between the zoom of the two axes."""
    noise_probability: float = 0.25
    gamma_probability: float = 0.25
    blur_probability: float = 0.25
    histogram_probability: float = 0.25
    colour_probability: float = 0.0
    """Random gain per colour channel, or all channels replaced by their mean."""
    invert_probability: float = 0.0
    validate_every: int = 1
    """Epochs between validations."""
    validate_from: int = 1
    """First epoch that is validated."""
    patience: int | None = None
    """Stop after so many validations in a row without a better F1; unset: never."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    """auto: bf16 on CUDA and on CPUs with avx512_bf16, else fp32."""
    cache_bytes: int = 3 * 2**30
    """Decoded training images kept in memory; the others are read again for each crop."""
    tile: int = 256
    """Side of the windows in prediction, working pixels."""
    overlap: float = 0.25
    """Share of a window that overlaps its neighbour."""
    scales: list[float] = field(default_factory=lambda: [1.0])
    """Sizes, relative to the working size, at which prediction looks at each window; the logits
    are averaged."""
    tta: Literal["none", "flips"] = "none"
    """flips: average over the four mirror images at prediction."""


def read_settings(mapping: Mapping[str, Any], *kinds: type) -> tuple[Any, ...]:
    """One instance of each dataclass in `kinds`, filled from the keys of `mapping` it declares.

    Raises `CallError` for a key that none of them declares (with the nearest name) and for a value
    of another type. An integer is accepted where a float is declared, nothing else is converted.
    """
    known = {field.name for kind in kinds for field in fields(kind)}
    for key in mapping:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else "The settings are: " + _listing(known)
            raise CallError(f"There is no setting called {key}.", do=hint)
    found = []
    for kind in kinds:
        hints = get_type_hints(kind)
        own = {field.name for field in fields(kind)}
        values = {key: _fit(key, value, hints[key]) for key, value in mapping.items() if key in own}
        found.append(kind(**values))
    return tuple(found)


def _fit(key: str, value: Any, hint: Any) -> Any:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    for option in options:
        origin, inner = get_origin(option), get_args(option)
        if origin is Literal:
            if value in inner:
                return value
        elif origin is list:
            if isinstance(value, list | tuple):
                return [_fit(key, item, inner[0]) for item in value]
        elif option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        elif type(value) is option:
            return value
    expected = " or ".join(_name(option) for option in options)
    raise CallError(f"The setting {key} is {value!r}, which is not {expected}.")


def _name(option: Any) -> str:
    if get_origin(option) is Literal:
        return "one of " + _listing(get_args(option))
    if get_origin(option) is list:
        return f"a list of {_name(get_args(option)[0])}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(option, "null")


def _listing(names: Any) -> str:
    return ", ".join(sorted(str(name) for name in names))
