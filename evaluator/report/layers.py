"""The viewer's layers: outlines of cells whose colours tell the fate of each."""

import base64
import io
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow

from evaluator.overlap.cell_fates import Codes, Fate
from evaluator.report.cells import ImageCells
from evaluator.report.pictures import Edge, Labels, Pixels

TRUTH = 6
"""The code of the truth's own outlines, beside those of `Fate`."""
# Okabe and Ito's colours again; the truth is white, which stands out on every other.
COLOURS = {
    Fate.MATCHED: (0, 200, 130),
    Fate.MISSED: (255, 60, 60),
    Fate.SPURIOUS: (255, 215, 0),
    Fate.SPLIT: (80, 190, 255),
    Fate.MERGED: (230, 120, 220),
    TRUTH: (255, 255, 255),
}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Outlines on one image."""

    places: Codes
    """(H, W) uint8: 0 where there is no outline, else n for the n-th of `codes`."""
    codes: tuple[int, ...]

    def uri(self) -> str:
        """The layer as a PNG in a `data:` address."""
        return _address("png", self.png())

    def png(self) -> bytes:
        """The layer as a PNG, clear where there is no outline.

        With 2, 4 or 16 colours a pixel takes 1, 2 or 4 bits, which is written several times faster
        than lossless WebP of 32 bits. Outlines are long runs of nothing, so that run lengths alone
        make them as small as a slower search for repetitions does.
        """
        picture = Pillow.fromarray(self.places)
        colours = [(0, 0, 0), *(COLOURS[code] for code in self.codes)]
        picture.putpalette([part for colour in colours for part in colour])
        return _bytes(picture, "png", transparency=0, compress_type=zlib.Z_RLE)


@dataclass(frozen=True, kw_only=True)
class FateLayers:
    """A model's two layers on one image."""

    found: Layer
    """The outlines of the predicted cells, by their fates."""
    missed: Layer
    """The outlines of the true cells that were missed."""


def truth_layer(edge: Edge) -> Layer:
    """The outlines of all true cells."""
    return Layer(places=edge.astype(np.uint8), codes=(TRUTH,))


def fate_layers(
    cells: ImageCells, truth: Labels, edge: Edge, predicted: Labels, predicted_edge: Edge
) -> FateLayers | None:
    """The layers of a model's cells.

    `truth` and `predicted` are (H, W) ids at the size of the layer, `edge` and `predicted_edge`
    their outlines. None when they hold other ids than `cells`, which then belongs to other masks.
    """
    codes, places = np.unique(cells.fates.predicted, return_inverse=True)
    lost = (cells.fates.truth == Fate.MISSED).astype(np.uint8)
    found = _drawn(predicted, predicted_edge, cells.predicted_ids, (places + 1).astype(np.uint8))
    missed = _drawn(truth, edge, cells.true_ids, lost)
    if found is None or missed is None:
        return None
    return FateLayers(
        found=Layer(places=found, codes=tuple(codes.tolist())),
        missed=Layer(places=missed, codes=(Fate.MISSED,)),
    )


def _drawn(labels: Labels, edge: Edge, ids: Labels, values: Codes) -> Codes | None:
    """Each outline pixel's value, from the value of the id that it belongs to."""
    result = np.zeros(labels.shape, np.uint8)
    wanted = labels[edge]
    if len(wanted):
        places = np.searchsorted(ids, wanted)
        if not len(ids) or (ids.take(places, mode="clip") != wanted).any():
            return None
        result[edge] = values[places]
    return result


def picture_uri(picture: Pixels) -> str:
    """An H×W×3 picture as a WebP in a `data:` address."""
    return _address("webp", _bytes(Pillow.fromarray(picture), "webp", quality=72, method=2))


def _bytes(picture: Pillow.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def _address(form: str, content: bytes) -> str:
    return f"data:image/{form};base64,{base64.b64encode(content).decode('ascii')}"
