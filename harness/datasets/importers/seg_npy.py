"""Reading the masks of Cellpose's _seg.npy files, which are pickles, without running their code.

A pickle is a program that may call anything. Here every name in it but those of numpy's arrays is
refused, and these stand for inert objects of our own: arrays are put together here from their
shape, type and bytes.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.datasets.importers.record import LeftOut


class _Type:
    """What a pickle says of an array's type."""

    def __init__(self, name: str = "", *_: object) -> None:
        self.name = str(name)
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        if str(state[1]) in "<>|=":
            self.order = str(state[1])


class _Array:
    """What a pickle says of an array."""

    shape: tuple[int, ...] = ()
    kind: object = None
    fortran = False
    content: object = None

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.kind, self.fortran, self.content = state

    def values(self) -> npt.NDArray[Any] | None:
        """The array, when it holds plain numbers."""
        kind = self.kind
        if not isinstance(kind, _Type) or not isinstance(self.content, bytes):
            return None
        if kind.name[:1] not in "buif":
            return None
        dtype = np.dtype(f"{kind.order if kind.order in '<>' else '='}{kind.name}")
        flat = np.frombuffer(self.content, dtype)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def _new_array(*_: object) -> _Array:
    return _Array()


def _scalar(*_: object) -> None:
    return None


_KNOWN: dict[str, Any] = {
    "multiarray._reconstruct": _new_array,
    "multiarray.scalar": _scalar,
    "numpy.ndarray": _Array,
    "numpy.dtype": _Type,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        for place in ("numpy.core.", "numpy._core."):
            module = module.removeprefix(place) if module.startswith(place) else module
        if f"{module}.{name}" not in _KNOWN:
            raise LeftOut(f"it names {module}.{name}, which is not opened")
        return _KNOWN[f"{module}.{name}"]


def read_seg_npy(path: Path) -> npt.NDArray[np.integer[Any]]:
    """The H×W array `masks` of a _seg.npy file. Raises LeftOut, naming the file and why."""
    try:
        with path.open("rb") as stream:
            version = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0
            if version != (1, 0):
                read = np.lib.format.read_array_header_2_0
            read(stream)
            document = _Unpickler(stream).load()
        while isinstance(document, _Array) and isinstance(document.content, list):
            document = document.content[0]
        masks = document["masks"].values()
        if masks is None or masks.ndim != 2 or masks.dtype.kind not in "bui" or masks.min() < 0:
            raise LeftOut("its masks are no plane of whole ids")
    except LeftOut as error:
        raise LeftOut(f"{path.name}: {error}") from error
    except Exception as error:  # a damaged pickle may fail in any way
        raise LeftOut(f"{path.name}: no _seg.npy of Cellpose: {error!r}") from error
    return np.asarray(masks)
