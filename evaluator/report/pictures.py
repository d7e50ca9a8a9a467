"""Small pictures for the report: an image, or an image with the outlines of its cells.

Pictures are sized down before anything else happens, so a large image costs little memory.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from contract import CellbenchError, read_image, read_mask
from contract.names import label_name
from evaluator.report.data import DatasetImage, Model, ReportData

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.integer]

TRUTH_COLOUR = (0, 200, 255)
PREDICTION_COLOUR = (255, 225, 0)
SIDE = 384
"""Longest side of a panel, in pixels."""
LARGEST_ZOOM = 3
THICK_FROM = 150
"""Outlines are two pixels wide where a cell covers at least this many pixels of the panel."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture and what is said under it; without a picture, *note* says why."""

    label: str
    note: str
    alt: str = ""
    uri: str | None = None
    width: int = 0
    height: int = 0


def panel_shape(height: int, width: int, side: int = SIDE) -> tuple[int, int]:
    """Height and width of the panel of an image, in pixels; small images are enlarged a little."""
    scale = min(side / max(height, width), LARGEST_ZOOM)
    return max(1, round(height * scale)), max(1, round(width * scale))


def displayed(pixels: npt.NDArray[np.generic], shape: tuple[int, int]) -> Pixels:
    """An H×W×3 image of any depth as uint8 of *shape*, stretched.

    The 0.5 and 99.5 percentiles become black and white; uint8 images keep their values unless
    they use less than half of the range.
    """
    step = max(1, min(pixels.shape[0] // (2 * shape[0]), pixels.shape[1] // (2 * shape[1])))
    small = pixels[::step, ::step].astype(np.float32)
    low, high = (float(value) for value in np.percentile(small, (0.5, 99.5)))
    if pixels.dtype == np.uint8 and high - low >= 128:
        low, high = 0.0, 255.0
    stretched = np.clip((small - low) / max(high - low, 1e-6) * 255, 0, 255).astype(np.uint8)
    resized = Pillow.fromarray(stretched).resize(
        (shape[1], shape[0]), Pillow.Resampling.BICUBIC, reducing_gap=2.0
    )
    return np.asarray(resized, dtype=np.uint8)


def resampled(labels: Labels, shape: tuple[int, int]) -> Labels:
    """H×W ids at another shape, by nearest pixel, so that no new id appears."""
    rows = ((np.arange(shape[0]) + 0.5) * labels.shape[0] / shape[0]).astype(int)
    columns = ((np.arange(shape[1]) + 0.5) * labels.shape[1] / shape[1]).astype(int)
    return labels[np.ix_(rows, columns)]


def outline(labels: Labels) -> npt.NDArray[np.bool_]:
    """Pixels of a cell that touch, by an edge, a pixel that is not of the same cell."""
    edge = np.zeros(labels.shape, dtype=bool)
    down = labels[1:] != labels[:-1]
    across = labels[:, 1:] != labels[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge &= labels != 0
    return edge


def painted(picture: Pixels, labels: Labels, colour: tuple[int, int, int]) -> Pixels:
    """A copy of an H×W×3 picture with the outlines of *labels* (any H×W) drawn on it."""
    small = resampled(labels, picture.shape[:2])
    edge = outline(small)
    cells = len(np.unique(small)) - 1
    if cells > 0 and np.count_nonzero(small) / cells >= THICK_FROM:
        edge |= outline(np.where(edge, 0, small))
    result = picture.copy()
    result[edge] = colour
    return result


def data_uri(picture: Pixels, quality: int = 82) -> str:
    """The picture as a JPEG in a ``data:`` address."""
    buffer = io.BytesIO()
    # Full colour resolution: outlines one pixel wide would smear otherwise.
    Pillow.fromarray(picture).save(buffer, "JPEG", quality=quality, subsampling=0, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def mask_path(model: Model, image: str) -> Path | None:
    """The predicted mask of an image, from the first seed that has one."""
    for run in model.runs:
        if run.masks is not None and (run.masks / label_name(image)).is_file():
            return run.masks / label_name(image)
    return None


def sample_panels(
    data: ReportData, image: DatasetImage, models: Sequence[Model]
) -> tuple[Panel, ...]:
    """The image, its truth and the prediction of each of the models, in that order."""
    if image.image is None:
        return ()
    try:
        pixels = read_image(image.image)
    except (CellbenchError, OSError) as error:
        return (Panel(label="Image", note=f"The image could not be read: {error}"),)
    picture = displayed(pixels, panel_shape(*pixels.shape[:2]))
    panels = [_panel("Image", image.name, f"The image {image.name}", picture)]
    panels.append(_outlined("Truth", picture, image.label, TRUTH_COLOUR, image.name, ""))
    rows = data.at_base[data.at_base["image"] == image.name]
    for model in models:
        of_model = rows[rows["model"] == model.name]
        outcomes = sorted(set(of_model["outcome"]))
        score = f"F1 {of_model['f1'].mean():.4f}" if len(of_model) else "not scored yet"
        if outcomes and outcomes != ["scored"]:
            score += ", outcome " + " and ".join(outcomes)
        label = f"{model.name} (control)" if model.is_control else model.name
        path = mask_path(model, image.name)
        panels.append(_outlined(label, picture, path, PREDICTION_COLOUR, image.name, score))
    return tuple(panels)


def _outlined(
    label: str,
    picture: Pixels,
    path: Path | None,
    colour: tuple[int, int, int],
    image: str,
    score: str,
) -> Panel:
    if path is None:
        return Panel(label=label, note=", ".join(filter(None, [score, "no mask"])))
    try:
        labels = read_mask(path)
    except (CellbenchError, OSError) as error:
        return Panel(label=label, note=", ".join(filter(None, [score, f"no mask: {error}"])))
    cells = len(np.unique(labels[labels != 0]))
    note = f"{cells:,} cells" + (f", {score}" if score else "")
    alt = f"{label}: {cells} cells outlined on {image}"
    return _panel(label, note, alt, painted(picture, labels, colour))


def _panel(label: str, note: str, alt: str, picture: Pixels) -> Panel:
    height, width = picture.shape[:2]
    return Panel(label=label, note=note, alt=alt, uri=data_uri(picture), width=width, height=height)
