"""The report: one HTML file with its Markdown twin, figures and tables, from a run or its scores.

`build_report` reads a folder (`load`, `challenge_csv`), computes the numbers (`summary`,
`intervals`), words them (`sentences`, `sections`, `training`, `provenance`), draws (`figures`,
`pictures`) and writes (`render`, `templates/`).
"""

from collections.abc import Sequence
from pathlib import Path

from contract.written import Written
from evaluator.report.challenge_csv import load_challenge_csv
from evaluator.report.load import load_report
from evaluator.report.render import ReportPaths, write_report
from evaluator.runs.folder import RUN_JSON, RunFolder
from evaluator.runs.words import Protocol

__all__ = ["ReportPaths", "build_report", "build_report_from_challenge_csv"]


def build_report(source: Path, out: Path, *, protocol: Protocol | None = None) -> ReportPaths:
    """Write the report of *source* into the folder *out*.

    Parameters
    ----------
    source : Path
        A run folder, finished or not, or a folder that holds scores.csv.
    out : Path
        Made if need be; index.html, report.md, figures/ and tables/ in it are replaced.
    protocol : {"challenge", "plain"}, optional
        The rules to score by; where scores.csv was made by others, its stored overlap tables are
        scored again, at the same thresholds.

    Raises
    ------
    CallError
        When *source* holds neither run.json nor scores.csv, or *out* holds such files that are no
        earlier report.
    CellbenchError
        When scoring again needs an overlap table that is not there.
    """
    data = load_report(source, protocol)
    _claim(out, source)
    return write_report(data, out)


def build_report_from_challenge_csv(entries: Sequence[str], out: Path) -> ReportPaths:
    """Write the report of per-image score files that the challenge's own script wrote.

    Parameters
    ----------
    entries : sequence of str
        ``MODEL:THRESHOLD=FILE``, one per model and threshold.
    out : Path
        As for `build_report`.

    Raises
    ------
    CallError
        When an entry or a file cannot be used, two entries are for the same scores, or *out* holds
        such files that are no earlier report.
    """
    data = load_challenge_csv(entries)
    _claim(out)
    return write_report(data, out)


def _claim(out: Path, source: Path | None = None) -> None:
    """Refuses to replace what no earlier report was, save in a run's own folder."""
    is_run = source is not None and (source / RUN_JSON).is_file()
    if source is not None and is_run and out.resolve() == RunFolder(source).report.resolve():
        return
    Written(out).claim(("index.html", "report.md", "figures/", "tables/"))
