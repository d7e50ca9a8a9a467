"""The sections of the report: a topic is a file, with its tables, figure and prose together.

Each file has one function `section` from the computed numbers to a `Section`, or to None when it
has nothing to say about this run. To add one, write such a file and put its name into `ORDER`; the
templates show any section, in HTML and in Markdown.
"""

from importlib import import_module

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section

ORDER = (
    "missing",
    "trial",
    "arms",
    "budget",
    "result",
    "performance",
    "certainty",
    "thresholds",
    "metrics",
    "rules",
    "sparse",
    "groups",
    "sizes",
    "errors",
    "causes",
    "together",
    "outcomes",
    "samples",
    "viewer",
    "images",
    "models",
    "training",
    "cost",
    "making",
    "synthetic",
    "dataset",
    "methods",
    "provenance",
)
"""The files of this folder in the order of the page."""


def make_sections(numbers: Numbers) -> list[Section]:
    """All sections that have something to say, in their order."""
    made = (import_module(f"{__name__}.{name}").section(numbers) for name in ORDER)
    return [section for section in made if section is not None]
