"""The result in words: the headline, and a list of findings."""

from evaluator.report.data import PAIR, SCORED, Model, ReportData
from evaluator.report.findings import findings
from evaluator.report.numbers import Numbers
from evaluator.report.section import Callout, Section, Text, blocks, prose
from evaluator.report.tables import Estimate
from evaluator.runs.likeness import caution, told_seen
from evaluator.statistics.conclusions import conclusion, trainings
from evaluator.statistics.intervals import FEWEST
from evaluator.statistics.paired import Comparison
from evaluator.statistics.power import FEWEST_TO_SETTLE

FAILED_LIMIT = 0.1
"""Above this share of failed (model, image) pairs the report names no best model."""
TIE = 1e-9
FEW = (
    f"On fewer than {FEWEST} images nothing is compared, and fewer than {FEWEST_TO_SETTLE} cannot"
    f" settle anything. {trainings(several=False)}"
)


def section(numbers: Numbers) -> Section:
    found = findings(numbers)
    return Section(
        id="result",
        title="Result",
        blocks=blocks(
            None if numbers.data.trial else _headline(numbers),
            _caution(numbers.data),
            prose(*found) if found else None,
        ),
        titled=False,
    )


def _caution(data: ReportData) -> Text | None:
    """That test images were in training, before any score is believed."""
    found = caution(data.leakage, len(data.images)) if data.leakage else ()
    found += told_seen(data.seen, len(data.images)) if data.seen else ()
    return Text(lines=(*found, "See Dataset."), role="warning") if found else None


def _headline(numbers: Numbers) -> Callout:
    """The one thing to know first: many failures, a settled winner, or what is known instead."""
    if numbers.failed_share > FAILED_LIMIT:
        return _many_failures(numbers)
    if not numbers.data.images and len(numbers.data.sparse):
        title = "No scores but recall: of no image all cells are labelled"
        return Callout(title=title, lines=("See Sparse truth.",))
    if not numbers.ranking:
        controls = bool(numbers.of_model)
        title = "Only controls have been scored" if controls else "No model has been scored yet"
        return Callout(title=title, lines=())
    best = numbers.ranking[0]
    score = numbers.mean_f1[best.name]
    if not numbers.data.finished:
        title = f"Not finished; so far {best.name} has the highest mean F1"
        return Callout(title=title, lines=(f"Mean F1 {score:.4f}. {_scope(numbers, best)}",))
    if len(numbers.ranking) == 1:
        return Callout(title=f"{best.name}: mean F1 {score:.4f}", lines=(_scope(numbers, best),))
    return _comparison(numbers, best)


def _comparison(numbers: Numbers, best: Model) -> Callout:
    """Which model is best where that is settled, else what is known."""
    others = numbers.ranking[1:]
    pairs = {_other(pair, best.name): pair for pair in numbers.pairs if best.name in _names(pair)}
    behind = [name for name, pair in pairs.items() if pair.separable]
    equal = [name for name, pair in pairs.items() if pair.verdict == "equivalent"]
    lines = [_highest(numbers), *_against_second(numbers, pairs), *_stricter(numbers)]
    open_ones = [model.name for model in others if model.name not in {*behind, *equal}]
    if not open_ones and not equal:
        title = f"Best model: {best.name}"
        if not all(pair.over_trainings for pair in pairs.values()):
            title = f"Best of these trainings: {best.name}"
        return Callout(title=title, lines=tuple(lines))
    if not open_ones:
        title = f"Best: {_listed([best.name, *equal])}, equivalent within {numbers.margin:g}"
        return Callout(title=title, lines=tuple(lines))
    images = len(numbers.data.images)
    title = f"No model is settled as best on {images} image{'s' if images != 1 else ''}"
    if behind:
        lines.append(f"Settled as worse than {best.name}: {_listed(behind)}.")
    if equal:
        lines.append(f"Equivalent to {best.name} within {numbers.margin:g}: {_listed(equal)}.")
    return Callout(title=title, lines=tuple(lines))


def _highest(numbers: Numbers) -> str:
    """Who has the highest mean, ties named as ties."""
    top = numbers.mean_f1[numbers.ranking[0].name]
    tied = [model.name for model in numbers.ranking if numbers.mean_f1[model.name] > top - TIE]
    shown = numbers.estimate(tied[0], top)
    interval = ""
    if isinstance(shown, Estimate):
        interval = f" (95 % interval {shown.low:.3f} to {shown.high:.3f})"
    scope = _scope(numbers, numbers.ranking[0])
    if len(tied) > 1:
        return f"{_listed(tied)} have the same mean F1, {top:.4f}{interval}. {scope}"
    return f"{tied[0]} has the highest mean F1, {top:.4f}{interval}. {scope}"


def _against_second(numbers: Numbers, pairs: dict[str, Comparison]) -> list[str]:
    second = numbers.ranking[1].name
    if second in pairs:
        return [conclusion(pairs[second])]
    return [FEW]


def _stricter(numbers: Numbers) -> list[str]:
    """Another model that leads at the highest threshold."""
    highest = max(numbers.data.thresholds, default=numbers.data.base)
    if highest <= numbers.data.base:
        return []
    means = numbers.means(threshold=highest)
    ranked = [model.name for model in numbers.ranking if model.name in means]
    if len(ranked) < 2:
        return []
    best = numbers.ranking[0].name
    leader = max(ranked, key=lambda name: means[name].mean)
    if best not in means or means[leader].mean <= means[best].mean + TIE:
        return []
    gap = f"{means[leader].mean:.4f}; {best} {means[best].mean:.4f}"
    return [f"At IoU {highest:g} {leader} has the highest mean F1 ({gap})."]


def _many_failures(numbers: Numbers) -> Callout:
    rows = numbers.rows.drop_duplicates(PAIR)
    failed = rows[rows["outcome"] != SCORED]
    worst = failed.groupby("model").size().sort_values(ascending=False)
    per_model = ", ".join(f"{name} {count}" for name, count in worst.items())
    return Callout(
        title=f"{len(failed)} of {len(rows)} predictions failed, so no best model is named",
        lines=(
            f"Failed pairs of seed and image by model: {per_model}. A failed pair counts as 0.",
            *(["What is settled of the models stands under Certainty."] if numbers.pairs else []),
        ),
        bad=True,
    )


def _scope(numbers: Numbers, model: Model) -> str:
    row, data = numbers.of_model[model.name], numbers.data
    seeds = f", mean of {row['seeds']} seeds" if row["seeds"] > 1 else ""
    return f"At IoU {data.base:g}, over {row['images']} images{seeds}, protocol {data.protocol}."


def _names(pair: Comparison) -> tuple[str, str]:
    return pair.first, pair.second


def _other(pair: Comparison, name: str) -> str:
    return pair.second if pair.first == name else pair.first


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
