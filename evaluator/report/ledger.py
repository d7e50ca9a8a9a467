"""How every pair of model, seed and image ended: the ledger of outcomes, and faults."""

from evaluator.report.data import PAIR, SCORED, Model, ReportData
from evaluator.report.tables import Column, Row, Table, compact
from evaluator.runs.words import OUTCOMES

FAILURES_SHOWN = 200


def outcomes_table(data: ReportData, order: list[Model]) -> Table:
    """How every (model, seed, image) pair ended; the rows add up to what was expected."""
    rows_at_base = data.at_base
    counts = rows_at_base.groupby(["model", "outcome"]).size().to_dict()
    used = [name for name in OUTCOMES if name in set(rows_at_base["outcome"]) | {SCORED}]
    rows = []
    for model in order:
        expected = len(model.runs) * len(data.images)
        numbers = [counts.get((model.name, outcome), 0) for outcome in used]
        rows.append(
            Row(
                cells=(model.name, *numbers, (expected - sum(numbers)) or None, expected),
                role="control" if model.is_control else "",
            )
        )
    return compact(
        name="outcomes",
        caption="Outcomes of all pairs of model, seed and image",
        columns=(
            Column(label="Model", kind="text"),
            *(Column(label=outcome.replace("_", " "), kind="count") for outcome in used),
            Column(label="not there yet", kind="count", optional=True),
            Column(label="expected", kind="count"),
        ),
        rows=tuple(rows),
    )


def failures_table(data: ReportData) -> Table | None:
    """Every pair that was not scored, by name, up to 200."""
    failed = data.at_base[data.at_base["outcome"] != SCORED].drop_duplicates(PAIR)
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


def faults_table(data: ReportData) -> Table | None:
    if not data.faults:
        return None
    labels = ("Image", "Folder", "Reason")
    return Table(
        name="faults",
        caption="Images of the dataset that were left out for every model",
        columns=tuple(Column(label=label, kind="text") for label in labels),
        rows=tuple(Row(cells=(fault.image, fault.part, fault.reason)) for fault in data.faults),
    )
