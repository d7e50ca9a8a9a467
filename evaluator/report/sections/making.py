"""What the synthetic images of a trial cost, and how many of them were dropped."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.tables import Column, Row, compact
from evaluator.runs.folder import RunFolder
from evaluator.runs.trial import percent
from evaluator.trial.making import makings

EXPLANATION = (
    "Means over seeds, each of which trained the generator anew and made its own images, so that a"
    " verdict holds for other trainings of the generator too. Seconds are of the whole step, the"
    " start of its container included. Dropped images did not pass the generator's own filter."
)


def section(numbers: Numbers) -> Section | None:
    trial, source = numbers.data.trial, numbers.data.source
    if trial is None or source is None or not trial.generators:
        return None
    rows = []
    for one in makings(RunFolder(source), trial):
        cells = (
            *(one.generator, percent(one.share), one.asked, one.made),
            None if one.dropped is None else 100 * one.dropped,
            *(one.train_seconds, one.generate_seconds, one.seconds_an_image, one.memory_bytes),
        )
        rows.append(Row(cells=cells, role="control" if trial.is_control(one.generator) else ""))
    table = compact(
        name="making",
        caption="Making the synthetic images",
        columns=(
            Column(label="Generator", kind="text"),
            Column(label="Made from", kind="text"),
            Column(label="Asked for", kind="count"),
            Column(label="Made", digits=1),
            Column(label="Dropped, %", digits=1),
            Column(label="Training", kind="duration", optional=True),
            Column(label="Generating", kind="duration"),
            Column(label="Both, for each image", kind="duration"),
            Column(label="Peak memory", kind="memory"),
        ),
        rows=tuple(rows),
        sortable=True,
    )
    return Section(id="making", title="Cost of generating", blocks=blocks(table, note(EXPLANATION)))
