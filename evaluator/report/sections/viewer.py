"""What the viewer in the page shows: per image a picture, the truth's and each model's outlines.

A layer's colours tell the fate of each cell; the true cells that a model missed have a layer of
their own, so that the others show the prediction alone.

So that the page stays small, pictures are at most 640 pixels wide or high and there are at most
1000 layers; of more images than that allows, some are taken, spread evenly over the range from the
best to the worst.
"""

import itertools
import json
from typing import Any

import numpy as np
from markupsafe import Markup

from contract import CellbenchError
from contract.guarded import read_image, read_mask
from evaluator.overlap.cell_fates import Fate
from evaluator.overlap.table import overlap_table
from evaluator.report.cells import cells_of
from evaluator.report.data import SCORED, DatasetImage, Model
from evaluator.report.layers import (
    COLOURS,
    TRUTH,
    FateLayers,
    fate_layers,
    picture_uri,
    truth_layer,
)
from evaluator.report.numbers import Numbers
from evaluator.report.pictures import Edge, Labels, displayed, outline, panel_shape, resampled
from evaluator.report.samples import shown_run
from evaluator.report.section import Section, Viewer
from evaluator.scores.regions import blanked, read_region

SIDE = 640
MOST_LAYERS = 1000
# Bright, since they lie on pictures; the figures' colours would drown on a dark one.
MODEL_COLOURS = ("#00c8ff", "#ff8c1a", "#5eff5e", "#ff66c4", "#ffe100", "#b48cff")
CONTROL_COLOUR = "#c0c0c0"
LEGEND = tuple(
    (name, f"rgb{COLOURS[code]}")
    for name, code in (
        ("truth", TRUTH),
        ("matched", Fate.MATCHED),
        ("missed", Fate.MISSED),
        ("spurious", Fate.SPURIOUS),
        ("split", Fate.SPLIT),
        ("merged", Fate.MERGED),
    )
)


def section(numbers: Numbers) -> Section | None:
    """None when no image file can be read."""
    chosen = chosen_images(numbers)
    entries = [entry for image in chosen if (entry := _entry(numbers, image)) is not None]
    if not entries:
        return None
    data = numbers.data
    note = ""
    if len(chosen) < len(data.images):
        note = (
            f"{len(chosen)} of {len(data.images)} images are shown, spread evenly from the best to"
            " the worst F1, so that the page stays small."
        )
    names = [{"name": entry["name"], "modality": entry["modality"]} for entry in entries]
    viewer = Viewer(
        setup=embedded({"models": _models(data.models), "images": names}),
        images=tuple(embedded(entry) for entry in entries),
        legend=LEGEND,
        threshold=data.base,
        note=note,
    )
    return Section(id="viewer", title="Viewer", blocks=(viewer,))


def chosen_images(numbers: Numbers) -> list[DatasetImage]:
    """The images that the viewer shows, in the dataset's order."""
    data = numbers.data
    most = max(3, MOST_LAYERS // (len(data.models) + 2))
    if len(data.images) <= most:
        return list(data.images)
    names = [model.name for model in data.models if not model.is_control]
    rows = numbers.rows[numbers.rows["model"].isin(names)]
    score = rows.groupby("image")["f1"].mean().to_dict()
    ordered = sorted(data.images, key=lambda image: (-score.get(image.name, 0.0), image.name))
    places = np.linspace(0, len(ordered) - 1, most).round().astype(int)
    chosen = {ordered[place].name for place in places}
    return [image for image in data.images if image.name in chosen]


def embedded(value: Any) -> Markup:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  # escaped for its place in the lines above


def colours_of(models: tuple[Model, ...]) -> list[str]:
    """A colour for each model; controls share one."""
    colours = itertools.cycle(MODEL_COLOURS)
    return [CONTROL_COLOUR if model.is_control else next(colours) for model in models]


def _models(models: tuple[Model, ...]) -> list[dict[str, Any]]:
    """The models' switches: a colour for each."""
    return [
        {"name": model.name, "control": model.is_control, "colour": colour}
        for model, colour in zip(models, colours_of(models), strict=True)
    ]


def _entry(numbers: Numbers, image: DatasetImage) -> dict[str, Any] | None:
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
        small = resampled(truth, shape)
        edge = outline(small)
        layers["truth"] = truth_layer(edge).uri()
        for number, model in enumerate(numbers.data.models):
            found = _model_layers(numbers, model, image, truth, small, edge)
            if found is not None:
                layers[f"{number}"] = found.found.uri()
                layers[f"{number}-missed"] = found.missed.uri()
    return {
        "name": image.name,
        "modality": image.modality,
        "width": shape[1],
        "height": shape[0],
        "picture": picture_uri(displayed(pixels, shape)),
        "layers": layers,
        "scores": _scores(numbers, image.name),
    }


def _model_layers(
    numbers: Numbers, model: Model, image: DatasetImage, truth: Labels, small: Labels, edge: Edge
) -> FateLayers | None:
    """The outlines of a model's cells and of those it missed, by fate; None without a mask.

    The fates are those of the stored overlap table, or of a new one where that is absent or
    belongs to other masks. `small` is the truth at the layer's size, `edge` its outlines.
    """
    assert image.label is not None, "the truth was read from it"
    shown = shown_run(model, image.name)
    if shown is None:
        return None
    run, path = shown
    try:
        size = (truth.shape[0], truth.shape[1])
        predicted = read_mask(path, expected=size)
        predicted = blanked(predicted, truth, read_region(image.label, size))
    except (CellbenchError, OSError):
        return None
    reduced = resampled(predicted, small.shape)
    cells = numbers.cells(model, run).of(image.name)
    other = outline(reduced)
    layers = fate_layers(cells, small, edge, reduced, other) if cells else None
    if layers is None:
        fresh = cells_of(overlap_table(truth, predicted), numbers.data.base, numbers.data.protocol)
        layers = fate_layers(fresh, small, edge, reduced, other)
    return layers


def _scores(numbers: Numbers, image: str) -> list[str]:
    """For every model what is said beside its switch."""
    texts = []
    for model in numbers.data.models:
        outcomes, f1 = numbers.on_image(model.name, image)
        if not outcomes:
            texts.append("not scored yet")
        elif SCORED not in outcomes:
            texts.append(outcomes[0].replace("_", " "))
        else:
            texts.append(f"F1 {f1:.3f}")
    return texts
