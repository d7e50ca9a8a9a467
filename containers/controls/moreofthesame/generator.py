"""Held-back labelled images, in an order drawn by the seed."""

from pathlib import Path

import numpy as np

from containers.base.generation.pictures import read_pair
from contract import CallError, GenerateCall, Sample, serve


class Generator:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def prepare(self, call: GenerateCall) -> None:
        """Puts the held-back images in order; CallError when fewer are held back than wanted."""
        if call.count > len(call.held):
            raise CallError(
                f"{call.count} more images are asked for, and {len(call.held)} are held back.",
                "only images of the subset held in split.csv are given out, each once",
                "ask for fewer, or hold back more",
            )
        order = np.random.default_rng(call.seed).permutation(len(call.held))
        self._pairs = [call.held[place] for place in order]

    def generate(self, index: int) -> Sample:
        """The image as it is; ValueError when its label has another size."""
        picture = read_pair(self._pairs[index])
        return Sample(
            pixels=picture.pixels,
            labels=picture.labels,
            modality=picture.modality,
            sources=(picture.stem,),
        )


if __name__ == "__main__":
    serve(Generator)
