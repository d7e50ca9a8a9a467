"""Each model by itself: its means at every threshold, its best and worst images."""

import pandas as pd

from evaluator.report.data import Model
from evaluator.report.numbers import Numbers
from evaluator.report.samples import pictures
from evaluator.report.section import Beside, Panels, Part, Section, Text, blocks
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
    warning = Text(lines=(f"{state.capitalize()}.",), role="warning") if state else None
    return Part(
        title=model.name,
        tag=model.role,
        note=model.title if model.title != model.name else "",
        blocks=blocks(warning, tables, *examples),
    )


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
