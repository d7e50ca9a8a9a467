"""The command line `evaluator`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from contract import CallError
from contract.errors import run_cli
from evaluator.protocols import Protocol
from evaluator.score import FolderScores, score_folders
from evaluator.summaries import by_group, summarise

app = typer.Typer(
    name="evaluator",
    help="Scores masks of cells against the truth and renders reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command()
def score(
    truth: Annotated[Path, typer.Argument(metavar="GT", help="Folder of true label masks.")],
    predicted: Annotated[
        Path, typer.Argument(metavar="PRED", help="Folder of predicted label masks.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for scores.csv and the overlap tables.")],
    protocol: Annotated[
        Protocol,
        typer.Option(help="challenge compares with published numbers; plain has no border rule."),
    ] = "challenge",
    border: Annotated[
        bool, typer.Option("--border", help="Under plain: drop cells that touch the border.")
    ] = False,
    thresholds: Annotated[
        str, typer.Option(help="Smallest IoU that counts as found, comma-separated, in (0, 1].")
    ] = "0.5,0.7,0.9",
    model: Annotated[
        str | None, typer.Option(help="Name in the rows; by default that of the folder PRED.")
    ] = None,
) -> None:
    """Scores a folder of masks against the truth, pairing files by name.

    Exit code 0: all images scored; 2: wrong call; 3: finished, but some images failed.
    """
    scores = score_folders(
        truth,
        predicted,
        out,
        model=model,
        protocol=protocol,
        border=border,
        thresholds=parse_thresholds(thresholds),
    )
    _warn(scores)
    _print_table(scores, protocol, border)
    print(out / "scores.csv")
    if scores.failures:
        raise typer.Exit(3)


@app.command()
def report(
    out: Annotated[Path, typer.Option(help="Folder for index.html, report.md, tables, figures.")],
    source: Annotated[
        Path | None,
        typer.Argument(help="A run folder, or the folder that `evaluator score` wrote."),
    ] = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option(help="Score again under this protocol; by default as it was scored."),
    ] = None,
    challenge_csv: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL:THRESHOLD=FILE",
            help="In place of SOURCE, score files of the challenge's script; may be repeated.",
        ),
    ] = None,
) -> None:
    """Renders a report."""
    from evaluator.report import build_report, build_report_from_challenge_csv

    match source, challenge_csv:
        case Path(), None | []:
            paths = build_report(source, out, protocol=protocol)
        case None, [_, *_] if protocol is None:
            paths = build_report_from_challenge_csv(challenge_csv, out)
        case _:
            raise CallError(
                "A report is made from SOURCE, or from --challenge-csv files, not both.",
                "files of the challenge's script are scored already, so --protocol goes with"
                " SOURCE alone",
                "give a run folder or a folder of scores, or --challenge-csv without --protocol",
            )
    print(paths.index_html)


def parse_thresholds(text: str) -> tuple[float, ...]:
    """The numbers in "0.5,0.7,0.9"; raises CallError when one is none."""
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise CallError(
            f"--thresholds {text} is no list of numbers.",
            do="write decimal fractions with commas between, such as 0.5,0.7,0.9",
        ) from error


def main() -> None:
    """The console script."""
    run_cli(app)


def _warn(scores: FolderScores) -> None:
    for image, reason in scores.failures.items():
        print(f"warning: {image} counts 0: {reason}", file=sys.stderr)
    for image, sentences in scores.warnings.items():
        for sentence in sentences:
            print(f"warning: {image}: {sentence}", file=sys.stderr)
    for name, reason in scores.faults.items():
        print(f"warning: {name} is left out, the truth has a fault: {reason}", file=sys.stderr)
    for name in scores.unpaired:
        print(f"warning: {name} is left out, it has no truth", file=sys.stderr)


def _print_table(scores: FolderScores, protocol: Protocol, border: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rules = f"{protocol} with border rule" if protocol == "plain" and border else protocol
    model = scores.rows[0].model
    table = Table("IoU ≥", "mean F1", "median F1", "mean Dice", title=Text(f"{model}, {rules}"))
    if scores.failures:
        table.add_column("mean F1, scored only")
        table.add_column("mean Dice, scored only")
    for (_, _, threshold), rows in by_group(scores.rows).items():
        f1, dice = summarise(rows, "f1"), summarise(rows, "dice")
        numbers = [f1.mean, f1.median, dice.mean]
        if scores.failures:
            numbers += [f1.scored_mean, dice.scored_mean]
        table.add_row(f"{threshold:g}", *(f"{number:.4f}" for number in numbers))
    console = Console()
    console.print(table)
    images = ", ".join(f"{number} {outcome}" for outcome, number in scores.outcomes.items())
    console.print(f"images: {sum(scores.outcomes.values())} ({images})", highlight=False)
