"""TissueNet's and DeepCell's npz files: X holds images, y whole cells and nuclei."""

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CallError
from harness.datasets.importers.files import below, nothing, side_of, walk
from harness.datasets.importers.record import Choices, Left, LeftOut, Record, Truth

TARGETS = ("whole-cell", "nuclear")
"""The channels of y in their order."""


class _Rows:
    """One array of an npz file, read a row at a time; pickled objects are never opened."""

    def __init__(self, path: Path, name: str) -> None:
        self._path, self._name = path, name
        self._stream: Any = None
        self._next = 0
        self.shape, self._fortran, self.dtype = self._open()

    def _open(self) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
        self._stream = zipfile.ZipFile(self._path).open(f"{self._name}.npy")  # noqa: SIM115
        version = np.lib.format.read_magic(self._stream)
        if version == (1, 0):
            header = np.lib.format.read_array_header_1_0(self._stream)
        else:
            header = np.lib.format.read_array_header_2_0(self._stream)
        self._next = 0
        if header[2].hasobject:
            raise ValueError(f"{self._name} holds pickled objects, which are not opened")
        if header[1] and len(header[0]) > 1:
            raise ValueError(f"{self._name} is stored column by column, which is not read")
        return header

    def __getitem__(self, index: int) -> npt.NDArray[Any]:
        """Row `index`; cheap where rows are asked for in their order."""
        length = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        try:
            if index < self._next:
                self._open()
            self._stream.seek(self._stream.tell() + (index - self._next) * length)
            data = self._stream.read(length)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
            raise LeftOut(f"{self._path.name}: {self._name} is cut off: {error}") from error
        self._next = index + 1
        if len(data) != length:
            raise LeftOut(f"{self._path.name}: {self._name} is cut off at row {index}")
        return np.frombuffer(data, self.dtype).reshape(self.shape[1:])


def recognise(source: Path) -> str | None:
    """An npz file that holds X and y."""
    for path in _files(source):
        try:
            with zipfile.ZipFile(path) as file:
                if {"X.npy", "y.npy"} <= {*file.namelist()}:
                    return f"{below(source, path)} holds X and y"
        except (zipfile.BadZipFile, OSError):
            continue
    return None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """Each row of X (N×H×W×channels) with that of y (N×H×W×1 or 2), from all npz files.

    Of two channels of y the first is whole cells, the default, the second nuclei: target
    "whole-cell" or "nuclear". Two channels of X are a nuclear and a membrane stain. Files named
    after train, val and test are the split. Raises CallError, naming the file, for one that is cut
    off or holds other arrays.
    """
    if choices.target not in (None, *TARGETS):
        raise CallError(
            f"--target {choices.target} is no truth of tissuenet.", do=" or ".join(TARGETS)
        )
    files = _files(source)
    if not files:
        raise nothing(source, "tissuenet", "npz files with X and y")
    for path in files:
        images, labels = _arrays(path)
        channel = 0
        if labels.shape[-1] > 1:
            channel = TARGETS.index(choices.target or TARGETS[0])
        width = len(str(images.shape[0] - 1))
        columns = {"channels": "nuclear, membrane"} if images.shape[-1] == 2 else {}
        if labels.shape[-1] > 1:
            columns["truth"] = TARGETS[channel]
        for row in range(images.shape[0]):
            yield Record(
                original=f"{below(source, path)}/{path.stem}_{row:0{width}}",
                image=partial(_image, images, row),
                label=partial(_label, labels, row, channel),
                files=(path,),
                side=side_of(path.stem),
                columns=columns,
            )


def _files(source: Path) -> list[Path]:
    found = walk(source) if source.is_dir() else [source]
    return [path for path in found if path.suffix.lower() == ".npz"]


def _arrays(path: Path) -> tuple[_Rows, _Rows]:
    try:
        images, labels = _Rows(path, "X"), _Rows(path, "y")
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, EOFError, zlib.error) as error:
        raise CallError(
            f"{path} cannot be read: {error}.",
            "the download was cut off, or it is no file of TissueNet or DeepCell",
            "fetch it again",
        ) from error
    if len(images.shape) != 4 or images.shape[:3] != labels.shape[:3] or len(labels.shape) != 4:
        raise CallError(
            f"{path}: X is {images.shape} and y {labels.shape}.",
            "both have to be N×H×W×channels; movies of trackers have one axis more",
        )
    return images, labels


def _image(rows: _Rows, row: int) -> npt.NDArray[np.generic]:
    pixels = rows[row]
    return pixels[..., 0] if pixels.shape[-1] == 1 else pixels


def _label(rows: _Rows, row: int, channel: int, size: tuple[int, int]) -> Truth:
    labels = rows[row][..., channel]
    if labels.dtype.kind == "f" and (labels == np.floor(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu" or labels.min() < 0:
        raise LeftOut(f"y holds {labels.dtype} values that are no ids")
    return Truth(labels=labels)
