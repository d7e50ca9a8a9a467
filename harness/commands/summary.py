"""What run-all prints at its end: a table of means, the failures, and where the report lies."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from contract.names import printable, some
from evaluator.scores.incomplete import is_sparse
from evaluator.scores.rows import ScoreRow
from evaluator.scores.summaries import summarise
from harness.work.run_all import Result
from harness.work.scoring import failures


def print_summary(result: Result) -> None:
    """Prints one line per model and seed, and the report's path last, on stdout."""
    console = Console(soft_wrap=True)
    thresholds = result.record.thresholds
    table = Table(title=f"Mean F1 over all images, protocol {result.record.protocol}")
    table.add_column("model")
    table.add_column("seed", justify="right")
    for threshold in thresholds:
        table.add_column(f"F1@{threshold:g}", justify="right")
    table.add_column("foreground Dice", justify="right")
    table.add_column("images scored", justify="right")
    for model, facts in result.record.models.items():
        for seed in facts.seeds:
            table.add_row(*_cells(model, seed, thresholds, result.rows))
    console.print(table)
    sparse = len({row.image for row in result.rows if is_sparse(row)})
    if sparse:
        console.print(f"of {sparse} images only some cells are labelled: they carry recall alone")
    failed = failures(result.rows)
    if failed:
        counts = Counter(
            row.outcome
            for row in result.rows
            if row.outcome != "scored" and row.threshold == thresholds[0]
        )
        words = ", ".join(f"{number} {outcome}" for outcome, number in counts.most_common())
        console.print(f"{failed} of the results are failures and count 0: {words}")
    left_out = result.left_out
    if left_out:
        names = some([printable(fault.image) for fault in left_out])
        console.print(
            f"{len(left_out)} left out for all models, because of the dataset: {names}",
            highlight=False,
            markup=False,
        )
    console.print(f"scores: {result.run.scores_csv}", highlight=False)
    console.print(f"report: {result.run.report / 'index.html'}", highlight=False)


def _cells(
    model: str, seed: int, thresholds: Sequence[float], rows: Sequence[ScoreRow]
) -> list[str]:
    own = [row for row in rows if row.model == model and row.seed == seed]
    by_threshold = {
        threshold: [row for row in own if row.threshold == threshold] for threshold in thresholds
    }
    first = by_threshold[thresholds[0]]
    if not first:
        return [model, str(seed), *["–"] * (len(thresholds) + 2)]
    means = [f"{summarise(by_threshold[threshold], 'f1').mean:.4f}" for threshold in thresholds]
    dice = summarise(first, "dice")
    return [model, str(seed), *means, f"{dice.mean:.4f}", f"{dice.scored}/{dice.images}"]
