"""Tables that tell which differences the images can settle."""

from evaluator.report.data import ReportData
from evaluator.report.intervals import differences, rank_stability
from evaluator.report.tables import Column, Row, Table


def differences_table(data: ReportData, models: list[str]) -> Table | None:
    """Every two models with the interval of their difference, None for fewer than two models."""
    found = differences(data.at_base, models)
    if not found:
        return None
    return Table(
        name="differences",
        caption=f"Paired differences in mean F1 at IoU {data.base:g}",
        columns=(
            Column(label="Models", kind="text"),
            Column(label="Difference"),
            Column(label="95 % interval"),
            Column(label="Separable", kind="text"),
        ),
        rows=tuple(
            Row(
                cells=(
                    f"{pair.first} − {pair.second}",
                    pair.mean,
                    str(pair.interval),
                    "yes" if pair.interval.excludes_zero else "no",
                )
            )
            for pair in found
        ),
        sortable=True,
    )


def ranks_table(data: ReportData, models: list[str]) -> Table | None:
    """How firm each model's rank is, None for fewer than two models or too few images."""
    found = rank_stability(data.at_base, models)
    if not found:
        return None
    return Table(
        name="ranks",
        caption="Stability of the ranking",
        columns=(
            Column(label="Model", kind="text"),
            Column(label="Rank", kind="count"),
            Column(label="First in % of draws", digits=1),
            Column(label="95 % range of ranks"),
        ),
        rows=tuple(
            Row(
                cells=(
                    rank.model,
                    place,
                    100 * rank.first_share,
                    str(rank.low) if rank.low == rank.high else f"{rank.low} to {rank.high}",
                )
            )
            for place, rank in enumerate(found, start=1)
        ),
    )
