"""The report: one HTML file with its Markdown twin, figures and tables, from a run or its scores.

`build_report` reads a folder (`read/`), hands the `Numbers` made from it to every
section (`sections/`) and writes what these return (`render`, `templates/`).
"""

from collections.abc import Sequence
from pathlib import Path

from contract.written import Written
from evaluator.report.numbers import Numbers
from evaluator.report.quality import feature_csv, quality_blocks
from evaluator.report.read.challenge_csv import load_challenge_csv
from evaluator.report.read.published import read_published
from evaluator.report.read.run import load_report
from evaluator.report.render import ReportPaths, write_page, write_report
from evaluator.report.section import Section
from evaluator.runs.folder import RUN_JSON, RunFolder
from evaluator.runs.words import Metrics, Protocol
from evaluator.statistics.paired import MARGIN
from evaluator.synthetic.result import Comparison

__all__ = [
    "ReportPaths",
    "build_report",
    "build_report_from_challenge_csv",
    "build_synthetic_page",
    "claim_synthetic_page",
]


def build_report(
    source: Path,
    out: Path,
    *,
    protocol: Protocol | None = None,
    published: Path | None = None,
    margin: float = MARGIN,
    metrics: Metrics | None = None,
) -> ReportPaths:
    """Writes the report of `source` into the folder `out`.

    `source` is a run folder, finished or not, or a folder that holds scores.csv. `out` is made if
    need be; index.html, report.md, figures/ and tables/ in it are replaced. `protocol` gives the
    rules to score by: where scores.csv was made by others, its stored overlap tables are scored
    again, at the same thresholds. `published` is a CSV file of published scores, with the columns
    that `read.published` names; those for the same dataset, protocol and threshold are shown.
    `margin` is the difference in mean F1 below which two models are equivalent. With `metrics`
    "all" further metrics are shown: those of scores.csv, else scored again as for `protocol`.

    Raises CallError when `source` holds neither run.json nor scores.csv, `published` cannot be
    used, or `out` holds such files that are no earlier report, and CellbenchError when scoring
    again needs an overlap table that is not there.
    """
    known = read_published(published) if published else None
    data = load_report(source, protocol, metrics)
    _claim(out, source)
    return write_report(Numbers(data=data, published=known, margin=margin), out)


def build_report_from_challenge_csv(
    entries: Sequence[str], out: Path, *, margin: float = MARGIN
) -> ReportPaths:
    """Writes the report of per-image score files that the challenge's own script wrote.

    `entries` are `MODEL:THRESHOLD=FILE`, one per model and threshold; `out` as for `build_report`.

    Raises CallError when an entry or a file cannot be used, two entries are for the same scores, or
    `out` holds such files that are no earlier report.
    """
    data = load_challenge_csv(entries)
    _claim(out)
    return write_report(Numbers(data=data, margin=margin), out)


def claim_synthetic_page(out: Path) -> None:
    """Makes `out` the folder of such a page, before any work; raises as `build_synthetic_page`."""
    _claim(out)


def build_synthetic_page(comparison: Comparison, out: Path) -> ReportPaths:
    """Writes the page of one comparison of generated images into `out`, where its pictures lie.

    Raises CallError when `out` holds such files that are no earlier page.
    """
    _claim(out)
    section = Section(
        id="synthetic",
        title="How good is it",
        blocks=quality_blocks(comparison, out, "synthetic"),
        files={"synthetic_every_feature": feature_csv(comparison)},
    )
    return write_page(
        f"{comparison.synthetic} beside {comparison.real}",
        f"{comparison.synthetic_images} generated and {comparison.real_images} real images",
        [section],
        out,
    )


def _claim(out: Path, source: Path | None = None) -> None:
    """Refuses to replace what no earlier report was, save in a run's own folder."""
    is_run = source is not None and (source / RUN_JSON).is_file()
    own = source is not None and is_run and out.resolve() == RunFolder(source).report.resolve()
    Written(out).claim(("index.html", "report.md", "figures/", "tables/"), known=own)
