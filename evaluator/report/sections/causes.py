"""Whether a model loses its score at finding the foreground or at splitting it into cells."""

from collections.abc import Mapping

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note, prose
from evaluator.report.tables import MODEL, Column, Row, Table, Value, shown_mean

HALVES = {
    "f1_true_foreground": "F1 with the true foreground",
    "f1_true_splits": "F1 with the true splits",
}
EXPLANATION = (
    "Two thought experiments. With the true foreground, every pixel of a cell is known to be one,"
    " and the model's own cells are spread over it: what is still lost, splitting loses; cells"
    " that do not touch come apart by themselves. With the true splits, the model's foreground is"
    " cut up as the truth would cut it: what is still lost, the foreground loses. The two losses"
    " do not add up, since both halves may fail on one cell. Differences run over the same images,"
    " a failed one as no gain; the intervals are of each by itself."
)


LEAST = 0.1
"""Mean F1 below which a model finds too little for its losses to be told apart."""


def section(numbers: Numbers) -> Section | None:
    """None unless the scores have the further columns, and masks were there for them."""
    data = numbers.data
    if not data.has_further or numbers.rows[list(HALVES)].isna().any(axis=None):
        return None
    names = [model.name for model in numbers.contenders]
    if not names:
        return None
    gains = {half: _gains(numbers, half) for half in HALVES}
    return Section(
        id="causes",
        title="Foreground or splitting",
        blocks=blocks(
            _table(numbers, names, gains), prose(*_sentences(numbers, names)), note(EXPLANATION)
        ),
    )


def _gains(numbers: Numbers, half: str) -> Mapping[str, Value]:
    """How much F1 each half of the work would bring if it were perfect, in [−1, 1]."""
    found = numbers.signed_means(numbers.rows[half] - numbers.rows["f1"])
    return {name: shown_mean(one) for name, one in found.items()}


def _table(numbers: Numbers, names: list[str], gains: Mapping[str, Mapping[str, Value]]) -> Table:
    means = {half: numbers.means(half) for half in ("f1", *HALVES)}
    return Table(
        name="causes",
        caption=f"Mean F1 at IoU {numbers.data.base:g} with half of the work done by the truth",
        columns=(
            MODEL,
            Column(label="F1"),
            *(Column(label=label) for label in HALVES.values()),
            Column(label="Gain from the true foreground"),
            Column(label="Gain from the true splits"),
        ),
        rows=tuple(
            Row(
                cells=(
                    name,
                    *(means[half][name].mean for half in ("f1", *HALVES)),
                    *(gains[half][name] for half in HALVES),
                )
            )
            for name in names
        ),
        sortable=True,
    )


def _sentences(numbers: Numbers, names: list[str]) -> list[str]:
    """Which half costs more, only where the interval of the difference says so."""
    rows = numbers.rows
    found = numbers.signed_means(rows["f1_true_splits"] - rows["f1_true_foreground"])
    more: dict[str, list[str]] = {"splitting": [], "the foreground": [], "": []}
    for name in (name for name in names if numbers.mean_f1[name] >= LEAST):
        interval = found[name].interval
        settled = interval is not None and interval.excludes_zero
        half = "splitting" if found[name].mean > 0 else "the foreground"
        more[half if settled else ""].append(name)
    lines = [
        f"{', '.join(models)}: more F1 is lost by {half} than by"
        f" {'the foreground' if half == 'splitting' else 'splitting'}."
        for half, models in more.items()
        if half and models
    ]
    if few := [name for name in names if numbers.mean_f1[name] < LEAST]:
        lines.append(f"{', '.join(few)}: with a mean F1 below {LEAST:g} nothing is said.")
    if more[""]:
        lines.append(f"{', '.join(more[''])}: which half loses more is not settled.")
    return lines
