"""Each model by itself: its means at every threshold, its best and worst images."""

import re
from collections.abc import Sequence

import pandas as pd

from evaluator.report.data import SCORED, DatasetImage, Model
from evaluator.report.numbers import Numbers
from evaluator.report.samples import pictures
from evaluator.report.section import Beside, Panels, Part, Section, Text, blocks, note
from evaluator.report.summary import extremes
from evaluator.report.tables import Column, Row, Table

ENDS = {"top": "highest", "bottom": "lowest"}


def section(numbers: Numbers) -> Section:
    rows = numbers.rows
    ends = extremes(rows[rows["true_cells"] > 0], count=1)
    parts = [
        _part(numbers, model, ends, f"model-{place}")
        for place, model in enumerate(numbers.order, start=1)
    ]
    return Section(
        id="models",
        title="Each model",
        blocks=tuple(parts),
        files={"extremes": numbers.extremes.to_csv(index=False)},
    )


def _part(numbers: Numbers, model: Model, ends: pd.DataFrame, name: str) -> Part:
    """One model's part; without a single mask it says so and has no tables."""
    state = numbers.state(model)
    tables: Beside | None = None
    examples: tuple[Panels, ...] = ()
    if model.name in numbers.with_masks:
        tables = Beside(
            blocks=(
                _thresholds(numbers, model),
                *(_extremes(numbers, model, end) for end in ENDS),
            )
        )
        examples = _examples(numbers, model, ends, name)
    lost = numbers.rows[(numbers.rows["model"] == model.name) & (numbers.rows["outcome"] != SCORED)]
    images = lost["image"].nunique()
    if state and images:
        state += f", and {images} of {numbers.rows['image'].nunique()} images were not scored"
    warning = Text(lines=(f"{state.capitalize()}.",), role="warning") if state else None
    before, seen = pretraining(model, numbers.data.images)
    return Part(
        title=model.name,
        tag=model.role,
        note=model.title if model.title != model.name else "",
        blocks=blocks(
            warning,
            Text(lines=(seen,), role="warning") if seen else None,
            note(before) if before else None,
            tables,
            *examples,
        ),
    )


def pretraining(model: Model, images: Sequence[DatasetImage]) -> tuple[str, str]:
    """What a model's weights had seen before, and a caution when the test images are of it.

    Both are empty where there is nothing to say.
    """
    names = model.record.pretrained_on if model.record else None
    started = {str(run.training.get("pretrained") or "") for run in model.runs}
    others = sorted(started - {"", "none"})
    if started == {"none"} or (names == () and not others):
        return "Its weights had seen no images before this training.", ""
    if names == ():
        return f"It started from {'; '.join(others)}.", ""
    if names is None or model.is_control:
        return "", ""
    known = [name for name in names if any(_is_of(name, image) for image in images)]
    caution = ""
    if known:
        count = sum(any(_is_of(name, image) for name in known) for image in images)
        caution = (
            f"{model.name} was pretrained on {', '.join(known)}, and the manifest names that as the"
            f" source of {count} of {len(images)} test images: it may have seen them, or images of"
            " their kind, before."
        )
    return f"Its weights were pretrained on {', '.join(names)}.", caution


def _is_of(name: str, image: DatasetImage) -> bool:
    """Whether the manifest's source of an image names a dataset, whatever the spelling."""
    wanted, source = (
        re.sub(r"[^a-z0-9]", "", text.lower()) for text in (name, image.strata.get("source", ""))
    )
    return bool(wanted) and wanted in source


def _thresholds(numbers: Numbers, model: Model) -> Table:
    """The model's means at each threshold; Dice is not here, since no threshold enters it."""
    of_model = numbers.thresholds[numbers.thresholds["model"] == model.name]
    means = ("mean_f1", "mean_precision", "mean_recall", "images")
    return Table(
        name=f"thresholds-{model.name}",
        caption=f"{model.name} over the thresholds",
        columns=(
            Column(label="IoU", kind="text"),
            Column(label="Mean F1"),
            Column(label="Mean precision"),
            Column(label="Mean recall"),
            Column(label="Images", kind="count"),
        ),
        rows=tuple(
            Row(cells=(f"{row['threshold']:g}", *(row[name] for name in means)))
            for row in of_model.to_dict("records")
        ),
        stored=False,
    )


def _extremes(numbers: Numbers, model: Model, end: str) -> Table:
    extremes = numbers.extremes
    chosen = extremes[(extremes["model"] == model.name) & (extremes["end"] == end)]
    return Table(
        name=f"{end}-{model.name}",
        caption=f"{model.name}: the {len(chosen)} images with the {ENDS[end]} F1",
        columns=(
            Column(label="Image", kind="text"),
            Column(label="F1"),
            Column(label="Foreground Dice"),
        ),
        rows=tuple(
            Row(cells=(str(row["image"]), row["f1"], row["dice"]))
            for row in chosen.to_dict("records")
        ),
        stored=False,
    )


def _examples(numbers: Numbers, model: Model, ends: pd.DataFrame, name: str) -> tuple[Panels, ...]:
    """The model's best image and its worst one that holds cells; none for controls."""
    if model.is_control:
        return ()
    of_model = ends[ends["model"] == model.name].set_index("end")["image"]
    chosen: dict[str, str] = {}
    for end, word in ENDS.items():
        if end in of_model.index:
            chosen.setdefault(of_model[end], f"{word.capitalize()} F1")
    return pictures(numbers, chosen, [model], name)
