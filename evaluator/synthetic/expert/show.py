"""Prints what the answers of experts are worth."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluator.statistics.intervals import Interval, Share
from evaluator.synthetic.expert.score import SheetScore


def show_score(score: SheetScore) -> None:
    """Two tables, experts and methods, and a sentence."""
    console = Console()
    experts = Table("expert", "answered", "accuracy", "real taken for real", "")
    for one in score.experts:
        experts.add_row(
            Text(one.name),
            f"{one.accuracy.of} of {one.shown}",
            _share(one.accuracy),
            _share(one.real_as_real) if one.real_as_real else "–",
            one.verdict,
        )
    console.print(experts)
    methods = Table("crops", "items", "answers", "taken for real")
    for pooled in score.taken_for_real:
        methods.add_row(
            Text(pooled.name),
            str(pooled.items),
            str(pooled.answers),
            f"{pooled.share:.2f} {_interval(pooled.interval)}",
        )
    console.print(methods)
    accuracy = score.accuracy
    print(
        f"accuracy {accuracy.share:.3f} {_interval(accuracy.interval)}, {accuracy.answers} answers"
        f" to {accuracy.items} crops; a guess is 0.5: {score.verdict}"
    )


def _share(share: Share) -> str:
    return f"{share.count / share.of:.2f} {_interval(share.interval)}"


def _interval(interval: Interval | None) -> str:
    if interval is None:
        return "(no interval: fewer than 5 crops)"
    return f"({interval.low:.2f} to {interval.high:.2f})"
