"""The command line `evaluator`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from contract import CallError
from contract.errors import ExitCode, run_cli
from evaluator.runs.folder import SCORES_CSV, RunFolder
from evaluator.runs.words import (
    DEFAULT_METRICS,
    DEFAULT_PROTOCOL,
    DEFAULT_THRESHOLDS,
    Metrics,
    Protocol,
)
from evaluator.scores.incomplete import is_sparse
from evaluator.scores.score import FolderScores, score_folders
from evaluator.scores.summaries import by_group, summarise

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
    ] = DEFAULT_PROTOCOL,
    border: Annotated[
        bool, typer.Option("--border", help="Under plain: drop cells that touch the border.")
    ] = False,
    thresholds: Annotated[
        str, typer.Option(help="Smallest IoU that counts as found, comma-separated, in (0, 1].")
    ] = ",".join(map(str, DEFAULT_THRESHOLDS)),
    model: Annotated[
        str | None, typer.Option(help="Name in the rows; by default that of the folder PRED.")
    ] = None,
    metrics: Annotated[
        Metrics,
        typer.Option(help="all: AP, PQ, AJI, SEG, outlines, errors as columns of scores.csv."),
    ] = DEFAULT_METRICS,
) -> None:
    """Scores a folder of masks against the truth, pairing files by name.

    Exit code 0: every image was scored; 2: wrong call; 3: finished, but some images failed or
    were left out because of their truth.
    """
    scores = score_folders(
        truth,
        predicted,
        out,
        model=model,
        protocol=protocol,
        border=border,
        thresholds=parse_thresholds(thresholds),
        metrics=metrics,
    )
    _warn(scores)
    _print_table(scores, protocol, border)
    print(out / SCORES_CSV)
    if not scores.complete:
        raise typer.Exit(ExitCode.FAILURES)


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
    published: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Published scores to set beside the run's, where dataset, protocol and threshold"
            " are the same: a CSV with the columns model, dataset_sha256, protocol, threshold,"
            " f1, source. dataset_sha256 is that of run.json.",
        ),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Difference in mean F1 within which two models are equivalent."
        ),
    ] = 0.02,
    metrics: Annotated[
        Metrics | None,
        typer.Option(help="all: score again by all metrics; by default those of scores.csv."),
    ] = None,
) -> None:
    """Renders a report."""
    from evaluator.report import build_report, build_report_from_challenge_csv

    match source, challenge_csv:
        case Path(), None | []:
            paths = build_report(
                source,
                out,
                protocol=protocol,
                published=published,
                margin=margin,
                metrics=metrics,
            )
        case None, [_, *_] if protocol is None and published is None and metrics is None:
            paths = build_report_from_challenge_csv(challenge_csv, out, margin=margin)
        case _:
            raise CallError(
                "A report is made from SOURCE, or from --challenge-csv files, not both.",
                "files of the challenge's script are scored already and do not say which images"
                " they are of, so --protocol, --metrics and --published go with SOURCE alone",
                "give a run folder or a folder of scores, or --challenge-csv alone",
            )
    print(paths.index_html)


@app.command()
def compare(
    run_a: Annotated[Path, typer.Argument(help="The run before, or its folder of scores.")],
    run_b: Annotated[Path, typer.Argument(help="The run after.")],
    margin: Annotated[
        float, typer.Option(min=0, max=1, help="Loss of mean F1 that is still not worse.")
    ] = 0.02,
    no_truth: Annotated[
        bool,
        typer.Option(
            "--no-truth", help="Compare the masks of two runs or folders with each other alone."
        ),
    ] = False,
) -> None:
    """Asks whether run B is worse than run A by more than a margin; for use as a gate.

    F1 at IoU 0.5 decides (or at the lowest threshold that both have), for all models together and
    with 95 % confidence. An image that failed in B alone counts as worse.

    Exit code 0: not worse; 2: the two cannot be compared; 3: worse; 4: undecided.

    With --no-truth: did an update change my masks? Cells lost, gained, split and merged, and how
    far outlines moved. Exit code 0: no cell changed; 2: wrong call; 3: some did, or a mask has no
    partner.
    """
    if no_truth:
        from evaluator.compare.masks import compare_masks
        from evaluator.compare.show import show_masks

        changes = compare_masks(run_a, run_b)
        show_masks(changes)
        if changes.changed:
            raise typer.Exit(ExitCode.FAILURES)
        return
    from evaluator.compare.gate import compare_runs
    from evaluator.compare.show import show_gate

    found = compare_runs(run_a, run_b, margin=margin)
    show_gate(found)
    if found.code:
        raise typer.Exit(found.code)


@app.command()
def verify(
    run: Annotated[Path, typer.Argument(help="A run, or the folder that `evaluator score` wrote.")],
    images: Annotated[
        int | None,
        typer.Option(min=1, help="Score only so many random pairs of model and image again."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws another sample.")] = 0,
) -> None:
    """Scores every mask again and compares with scores.csv, the overlap tables and the report.

    The report is that in RUN/report, where there is one.

    Exit code 0: everything is the same; 2: wrong call; 3: something differs.
    """
    from evaluator.report.verification import report_faults
    from evaluator.scores.verification import verify as score_again

    found = score_again(run, sample=images, seed=seed)
    faults = list(found.differing)
    page = RunFolder(run).report
    if (page / "index.html").is_file():
        faults += report_faults(run, page)
        looked = f"{page} was made again"
    else:
        looked = f"there is no report in {page}"
    for line in faults:
        print(line)
    verdict = f"{len(faults)} faults" if faults else "every number agrees"
    print(f"{found.checked} of {found.of} masks were scored again, {looked}: {verdict}")
    if faults:
        raise typer.Exit(ExitCode.FAILURES)


@app.command()
def audit(
    file: Annotated[
        Path, typer.Argument(help="CSV or JSON with columns for arm (or model), image and score.")
    ],
) -> None:
    """Asks of anyone's table of scores by image what it should be asked, and names the rows.

    Seed, true cells, steps or epochs, threshold, n, p and the kind of test are used where the table
    has them, under many names.

    Exit code 0: nothing found; 2: the file is no such table; 3: there are findings.
    """
    from evaluator.audit.findings import audit_table
    from evaluator.audit.show import show_audit

    found = audit_table(file)
    show_audit(found)
    if found.findings:
        raise typer.Exit(ExitCode.FAILURES)


@app.command()
def synthetic(
    real: Annotated[
        Path,
        typer.Argument(help="Training folder (images/, labels/) or dataset of real images."),
    ],
    generated: Annotated[
        Path,
        typer.Argument(metavar="SYNTHETIC", help="The same of generated images."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the page, its tables and pictures.")],
    paired: Annotated[
        bool,
        typer.Option(
            "--paired",
            help="Images of one name on both sides show the same scene: PSNR, SSIM and others too.",
        ),
    ] = False,
    inception_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="pt_inception-2015-12-05-6726825d.pth: FID and KID too. Needs torch.",
        ),
    ] = None,
    expert_sheet: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Also a blinded sheet of N crops in OUT/expert, for experts; its key is in OUT.",
        ),
    ] = None,
) -> None:
    """Says how near generated images with masks come to real ones, beside what real ones differ by.

    Exit code 0: done; 2: wrong call. Whether they help a model is another question.
    """
    from evaluator.report import build_synthetic_page, claim_synthetic_page
    from evaluator.report.quality import sentences
    from evaluator.synthetic.compare import compare_synthetic

    claim_synthetic_page(out)
    if expert_sheet is not None:
        from evaluator.synthetic.expert.sheet import make_sheet

        print(make_sheet(real, generated, out, expert_sheet).sheet)
    comparison = compare_synthetic(real, generated, out, paired=paired, inception=inception_weights)
    paths = build_synthetic_page(comparison, out)
    for line in sentences(comparison):
        print(line)
    print(paths.index_html)


@app.command()
def expert(
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS.csv", help="Filled in, one file or more.")
    ],
    key: Annotated[
        Path | None,
        typer.Option(help="expert-key.csv; by default beside the answers or in the folder above."),
    ] = None,
) -> None:
    """Scores experts who said of crops whether they are real, with 95 % intervals.

    Exit code 0: done; 2: wrong call.
    """
    from evaluator.synthetic.expert.score import score_answers
    from evaluator.synthetic.expert.show import show_score

    show_score(score_answers(answers, key))


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
    for path, reason in scores.passed_over.items():
        print(f"note: {path}: {reason}", file=sys.stderr)
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
    left_out = f"; left out for a faulty truth: {len(scores.faults)}" if scores.faults else ""
    total = sum(scores.outcomes.values())
    console.print(f"images: {total} ({images}){left_out}", highlight=False)
    sparse = len({row.image for row in scores.rows if is_sparse(row)})
    if sparse:
        console.print(f"of {sparse} images only some cells are labelled: they carry recall alone")


if __name__ == "__main__":
    main()
