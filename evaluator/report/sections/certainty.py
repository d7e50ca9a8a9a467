"""How sure the report can be: models two by two, and the stability of the ranking."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import MODEL, Column, Estimate, Row, Table, compact
from evaluator.report.units import p_text
from evaluator.statistics.paired import Comparison
from evaluator.statistics.ranks import RankStability

EXPLANATION = (
    "Two models are separable when p of a sign-flip test on the same images is at most 0.05 after"
    " Holm's correction over all pairs, and the interval of their difference leaves out 0."
    " “Smallest separable” is the difference that so many images would find 8 times in 10. Controls"
    " take no part."
)


def section(numbers: Numbers) -> Section | None:
    if not numbers.pairs and not numbers.ranks:
        return None
    base = numbers.data.base
    return Section(
        id="certainty",
        title="Certainty",
        blocks=blocks(
            note(EXPLANATION),
            matrix_table(numbers.pairs, base),
            differences_table(numbers.pairs, base),
            ranks_table(numbers.ranks),
        ),
    )


def matrix_table(pairs: tuple[Comparison, ...], base: float) -> Table | None:
    """The significance matrix, None below three models, whose one pair needs no matrix."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    if len(names) < 3:
        return None
    cells = {}
    for pair in pairs:
        for row, column, sign in ((pair.first, pair.second, 1), (pair.second, pair.first, -1)):
            mark = " *" if pair.separable else ""
            cells[row, column] = f"{sign * pair.difference:+.3f}, {p_text(pair.p_holm)}{mark}"
    return Table(
        name="significance",
        caption=f"Mean F1 at IoU {base:g}, row minus column; * separable",
        columns=(
            MODEL,
            *(Column(label=name) for name in names),
        ),
        rows=tuple(Row(cells=(row, *(cells.get((row, name)) for name in names))) for row in names),
    )


def differences_table(pairs: tuple[Comparison, ...], base: float) -> Table | None:
    """Every two models with the interval of their difference, None for fewer than two models."""
    if not pairs:
        return None
    return compact(
        name="differences",
        caption=f"Paired differences in mean F1 at IoU {base:g}",
        columns=(
            Column(label="Models", kind="text"),
            Column(label="Difference, 95 % interval"),
            Column(label="p after Holm"),
            Column(label="Separable", kind="text"),
            Column(label="Images", kind="count"),
            Column(label="Smallest separable", digits=3),
            Column(label="Images needed, about", kind="count", optional=True),
            Column(label="95 % interval over trainings", optional=True),
        ),
        rows=tuple(
            Row(
                cells=(
                    f"{pair.first} − {pair.second}",
                    Estimate(pair.difference, pair.interval.low, pair.interval.high)
                    if pair.interval
                    else pair.difference,
                    pair.p_holm,
                    "yes" if pair.separable else "no",
                    pair.images,
                    pair.smallest_separable,
                    pair.images_needed,
                    f"{pair.seeds.low:.3f} to {pair.seeds.high:.3f}" if pair.seeds else None,
                )
            )
            for pair in pairs
        ),
        sortable=True,
    )


def ranks_table(ranks: tuple[RankStability, ...]) -> Table | None:
    """How firm each model's rank is, None when there is no ranking."""
    if not ranks:
        return None
    return Table(
        name="ranks",
        caption="Stability of the ranking",
        columns=(
            MODEL,
            Column(label="Rank", kind="count"),
            Column(label="First in % of draws", digits=1),
            Column(label="Same rank in % of draws", digits=1),
            Column(label="95 % range of ranks"),
        ),
        rows=tuple(
            Row(
                cells=(
                    rank.model,
                    rank.rank,
                    100 * rank.first_share,
                    100 * rank.same_share,
                    str(rank.low) if rank.low == rank.high else f"{rank.low} to {rank.high}",
                )
            )
            for rank in ranks
        ),
    )
