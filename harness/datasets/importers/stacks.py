"""Cutting the planes of a stack into single images."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.reading.limits import pixel_limit
from harness.datasets.importers.record import LeftOut, Planes

Array = npt.NDArray[np.generic]


def read_stack(path: Path) -> Array:
    """The planes of a TIFF as N×H×W or N×H×W×channels. Raises LeftOut, saying why."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            if series.size > pixel_limit():
                raise LeftOut(f"{path.name}: a stack of {series.size} values is too large")
            return planes_first(series.asarray(), series.axes, path.name)
    except (tifffile.TiffFileError, OSError, ValueError, IndexError, TypeError) as error:
        raise LeftOut(f"{path.name}: the stack cannot be read: {error}") from error


def planes_first(values: Array, axes: str, name: str) -> Array:
    """Values with axes such as TZCYX as N×H×W, or N×H×W×C where there are channels.

    Raises LeftOut for values without the axes Y and X.
    """
    axes = axes.upper()
    if len(axes) != values.ndim or "Y" not in axes or "X" not in axes:
        raise LeftOut(f"{name}: axes {axes} of shape {values.shape} are no stack of planes")
    channels = next((axis for axis in "CS" if axis in axes), "")
    others = [axis for axis in axes if axis not in f"YX{channels}"]
    order = [axes.index(axis) for axis in (*others, "Y", "X", *channels)]
    values = values.transpose(order)
    return values.reshape(-1, *values.shape[len(others) :])


def choose(
    count: int, planes: Planes, *, of: str
) -> Sequence[tuple[str, Callable[[Array], npt.NDArray[Any]]]]:
    """For each image that a stack of `count` planes gives: an ending of its name, and its cut."""
    if planes == "each":
        width = max(2, len(str(count - 1)))
        return [(f"_z{index:0{width}}", _taker(index)) for index in range(count)]
    if planes == "middle":
        return [("", _taker(count // 2))]
    if of == "labels":
        raise LeftOut("ids of several planes have no maximum: cut with --planes each or middle")
    return [("", lambda stack: np.asarray(stack.max(axis=0)))]


def _taker(index: int) -> Callable[[Array], Array]:
    return lambda stack: np.asarray(stack[index])
