"""The report: one HTML file with its Markdown twin, figures and tables, from a run or its scores.

`build_report` reads a folder (`load`), computes the numbers (`summary`, `intervals`), words them
(`sentences`, `sections`, `training`, `provenance`), draws (`figures`, `pictures`) and writes
(`render`, `templates/`).
"""

from pathlib import Path

from evaluator.report.load import load_report
from evaluator.report.render import ReportPaths, write_report

__all__ = ["ReportPaths", "build_report"]


def build_report(source: Path, out: Path, *, protocol: str | None = None) -> ReportPaths:
    """Write the report of *source* into the folder *out*.

    Parameters
    ----------
    source : Path
        A run folder, finished or not, or a folder that holds scores.csv.
    out : Path
        Made if need be; index.html, report.md, figures/ and tables/ in it are replaced.
    protocol : str, optional
        The protocol behind scores.csv where no run.json names it.

    Raises
    ------
    CallError
        When *source* holds neither run.json nor scores.csv.
    """
    return write_report(load_report(source, protocol), out)
