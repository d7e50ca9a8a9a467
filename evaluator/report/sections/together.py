"""What the models would reach together, and which cells all or only one of them find."""

from collections.abc import Mapping
from itertools import compress

import numpy as np

from evaluator.explain.agreement import Agreement, agreement
from evaluator.explain.best_of import BestOf, best_of
from evaluator.overlap.joined import joined
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, Text, blocks, note, prose
from evaluator.report.tables import MODEL, Column, Row, Table, Value, shown
from evaluator.statistics.conclusions import trainings
from evaluator.statistics.intervals import mean_interval
from evaluator.statistics.score_matrix import Values, kept

IMAGES_SHOWN = 3
BOUND = (
    "If somebody who knew the truth picked the best model image by image, this would be the mean"
    " F1. It is a bound, not a method: the best of several scores is high by chance too, the more"
    " so the more models there are."
)
AGREEMENT = (
    "True cells of the images on which {models} were all scored, with the first seed of each:"
    " counts on these images, where a crowded one weighs most. Cells that no model finds may be"
    " hard, or faults of the truth that are worth a look, or beyond models like these; cells that"
    " only one model finds are what it could add to the others."
)
OVER_IMAGES = "The intervals of what a choice would bring are over images, with these trainings."


def section(numbers: Numbers) -> Section | None:
    """None for fewer than two contenders."""
    if len(numbers.contenders) < 2:
        return None
    bound, found = best_of(numbers.matrix), _agreements(numbers)
    several = any(len(model.seeds) > 1 for model in numbers.contenders)
    return Section(
        id="together",
        title="The models together",
        blocks=blocks(
            _bound_table(numbers, bound),
            note(f"{BOUND} {OVER_IMAGES if several else trainings(several=False)}"),
            *_agreement(numbers, found),
            _alone_table(numbers, found, bound.wins),
            note(AGREEMENT.format(models=_listed(numbers))) if found else None,
            prose(numbers.follows) if found and numbers.follows else None,
        ),
    )


def _listed(numbers: Numbers) -> str:
    *names, last = (model.name for model in numbers.contenders)
    return f"{', '.join(names)} and {last}"


def _bound_table(numbers: Numbers, bound: BestOf) -> Table | None:
    if not bound.images:
        return None
    scores = numbers.matrix
    values = np.array([scores.values(model) for model in scores.models])
    whole = ~np.isnan(values).any(axis=0)
    best, leader = values.max(axis=0)[whole], scores.values(bound.best_model)[whole]
    mean = numbers.estimate(
        bound.best_model, bound.best_mean, images=list(compress(scores.images, whole))
    )
    groups, strata = kept(scores.groups, whole), kept(scores.strata, whole)

    def mean_of(of: Values) -> Value:
        return shown(float(of.mean()), mean_interval(of, groups, strata))

    return Table(
        name="best-of",
        caption=f"Mean F1 at IoU {numbers.data.base:g} of a perfect choice among the models",
        columns=(Column(label="What", kind="text"), Column(label="Mean F1, 95 % interval")),
        rows=(
            Row(cells=("The best model of each image", mean_of(best))),
            Row(cells=(f"{bound.best_model} alone, the highest mean", mean)),
            Row(cells=("What the choice adds", mean_of(best - leader))),
        ),
    )


def _agreements(numbers: Numbers) -> dict[str, Agreement]:
    """By image who found which cell; only images on which every contender was scored."""
    found = {}
    part = numbers.followed
    for image in part.data.images:
        tables = {}
        for model in numbers.contenders:
            run = model.runs[0]
            if (model.name, run.seed, image.name) not in numbers.scored_pairs:
                continue
            cells = part.cells(model, run).of(image.name)
            if cells is not None:
                tables[model.name] = joined(cells.counted)
        if len(tables) == len(numbers.contenders):
            try:
                found[image.name] = agreement(tables, numbers.data.base)
            except ValueError:  # a label was corrected between two models
                continue
    return {image: one for image, one in found.items() if len(one.ids)}


def _agreement(numbers: Numbers, found: dict[str, Agreement]) -> list[Table | Text]:
    if not found:
        return []
    names = list(found)
    cells = np.array([len(one.ids) for one in found.values()])
    none = np.array([len(one.missed_by_all) for one in found.values()])
    every = np.array([len(one.found_by_all) for one in found.values()])
    kinds = (
        ("Found by every model", every),
        ("Found by some", cells - every - none),
        ("Found by none", none),
    )
    table = Table(
        name="agreement",
        caption=f"True cells by how many models find them at IoU {numbers.data.base:g}, on"
        f" {len(names)} images",
        columns=(
            Column(label="Cells", kind="text"),
            Column(label="Number", kind="count"),
            Column(label="In percent", digits=1),
        ),
        rows=tuple(
            Row(cells=(label, int(counts.sum()), 100 * float(counts.sum() / cells.sum())))
            for label, counts in kinds
        ),
    )
    most = [place for place in np.argsort(-none, kind="stable")[:IMAGES_SHOWN] if none[place]]
    if not most:
        return [table]
    listed = ", ".join(f"{names[place]} ({none[place]:g} of {cells[place]:g})" for place in most)
    return [table, prose(f"The images with most cells that no model finds: {listed}.")]


def _alone_table(numbers: Numbers, found: dict[str, Agreement], wins: Mapping[str, int]) -> Table:
    images = len(numbers.matrix.images)
    return Table(
        name="alone",
        caption="What each model is alone in",
        columns=(
            MODEL,
            Column(label=f"Images on which it alone has the highest F1, of {images}", kind="count"),
            Column(label="True cells that it alone finds", kind="count"),
        ),
        rows=tuple(
            Row(
                cells=(
                    model.name,
                    wins[model.name],
                    sum(len(one.found_only_by(model.name)) for one in found.values())
                    if found
                    else None,
                )
            )
            for model in numbers.contenders
        ),
        sortable=True,
    )
