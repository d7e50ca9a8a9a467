"""By what training images are known again: a hash of the pixels, some keypoints, a tiny picture.

The images themselves are not passed on with the weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from contract import CallError, sha256_file, write_aside
from harness.datasets.leakage.alignment import agreement, align
from harness.datasets.leakage.matching import Index
from harness.datasets.leakage.signature import (
    SIDE,
    Signature,
    look,
    many_at_once,
    resized,
)

FOLDER = Path(__file__).with_name("fingerprints")
POINTS = 40
"""Keypoints kept of an image, the largest ones: a copy still has a dozen of them in place."""
THUMB = 64
"""Pixels of the longer side of the tiny picture."""
LEAST_POINTS, LEAST_CORRELATION = 6, 0.75
"""In one arrangement, and of grey values laid over each other, of what is the same picture."""
TRIED = 6


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is kept of training images, each list with one entry for each."""

    names: tuple[str, ...]
    signatures: tuple[Signature, ...]
    pictures: tuple[npt.NDArray[np.uint8], ...]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A test image that is among the training images."""

    image: str
    other: str
    """The training image."""
    equal: bool
    """Whether the pixels are the same, and not only the picture."""


def take(images: Mapping[str, Path]) -> Known:
    """What is to be kept of these images, by names for people; not of unreadable ones."""
    with many_at_once() as pool:
        found = list(pool.map(look, images.values()))
    kept = [(name, *one) for name, one in zip(images, found, strict=True) if one is not None]
    return Known(
        names=tuple(name for name, _, _ in kept),
        signatures=tuple(_strongest(signature) for _, signature, _ in kept),
        pictures=tuple(resized(picture, THUMB) for _, _, picture in kept),
    )


def save(known: Known, path: Path) -> None:
    """Writes one compressed .npz; `load` reads it."""
    counts = [len(one.points) for one in known.signatures]
    shapes = np.array([picture.shape for picture in known.pictures], np.uint8).reshape(-1, 2)
    arrays: dict[str, Any] = {
        "names": np.array(known.names, np.str_),
        "pixels": np.array([one.pixels_sha256 for one in known.signatures], np.str_),
        "counts": np.array(counts, np.uint8),
        "points": np.concatenate([np.zeros((0, 4)), *(one.points for one in known.signatures)])
        .astype(np.float16),
        "descriptors": np.concatenate(
            [np.zeros((0, 128), np.uint8), *(one.descriptors for one in known.signatures)]
        ),
        "shapes": shapes,
        "pictures": np.concatenate(
            [np.zeros(0, np.uint8), *(one.ravel() for one in known.pictures)]
        ),
    }  # fmt: skip
    write_aside(path, lambda aside: np.savez_compressed(aside, **arrays))


def load(path: Path, sha256: str) -> Known:
    """What `save` wrote; CallError when it is not there or not the file of this hash."""
    if not path.is_file() or sha256_file(path) != sha256:
        raise CallError(
            f"{path} is not there, or not the file that the card of the weights means.",
            do="fetch the repository again",
        )
    with np.load(path, allow_pickle=False) as arrays:
        counts = arrays["counts"].astype(int)
        ends = np.cumsum(counts)
        points = np.split(arrays["points"].astype(np.float32), ends[:-1])
        descriptors = np.split(arrays["descriptors"], ends[:-1])
        sizes = arrays["shapes"].astype(int)
        pictures = np.split(arrays["pictures"], np.cumsum(sizes.prod(axis=1))[:-1])
        return Known(
            names=tuple(map(str, arrays["names"])),
            signatures=tuple(
                Signature(pixels_sha256=str(pixels), points=place, descriptors=words)
                for pixels, place, words in zip(arrays["pixels"], points, descriptors, strict=True)
            ),
            pictures=tuple(
                picture.reshape(size) for picture, size in zip(pictures, sizes, strict=True)
            ),
        )


def find(images: Sequence[Path], known: Known) -> list[Seen]:
    """Which of these images are the known ones, as they are, cut, turned, resized or re-stained."""
    index = Index(known.signatures)
    with many_at_once() as pool:
        found = pool.map(lambda image: _of_one(image, known, index), images)
        return [seen for seen in found if seen is not None]


def _of_one(image: Path, known: Known, index: Index) -> Seen | None:
    looked = look(image)
    if looked is None:
        return None
    own, picture = looked
    for name, other in zip(known.names, known.signatures, strict=True):
        if other.pixels_sha256 == own.pixels_sha256:
            return Seen(image=image.name, other=name, equal=True)
    best: tuple[float, str] | None = None
    for tried, candidate in enumerate(index.candidates(own)):
        if tried >= TRIED:
            break
        found = align(own, known.signatures[candidate.second], candidate.matches)
        if found is None or found.points < LEAST_POINTS:
            continue
        result = agreement(picture, resized(known.pictures[candidate.second], SIDE), found)
        if result.correlation >= LEAST_CORRELATION and (
            best is None or best[0] < result.correlation
        ):
            best = result.correlation, known.names[candidate.second]
    return None if best is None else Seen(image=image.name, other=best[1], equal=False)


def _strongest(signature: Signature) -> Signature:
    """With the largest keypoints alone; OpenCV's order is not by strength."""
    order = np.argsort(-signature.points[:, 2], kind="stable")[:POINTS]
    return replace(
        signature, points=signature.points[order], descriptors=signature.descriptors[order]
    )
