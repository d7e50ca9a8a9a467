"""Training images in an order drawn by the seed, each with the labels of another one."""

from pathlib import Path

import numpy as np

from containers.base.generation.pictures import Labels, read_pair
from contract import CallError, GenerateCall, Sample, serve


class Generator:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def prepare(self, call: GenerateCall) -> None:
        """Puts the images in order; CallError when there is one alone."""
        if len(call.pairs) < 2:
            raise CallError(
                "There is one training image alone.",
                "its labels can only be exchanged with those of another one",
                "give two or more",
            )
        self._call = call
        self._order = np.random.default_rng(call.seed).permutation(len(call.pairs))

    def generate(self, index: int) -> Sample:
        """The image as it is, with labels that are cut or repeated to its size."""
        pairs, at = self._call.pairs, index % len(self._order)
        others = np.delete(self._order, at)
        picture = read_pair(pairs[self._order[at]])
        other = read_pair(pairs[self._call.random(index).choice(others)])
        return Sample(
            pixels=picture.pixels,
            labels=of_size(other.labels, picture.labels.shape),
            modality=picture.modality,
            sources=(picture.stem, other.stem),
            message=f"labels of {other.stem}",
        )


def of_size(labels: Labels, shape: tuple[int, ...]) -> Labels:
    """The labels cut to H×W; smaller ones have copies beside them, with ids of their own."""
    rows, columns = (-(-wanted // given) for wanted, given in zip(shape, labels.shape, strict=True))
    highest = int(labels.max())
    tiles = np.arange(rows * columns).reshape(rows, columns).repeat(labels.shape[0], axis=0)
    numbers = tiles.repeat(labels.shape[1], axis=1)
    tiled = np.tile(labels, (rows, columns))
    return np.where(tiled > 0, tiled + highest * numbers, 0)[: shape[0], : shape[1]].astype(
        np.int32
    )


if __name__ == "__main__":
    serve(Generator)
