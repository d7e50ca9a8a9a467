"""The folder of generated samples: which are there, which are wanted, and writing one."""

import math
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from contract.errors import unwritable
from contract.files import ASIDE, append_line, read_lines, write_aside, write_text
from contract.masks import write_mask
from contract.names import OURS, label_name
from contract.protocol import GenerateCall, Sample
from contract.schema import GeneratedLine, GenerateOutcome, ModelName
from contract.written import Written

LINES = "generated.jsonl"
IMAGES, LABELS = "images", "labels"
CALL = f"{OURS}-generate.jsonl"
"""Says of which call the samples are that lie there."""
OUTPUTS = (f"{IMAGES}/", f"{LABELS}/", LINES, CALL)
TRIES = 4
"""When the generator drops some, samples are tried until there are so many times the count."""


class Samples:
    """The samples of one call below `out`; raises CallError for files there that are not ours.

    They are numbered from 0 on. A dropped one is replaced by one more at the end.
    """

    def __init__(self, method: ModelName, call: GenerateCall, out: Path) -> None:
        self.method, self._call, self._out = method, call, out
        self.known = frozenset(pair.stem for pair in (*call.pairs, *call.held))
        self._lines: dict[int, GeneratedLine] = {}
        Written(out).refuse_others(OUTPUTS)

    def number(self, outcome: GenerateOutcome) -> int:
        """How many have ended so."""
        return sum(line.outcome == outcome for line in self._lines.values())

    @property
    def ended(self) -> int:
        """How many of the wanted ones are made or have failed."""
        return min(self._call.count, len(self._lines) - self.number("dropped"))

    def image_name(self, index: int) -> str:
        """The file name of a sample's image."""
        return f"{self.method}_{self._call.seed}_{index:05d}.png"

    def take_up(self, key: str) -> None:
        """Keeps what a call of this key has left; clears what any other has.

        Raises CallError when the folder cannot be written.
        """
        out = self._out
        try:
            Written(out).claim(OUTPUTS, known=True)
            if read_lines(out / CALL) == [{"key": key}]:
                self._keep()
            else:
                for folder in (IMAGES, LABELS):
                    shutil.rmtree(out / folder, ignore_errors=True)
                (out / CALL).unlink(missing_ok=True)
                append_line(out / CALL, {"key": key})
            self._rewrite()
            for folder in (IMAGES, LABELS):
                (out / folder).mkdir(exist_ok=True)
            for left in (*out.glob(f"{ASIDE}*"), *out.glob(f"*/{ASIDE}*")):
                left.unlink()
        except OSError as error:
            raise unwritable(out, error) from error

    def wanted(self) -> Iterator[int]:
        """The samples to make, in order; those that failed in an earlier call come last."""
        failed = [
            index
            for index, line in sorted(self._lines.items())
            if line.outcome not in ("generated", "dropped")
        ]
        for index in range(TRIES * self._call.count):
            if self.ended == self._call.count:
                break
            if index not in self._lines:
                yield index
        yield from failed

    def write(self, index: int, sample: Sample) -> None:
        """Writes the label and the image of a sample."""
        image, label = self._files(self.image_name(index))
        write_mask(label, sample.labels)
        write_png(image, sample.pixels)

    def record(self, index: int, line: GeneratedLine) -> None:
        """Writes the line of a sample, in place of an earlier one."""
        again = index in self._lines
        self._lines[index] = line
        if again:
            self._rewrite()
        else:
            append_line(self._out / LINES, line.model_dump())

    def remove_surplus(self) -> None:
        """Removes the samples behind the last that is wanted: an earlier call wanted more."""
        left, before = self._call.count, len(self._lines)
        for index in sorted(self._lines):
            if left == 0:
                for path in self._files(self._lines.pop(index).image):
                    path.unlink(missing_ok=True)
            elif self._lines[index].outcome != "dropped":
                left -= 1
        if len(self._lines) < before:
            self._rewrite()

    def _keep(self) -> None:
        for line in read_generated(self._out):
            found = re.fullmatch(r".*_(\d+)\.png", line.image)
            if found is None or line.image != self.image_name(int(found[1])):
                continue
            if line.outcome != "generated" or all(
                path.is_file() for path in self._files(line.image)
            ):
                self._lines[int(found[1])] = line

    def _rewrite(self) -> None:
        lines = (line.model_dump_json() for _, line in sorted(self._lines.items()))
        write_text(self._out / LINES, "".join(f"{line}\n" for line in lines))

    def _files(self, name: str) -> tuple[Path, Path]:
        return self._out / IMAGES / name, self._out / LABELS / label_name(name)


def read_generated(folder: Path) -> list[GeneratedLine]:
    """The lines of `folder`/generated.jsonl; what is no line of the contract is left out."""
    lines = []
    for value in read_lines(folder / LINES):
        with suppress(ValidationError):
            lines.append(GeneratedLine.model_validate(value))
    return lines


def write_png(path: Path, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> None:
    """Writes H×W or H×W×3 pixels of 8 or 16 bits; the file appears when it is whole."""
    import imagecodecs

    whole = np.ascontiguousarray(pixels)  # the encoder takes no views
    write_aside(path, lambda aside: aside.write_bytes(imagecodecs.png_encode(whole, level=6)))


def checked(sample: object, known: frozenset[str]) -> Sample:
    """A sample as it can be written; TypeError and ValueError for what is none.

    `known` are the stems that it may name as its sources.
    """
    if not isinstance(sample, Sample):
        raise TypeError(f"the generator gave {type(sample).__name__}, not a Sample")
    pixels, labels = sample.pixels, sample.labels
    if not isinstance(pixels, np.ndarray) or not isinstance(labels, np.ndarray):
        raise TypeError("pixels and labels of a sample are numpy arrays")
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.shape[2:] not in ((), (3,)):
        raise ValueError(
            f"pixels are H×W or H×W×3 of uint8 or uint16, not {pixels.dtype} of {pixels.shape}"
        )
    if labels.ndim != 2 or labels.dtype.kind not in "iu":
        raise ValueError(f"labels are H×W whole numbers, not {labels.dtype} of {labels.shape}")
    if not labels.size or labels.shape != pixels.shape[:2]:
        raise ValueError(f"labels of {labels.shape} for an image of {pixels.shape[:2]}")
    if int(labels.min()) < 0:
        raise ValueError(f"ids run from 0 on, not from {int(labels.min())}")
    if unknown := sorted({*sample.sources} - known):
        raise ValueError(f"the source {unknown[0]} is no image that the generator was given")
    if sample.score is not None and not math.isfinite(sample.score):
        raise ValueError(f"the score {sample.score} is no number")
    return replace(sample, sources=tuple(sorted({*sample.sources})))
