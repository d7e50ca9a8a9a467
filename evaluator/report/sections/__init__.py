"""The sections of the report: a topic is a file, with its tables, figure and prose together.

Each file has one function `section` from the computed numbers to a `Section`, or to None when it
has nothing to say about this run. To add one, write such a file and put its function into `ALL`,
where the order is that of the page; the templates show any section, in HTML and in Markdown.
"""

from collections.abc import Callable

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section
from evaluator.report.sections import (
    certainty,
    cost,
    dataset,
    errors,
    groups,
    images,
    methods,
    missing,
    models,
    outcomes,
    performance,
    provenance,
    result,
    samples,
    thresholds,
    training,
    viewer,
)

ALL: tuple[Callable[[Numbers], Section | None], ...] = (
    missing.section,
    result.section,
    performance.section,
    certainty.section,
    thresholds.section,
    groups.section,
    errors.section,
    outcomes.section,
    samples.section,
    viewer.section,
    images.section,
    models.section,
    training.section,
    cost.section,
    dataset.section,
    methods.section,
    provenance.section,
)
