"""Real cells placed anew on the background of a real image."""

import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from containers.base.generation.encode import touching_share
from containers.base.generation.pictures import Picture, median_area, read_pair
from containers.controls.copypaste.paste import Lit, light_up, paste
from containers.controls.copypaste.placing import cut_cells, place
from contract import CallError, CellbenchError, GenerateCall, Sample, TrainPair, serve

KEPT = 16
"""Pictures that stay in memory."""
DONORS = 3
"""Images beside the background's own whose cells one sample may have."""
SAME_AREA = 1.5
"""Median areas of cells up to so many times as large or as small go together."""
SAME_LEVEL = 0.1
"""Of the range of grey levels: so far apart backgrounds may be."""
COUNT = (0.7, 1.3)
"""Of the number of cells in the image that gives the background."""
LIT_FROM_ONE_SIDE = "DIC"
"""The modality whose cells must keep their direction."""


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What decides whose cells may lie on whose background."""

    pair: TrainPair
    kind: tuple[str, str, int]
    """Modality, type of the pixels and number of dimensions."""
    area: float
    level: float
    """Median of what is no cell, in parts of the range of grey levels."""


class Generator:
    """Takes neither weights nor training."""

    def __init__(self, weights: Path | None, threads: int) -> None:
        pass

    def prepare(self, call: GenerateCall) -> None:
        """Looks at every training image; CallError when none has a cell."""
        self._call = call
        self._traits = [found for pair in call.pairs if (found := _traits(pair))]
        if not self._traits:
            raise CallError("No training image with a cell can be read.", do="check the labels")
        self._read = lru_cache(KEPT)(_lit)

    def generate(self, index: int) -> Sample:
        """As many cells as in the image that gives the background, more or less."""
        random = self._call.random(index)
        host = self._traits[random.integers(len(self._traits))]
        kin = [one for one in self._traits if one is not host and _go_together(host, one)]
        chosen = random.permutation(len(kin))[:DONORS]
        lit = [self._read(one.pair) for one in (host, *(kin[place] for place in chosen))]
        pictures = [one.picture for one in lit]
        background = pictures[0]
        cells = np.count_nonzero(np.unique(background.labels))
        placed, labels = place(
            random,
            cut_cells([picture.labels for picture in pictures]),
            background.labels.shape,
            max(1, round(cells * random.uniform(*COUNT))),
            touching=touching_share(background.labels),
            turn=background.modality != LIT_FROM_ONE_SIDE,
        )
        givers = {cell.cut.picture for cell in placed}
        return Sample(
            pixels=paste(random, lit, placed, labels),
            labels=labels,
            modality=background.modality,
            sources=tuple(pictures[number].stem for number in {0, *givers}),
        )


def _lit(pair: TrainPair) -> Lit:
    return light_up(read_pair(pair))


def _traits(pair: TrainPair) -> Traits | None:
    """Those of an image with a cell; None, and a warning, for one that cannot be read."""
    try:
        picture = read_pair(pair)
    except (CellbenchError, ValueError) as error:
        print(f"warning: {pair.image.name}: {error}, left out", file=sys.stderr)
        return None
    area = median_area(picture.labels)
    if not area:
        return None
    return Traits(
        pair=pair,
        kind=(picture.modality, str(picture.pixels.dtype), picture.pixels.ndim),
        area=area,
        level=_level(picture),
    )


def _level(picture: Picture) -> float:
    outside = picture.pixels[picture.labels == 0]
    values = outside if outside.size else picture.pixels
    return float(np.median(values)) / np.iinfo(picture.pixels.dtype).max


def _go_together(one: Traits, other: Traits) -> bool:
    ratio = max(one.area, other.area) / min(one.area, other.area)
    return (
        one.kind == other.kind and ratio <= SAME_AREA and abs(one.level - other.level) <= SAME_LEVEL
    )


if __name__ == "__main__":
    serve(Generator)
