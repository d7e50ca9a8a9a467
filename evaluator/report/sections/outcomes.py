"""How every pair of model, seed and image ended."""

from evaluator.report.data import PAIR, SCORED
from evaluator.report.numbers import Numbers
from evaluator.report.section import Fold, Section, blocks
from evaluator.report.tables import MODEL, Column, Row, Table, compact
from evaluator.runs.words import OUTCOMES

FAILURES_SHOWN = 200
UNFOLDED = 10
"""A list of at most so many failures is shown from the start."""


def section(numbers: Numbers) -> Section:
    failures = _failures(numbers)
    folded = None
    if failures is not None:
        few = len(failures.rows) <= UNFOLDED
        folded = Fold(title=failures.caption, blocks=(failures,), open=few)
    return Section(id="outcomes", title="Outcomes", blocks=blocks(_outcomes(numbers), folded))


def _outcomes(numbers: Numbers) -> Table:
    """How every (model, seed, image) pair ended; the rows add up to what was expected."""
    counts = numbers.rows.groupby(["model", "outcome"]).size().to_dict()
    used = [name for name in OUTCOMES if name in set(numbers.rows["outcome"]) | {SCORED}]
    rows = []
    for model in numbers.order:
        expected = len(model.runs) * len(numbers.data.images)
        ended = [counts.get((model.name, outcome), 0) for outcome in used]
        rows.append(
            Row(
                cells=(model.name, *ended, (expected - sum(ended)) or None, expected),
                role="control" if model.is_control else "",
            )
        )
    return compact(
        name="outcomes",
        caption="Outcomes of all pairs of model, seed and image",
        columns=(
            MODEL,
            *(Column(label=outcome.replace("_", " "), kind="count") for outcome in used),
            Column(label="not there yet", kind="count", optional=True),
            Column(label="expected", kind="count"),
        ),
        rows=tuple(rows),
    )


def _failures(numbers: Numbers) -> Table | None:
    """Every pair that was not scored, by name, up to 200."""
    failed = numbers.rows[numbers.rows["outcome"] != SCORED].drop_duplicates(PAIR)
    if failed.empty:
        return None
    shown = failed.sort_values(PAIR).head(FAILURES_SHOWN)
    caption = "Pairs that were not scored"
    if len(failed) > len(shown):
        caption += f" (the first {len(shown)} of {len(failed)}; all are in scores.csv)"
    return Table(
        name="failures",
        caption=caption,
        columns=tuple(
            Column(label=label, kind="text") for label in ("Model", "Seed", "Image", "Outcome")
        ),
        rows=tuple(
            Row(cells=(str(row["model"]), str(row["seed"]), str(row["image"]), str(row["outcome"])))
            for row in shown.to_dict("records")
        ),
    )
