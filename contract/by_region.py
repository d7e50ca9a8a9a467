"""Predicting a large picture region by region."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from contract.answer import ask
from contract.joining import CORE, MARGIN, Joined, count_regions, regions
from contract.large import LargePicture, Region
from contract.masks import write_mask_in_bands
from contract.protocol import Image, Segmenter


@dataclass(frozen=True, kw_only=True)
class Found:
    """What came of a large picture."""

    joined: Joined
    shape: tuple[int, int]
    cells: int
    counts: Mapping[str, int]
    """Summed up over the regions, so that cells in the margins count more than once."""
    messages: tuple[str, ...]
    """What the model had to say, each sentence once."""

    def write(self, path: Path) -> None:
        """Writes the mask and gives the scratch file back."""
        write_mask_in_bands(path, self.shape, self.cells, self.joined.rows)
        self.joined.close()


def find(
    model: Segmenter,
    picture: LargePicture,
    joined: Joined,
    *,
    name: str,
    truth: Path | None,
    cell_diameter: float | None = None,
    progress: Callable[[int, int], None],
) -> Found:
    """Asks the model for the cells of one region after the other; see `contract.joining`.

    `progress(done, total)` counts regions. Raises ValueError for negative ids, and whatever the
    model raises.
    """
    counts: Counter[str] = Counter()
    messages: dict[str, None] = {}
    total = count_regions(picture.shape, CORE)
    for done, (core, seen) in enumerate(regions(picture.shape, CORE, MARGIN)):
        region = Region(rows=seen[0], columns=seen[1], picture=picture)
        image = Image(
            name=name,
            pixels=picture.read(*seen),
            truth=truth,
            region=region,
            pixel_size_um=picture.pixel_size_um,
            cell_diameter=cell_diameter,
        )
        said = ask(model, image)
        if (lowest := int(said.labels.min())) < 0:
            raise ValueError(f"ids run from 0 on, not from {lowest}")
        joined.add(said.labels, core, seen)
        counts.update(said.counts)
        if said.message:
            messages[said.message] = None
        progress(done + 1, total)
    cells = joined.finish()
    return Found(
        joined=joined,
        shape=picture.shape,
        cells=cells,
        counts=dict(counts),
        messages=tuple(messages),
    )
