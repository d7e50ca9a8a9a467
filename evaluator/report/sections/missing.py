"""What the report could not use."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Callout, Section


def section(numbers: Numbers) -> Section | None:
    if not numbers.data.notes:
        return None
    title = "What is missing"
    notes = Callout(title=title, lines=numbers.data.notes, bad=True)
    return Section(id="missing", title=title, blocks=(notes,), titled=False)
