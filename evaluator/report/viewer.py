"""What the viewer in the page shows: per image a picture, the truth's and each model's outlines.

A layer's colours tell the fate of each cell; the true cells that a model missed have
a layer of their own, so that the others show the prediction alone.

So that the page stays small, pictures are at most 640 pixels wide or high and there are at most
1000 layers; of more images than that allows, some are taken, spread evenly over the range from the
best to the worst.
"""

import base64
import io
import itertools
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image as Pillow

from contract import CellbenchError, read_image, read_mask
from evaluator.overlap.cell_fates import Codes, Fate, fates
from evaluator.overlap.table import overlap_table
from evaluator.report.data import DatasetImage, Model, ReportData
from evaluator.report.pictures import (
    Labels,
    displayed,
    mask_path,
    outline,
    panel_shape,
    resampled,
)

SIDE = 640
MOST_LAYERS = 1000
TRUTH = 6
# Okabe and Ito's colours again; the truth is white, which stands out on every other.
COLOURS = {
    Fate.MATCHED: (0, 200, 130),
    Fate.MISSED: (255, 60, 60),
    Fate.SPURIOUS: (255, 215, 0),
    Fate.SPLIT: (80, 190, 255),
    Fate.MERGED: (230, 120, 220),
    TRUTH: (255, 255, 255),
}
# Bright, since they lie on pictures; the figures' colours would drown on a dark one.
MODEL_COLOURS = ("#00c8ff", "#ff8c1a", "#5eff5e", "#ff66c4", "#ffe100", "#b48cff")
CONTROL_COLOUR = "#c0c0c0"


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """The viewer's data, ready for the page."""

    setup: Markup
    """JSON: the models with their colours, and the names of the images."""
    images: tuple[Markup, ...]
    """JSON of each image, read by the page when it is chosen."""
    note: str
    """Which images are there, when not all are."""


def build_viewer(data: ReportData) -> Viewer | None:
    """The viewer's data, None when no image file can be read."""
    chosen = chosen_images(data)
    shown = []
    for image in chosen:
        entry = _entry(data, image)
        if entry is not None:
            shown.append(entry)
    if not shown:
        return None
    colours = itertools.cycle(MODEL_COLOURS)
    models = [
        {
            "name": model.name,
            "control": model.is_control,
            "colour": CONTROL_COLOUR if model.is_control else next(colours),
        }
        for model in data.models
    ]
    note = ""
    if len(chosen) < len(data.images):
        note = (
            f"{len(chosen)} of {len(data.images)} images are shown, spread evenly from the best to"
            " the worst F1, so that the page stays small."
        )
    names = [{"name": entry["name"], "modality": entry["modality"]} for entry in shown]
    return Viewer(
        setup=embedded({"models": models, "images": names}),
        images=tuple(embedded(entry) for entry in shown),
        note=note,
    )


def chosen_images(data: ReportData) -> list[DatasetImage]:
    """The images that the viewer shows, in the dataset's order."""
    most = max(3, MOST_LAYERS // (len(data.models) + 2))
    if len(data.images) <= most:
        return list(data.images)
    contenders = [model.name for model in data.models if not model.is_control]
    rows = data.at_base[data.at_base["model"].isin(contenders)]
    score = rows.groupby("image")["f1"].mean().to_dict()
    ordered = sorted(data.images, key=lambda image: (-score.get(image.name, 0.0), image.name))
    places = np.linspace(0, len(ordered) - 1, most).round().astype(int)
    names = {ordered[place].name for place in places}
    return [image for image in data.images if image.name in names]


def embedded(value: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # escaped for its place in the lines above


def _entry(data: ReportData, image: DatasetImage) -> dict[str, Any] | None:
    if image.image is None:
        return None
    try:
        pixels = read_image(image.image)
        truth = read_mask(image.label) if image.label is not None else None
    except (CellbenchError, OSError):
        return None
    shape = panel_shape(pixels.shape[0], pixels.shape[1], SIDE)
    layers = {}
    if truth is not None:
        layers["truth"] = layer_uri(np.where(outline(resampled(truth, shape)), TRUTH, 0))
        for number, model in enumerate(data.models):
            for name, layer in _model_layers(truth, model, image.name, shape, data.base).items():
                layers[f"{number}{name}"] = layer
    return {
        "name": image.name,
        "modality": image.modality,
        "width": shape[1],
        "height": shape[0],
        "picture": webp_uri(displayed(pixels, shape), quality=72, method=2),
        "layers": layers,
        "scores": _scores(data, image.name),
    }


def _model_layers(
    truth: Labels, model: Model, image: str, shape: tuple[int, int], threshold: float
) -> dict[str, str]:
    """The model's layer under "" and that of the cells it missed under "-missed"."""
    path = mask_path(model, image)
    if path is None:
        return {}
    try:
        predicted = read_mask(path)
    except (CellbenchError, OSError):
        return {}
    if predicted.shape != truth.shape:
        return {}
    found, missed = fate_layers(truth, predicted, shape, threshold)
    return {"": layer_uri(found), "-missed": layer_uri(missed)}


def fate_layers(
    truth: Labels, predicted: Labels, shape: tuple[int, int], threshold: float
) -> tuple[Codes, Codes]:
    """Two maps of codes at *shape*: outlines of the predicted cells, and of missed true cells."""
    table = overlap_table(truth, predicted)
    fate = fates(table, threshold)
    missed = np.where(fate.truth == Fate.MISSED, fate.truth, 0).astype(np.uint8)
    return (
        _outlined_codes(resampled(predicted, shape), table.predicted.ids, fate.predicted),
        _outlined_codes(resampled(truth, shape), table.truth.ids, missed),
    )


def _outlined_codes(labels: Labels, ids: Labels, codes: Codes) -> Codes:
    """Each outline pixel's code, from the code of the id that it belongs to."""
    result = np.zeros(labels.shape, np.uint8)
    edge = outline(labels)
    result[edge] = codes[np.searchsorted(ids, labels[edge])]
    return result


def layer_uri(codes: npt.NDArray[np.integer]) -> str:
    """A layer as a lossless WebP in a ``data:`` address; code 0 is transparent."""
    colours = np.zeros((max(COLOURS) + 1, 4), np.uint8)
    for code, colour in COLOURS.items():
        colours[code] = (*colour, 255)
    # A third smaller than a PNG of 16 colours, at the time of a fast one.
    return webp_uri(colours[codes], lossless=True, quality=20, method=2)


def webp_uri(pixels: npt.NDArray[np.uint8], **options: Any) -> str:
    """An H×W×3 or H×W×4 picture as a WebP in a ``data:`` address."""
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "WEBP", **options)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _scores(data: ReportData, image: str) -> list[str]:
    """For every model what is said beside its switch."""
    rows = data.at_base[data.at_base["image"] == image]
    texts = []
    for model in data.models:
        of_model = rows[rows["model"] == model.name]
        if of_model.empty:
            texts.append("not scored yet")
        elif (of_model["outcome"] != "scored").all():
            texts.append(str(of_model["outcome"].iloc[0]).replace("_", " "))
        else:
            texts.append(f"F1 {of_model['f1'].mean():.3f}")
    return texts
