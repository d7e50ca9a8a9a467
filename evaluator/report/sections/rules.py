"""How far the ranking depends on rules that evaluators disagree on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import get_args

from evaluator.explain.rules import Average, Ranking, rankings, surviving
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note, prose
from evaluator.report.tables import MODEL, Column, Row, Table

AVERAGES: Mapping[Average, str] = {
    "mean": "Mean of the images' F1",
    "median": "Median of the images' F1",
    "pooled": "F1 of all cells together",
    "mean rank": "Mean rank on the images",
}
assert set(AVERAGES) == set(get_args(Average))
BY_VERDICTS = "Settled verdicts (others it is better than)"
VERDICTS = (
    "The last line of the first table ranks by tests in place of means: it says of how many other"
    " models each is settled as better, by the verdicts under Certainty."
)
PAIRS_SHOWN = 12
EXPLANATION = (
    "The same masks under all combinations of four rules: cells on the border count or are"
    " dropped; a cell is found from the threshold on or only above it; an image without cells on"
    " either side scores 0, scores 1 or is left out, which changes nothing where all cells are"
    " taken together; and one of four ways to sum up images. Images are never tiled here, and"
    " failures count 0. These are orders on these very images: one that holds under all rules can"
    " still be a matter of which images were chosen, which Certainty is about."
)


def section(numbers: Numbers) -> Section | None:
    """None for fewer than two contenders, or when an overlap table is not there."""
    part = numbers.followed
    tables = part.tables
    if tables is None or len(part.contenders) < 2:
        return None
    found = {threshold: rankings(tables, threshold) for threshold in numbers.data.thresholds}
    return Section(
        id="rules",
        title="Other rules",
        blocks=blocks(
            prose(numbers.follows) if numbers.follows else None,
            prose(*(_sentences(*one) for one in found.items())),
            _first_table(numbers, found),
            _ranks_table(part, found),
            note(EXPLANATION, *([VERDICTS] if numbers.pairs else [])),
        ),
    )


def _sentences(threshold: float, found: Sequence[Ranking]) -> str:
    """Which pairs keep their order under all rules at one threshold, and which do not."""
    names = list(found[0].scores)
    kept = surviving(found)
    changing = [
        f"{first} and {second}"
        for first, second in combinations(names, 2)
        if (first, second) not in kept and (second, first) not in kept
    ]
    rules = f"At IoU {threshold:g}, under all {len(found)} sets of rules,"
    if not changing:
        return f"{rules} the models have one order: {', '.join(names)}."
    if not kept:
        return f"{rules} no model is ahead of any other."
    pairs = [f"{ahead} is ahead of {behind}" for ahead, behind in kept]
    return (
        f"{rules} {_some(pairs)}. Level under some rules, or the other way round:"
        f" {_some(changing)}."
    )


def _some(texts: Sequence[str]) -> str:
    rest = len(texts) - PAIRS_SHOWN
    return "; ".join(texts[:PAIRS_SHOWN]) + (f"; and {rest} more pairs" if rest > 0 else "")


def _first_table(numbers: Numbers, found: Mapping[float, Sequence[Ranking]]) -> Table:
    rows = [
        Row(
            cells=(
                label,
                *(
                    _first([one for one in rankings if one.rules.average == average])
                    for rankings in found.values()
                ),
            )
        )
        for average, label in AVERAGES.items()
    ]
    base = numbers.data.base
    if numbers.pairs:
        cells = (_settled(numbers) if threshold == base else None for threshold in found)
        rows.append(Row(cells=(BY_VERDICTS, *cells), role="total"))
    return Table(
        name="first-by-rules",
        caption="The first model, and under how many sets of rules",
        columns=(
            Column(label="Images are summed up as", kind="text"),
            *(Column(label=f"IoU {threshold:g}", kind="text") for threshold in found),
        ),
        rows=tuple(rows),
    )


def _first(found: Sequence[Ranking]) -> str:
    """`maunet in 9, nnunet in 3 of 12`, ties as ties."""
    counts: Counter[str] = Counter()
    for one in found:
        best = max(one.scores.values())
        ahead = [name for name, score in one.scores.items() if score == best]
        counts[" = ".join(ahead) if 0 < len(ahead) <= 3 else "several"] += 1
    if len(counts) == 1:
        return f"{next(iter(counts))} in all {len(found)}"
    listed = ", ".join(f"{name} in {count}" for name, count in counts.most_common())
    return f"{listed} of {len(found)}"


def _settled(numbers: Numbers) -> str:
    """Test-based ranks: how many others each model is settled to be better than."""
    wins = Counter({model.name: 0 for model in numbers.contenders})
    for pair in numbers.pairs:
        if pair.separable:
            wins[pair.first if pair.difference > 0 else pair.second] += 1
    return ", ".join(f"{name} {count}" for name, count in wins.most_common())


def _ranks_table(numbers: Numbers, found: Mapping[float, Sequence[Ranking]]) -> Table:
    return Table(
        name="ranks-by-rules",
        caption="Best and worst rank under all sets of rules",
        columns=(
            MODEL,
            *(Column(label=f"IoU {threshold:g}", kind="text") for threshold in found),
        ),
        rows=tuple(
            Row(cells=(model.name, *(_span(one, model.name) for one in found.values())))
            for model in numbers.contenders
        ),
    )


def _span(found: Sequence[Ranking], name: str) -> str:
    ranks = [
        1 + sum(score > one.scores[name] for score in one.scores.values())
        for one in found
        if one.scores[name] == one.scores[name]
    ]
    if not ranks:
        return ""
    low, high = min(ranks), max(ranks)
    return str(low) if low == high else f"{low} to {high}"
