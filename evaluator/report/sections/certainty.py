"""How sure the report can be: models two by two, and what that leaves of the ranking."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import MODEL, Column, Row, Table, compact, shown
from evaluator.statistics.conclusions import needed_text
from evaluator.statistics.paired import Comparison
from evaluator.statistics.power import FEWEST_TO_SETTLE
from evaluator.statistics.ranks import RankStability

EXPLANATION = (
    "Two models are compared on the same images. Raw p is that of a sign-flip test of one"
    " comparison for itself; adjusted p holds the chance of even one false claim among all these"
    " comparisons at 5 %; all the intervals hold together with 95 % confidence. Better: the"
    " interval leaves out 0 and adjusted p is at most 0.05. Equivalent: the interval lies within"
    " the margin of {margin:g}. Undecided: neither, which is not the same as equal. Ahead, level"
    " and behind count images. Controls take no part."
)
RANKS = (
    "The ranks left open are those that the comparisons do not rule out. The share of redraws"
    " of the images, with the same trainings, says how much a first place hangs on single images;"
    " it is no probability that a model is best."
)
ONE_TRAINING = (
    "All of this is said of these trainings: with one seed it is not known how far another training"
    " of the same model would differ."
)
NEITHER = (
    "No interval is given where fewer than {fewest} images differ, whose signs"
    " cannot settle anything."
)


def section(numbers: Numbers) -> Section | None:
    if numbers.data.trial is not None:
        return None  # a trial compares what it declared, see Trial
    if not numbers.pairs and not numbers.ranks:
        return None
    base = numbers.data.base
    explanation = EXPLANATION.format(margin=numbers.margin)
    if any(pair.interval is None for pair in numbers.pairs):
        explanation += f" {NEITHER.format(fewest=FEWEST_TO_SETTLE)}"
    return Section(
        id="certainty",
        title="Certainty",
        blocks=blocks(
            note(explanation, *_scope(numbers)),
            matrix_table(numbers.pairs, base),
            differences_table(numbers.pairs, base),
            ranks_table(numbers.ranks),
            note(RANKS) if numbers.ranks else None,
        ),
    )


def _scope(numbers: Numbers) -> list[str]:
    """Of which trainings and which units all this is said."""
    pairs = numbers.pairs
    over = sum(pair.over_trainings for pair in pairs)
    if over == len(pairs):
        lines = ["Intervals and p hold over images and over trainings."]
    elif over:
        lines = ["Where both models have two seeds, intervals and p hold over trainings too."]
    else:
        lines = [ONE_TRAINING]
    if numbers.groups is not None:
        units = max((pair.units for pair in pairs), default=0)
        lines.append(
            f"The manifest's column group puts the images into {units} groups; a group counts as"
            " one draw."
        )
    if numbers.fixed_mix is not None:
        lines.append(
            "The manifest's column stratum fixes the mix of images; intervals are those of other"
            " images in the same mix."
        )
    return lines


def matrix_table(pairs: tuple[Comparison, ...], base: float) -> Table | None:
    """The verdicts as a matrix, None below three models, whose one pair needs no matrix."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    if len(names) < 3:
        return None
    turned = {"better": "worse", "worse": "better"}
    cells = {}
    for pair in pairs:
        verdict = pair.verdict
        for row, column, sign, said in (
            (pair.first, pair.second, 1, verdict),
            (pair.second, pair.first, -1, turned.get(verdict, verdict)),
        ):
            cells[row, column] = f"{sign * pair.difference:+.3f}, {said}"
    return Table(
        name="significance",
        caption=f"Mean F1 at IoU {base:g}, row minus column, and what is settled of the row",
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
    grouped = any(pair.units != pair.images for pair in pairs)
    unit = "groups" if grouped else "images"
    return compact(
        name="differences",
        caption=f"Paired differences in mean F1 at IoU {base:g}",
        columns=(
            Column(label="Models", kind="text"),
            Column(label="Difference, simultaneous 95 % interval"),
            Column(label="Verdict on the first", kind="text"),
            Column(label="Ahead, level, behind", kind="text"),
            Column(label="Adjusted p", digits=4),
            Column(label="Raw p", digits=4),
            Column(label="Images", kind="count"),
            Column(label="Groups", kind="count", optional=True),
            Column(label="Found 8 times in 10, from", digits=3, optional=True),
            Column(label=f"To settle this difference, {unit}", kind="text", optional=True),
        ),
        rows=tuple(
            Row(
                cells=(
                    f"{pair.first} − {pair.second}",
                    shown(pair.difference, pair.interval),
                    pair.verdict,
                    f"{pair.ahead}, {pair.level}, {pair.behind}",
                    pair.p,
                    pair.p_raw,
                    pair.images,
                    pair.units if grouped else None,
                    pair.smallest_separable,
                    _needed(pair),
                )
            )
            for pair in pairs
        ),
        sortable=True,
    )


def _needed(pair: Comparison) -> str | None:
    """How many images an undecided difference of that size takes."""
    if pair.verdict != "undecided" or pair.images_needed is None:
        return None
    return needed_text(pair.images_needed, "")


def ranks_table(ranks: tuple[RankStability, ...]) -> Table | None:
    """How firm each model's rank is, None when there is no ranking."""
    if not ranks:
        return None
    return Table(
        name="ranks",
        caption="What the ranking leaves open",
        columns=(
            MODEL,
            Column(label="Rank", kind="count"),
            Column(label="Ranks left open"),
            Column(label="First in % of redraws", digits=1),
        ),
        rows=tuple(
            Row(
                cells=(
                    rank.model,
                    rank.rank,
                    str(rank.low) if rank.low == rank.high else f"{rank.low} to {rank.high}",
                    100 * rank.first_share,
                )
            )
            for rank in ranks
        ),
    )
