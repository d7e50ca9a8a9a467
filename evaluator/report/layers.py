"""The viewer's layers: outlines of cells whose colours tell the fate of each."""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image as Pillow

from evaluator.overlap.cell_fates import Codes, Fate
from evaluator.report.cells import ImageCells
from evaluator.report.pictures import Edge, Labels, Pixels, outline

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
class FateLayers:
    """A model's two layers on one image: maps of codes, 0 where there is no outline."""

    found: Codes
    """The outlines of the predicted cells."""
    fates: tuple[int, ...]
    """The codes in `found`."""
    missed: Codes
    """The outlines of the true cells that were missed."""

    def uris(self) -> tuple[str, str]:
        """Both as pictures."""
        return layer_uri(self.found, self.fates), layer_uri(self.missed, (Fate.MISSED,))


def truth_uri(edge: Edge) -> str:
    """The outlines of all true cells as a picture."""
    return layer_uri(np.where(edge, np.uint8(TRUTH), np.uint8(0)), (TRUTH,))


def fate_layers(
    cells: ImageCells, truth: Labels, edge: Edge, predicted: Labels
) -> FateLayers | None:
    """The layers of a model's cells, by their fates.

    `truth` and `predicted` are (H, W) ids at the size of the layer, `edge` the outlines of the
    truth. None when they hold other ids than `cells`, which then belongs to other masks.
    """
    lost = np.where(cells.fates.truth == Fate.MISSED, cells.fates.truth, np.uint8(0))
    found = _codes(predicted, outline(predicted), cells.predicted_ids, cells.fates.predicted)
    missed = _codes(truth, edge, cells.true_ids, lost)
    if found is None or missed is None:
        return None
    fates = tuple(np.unique(cells.fates.predicted).tolist())
    return FateLayers(found=found, fates=fates, missed=missed)


def _codes(labels: Labels, edge: Edge, ids: Labels, codes: Codes) -> Codes | None:
    """Each outline pixel's code, from the code of the id that it belongs to."""
    result = np.zeros(labels.shape, np.uint8)
    wanted = labels[edge]
    if len(wanted):
        places = np.searchsorted(ids, wanted)
        if not len(ids) or (ids.take(places, mode="clip") != wanted).any():
            return None
        result[edge] = codes[places]
    return result


def layer_uri(codes: Codes, used: Sequence[int]) -> str:
    """A layer of the codes `used` as a PNG in a `data:` address; code 0 is transparent.

    With 2, 4 or 16 colours a pixel takes 1, 2 or 4 bits, which is written several times faster
    than lossless WebP of 32 bits and grows the page by a tenth.
    """
    places = [0] * 256
    for place, code in enumerate(used, start=1):
        places[code] = place
    picture = Pillow.fromarray(codes).point(places)
    picture.putpalette([part for code in (0, *used) for part in COLOURS.get(code, (0, 0, 0))])
    return _uri(picture, "png", transparency=0, compress_level=4)


def picture_uri(picture: Pixels) -> str:
    """An H×W×3 picture as a WebP in a `data:` address."""
    return _uri(Pillow.fromarray(picture), "webp", quality=72, method=2)


def _uri(picture: Pillow.Image, form: str, **options: Any) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    content = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f"data:image/{form};base64,{content}"
