"""Images that every model is shown on: the best, median and worst, and where models disagree."""

from evaluator.report.data import SCORED
from evaluator.report.numbers import Numbers
from evaluator.report.samples import pictures
from evaluator.report.section import Part, Section, blocks, note
from evaluator.report.summary import disagreements, samples

EXPLANATION = (
    "The images with the best, median and worst F1, averaged over the models that are not controls,"
    " among the images that hold cells. Truth is outlined in blue, predictions in yellow. The"
    " viewer below shows all images and the controls too."
)
NOTHING = "No images can be shown: the report was made from scores alone, or the images have moved."


def section(numbers: Numbers) -> Section:
    rows = numbers.contender_rows
    chosen = samples(rows)
    shown = pictures(numbers, chosen, numbers.order, "sample")
    others = disagreements(rows[rows["outcome"] == SCORED], leave_out=set(chosen))
    differing = pictures(numbers, others, numbers.order, "disagreement")
    return Section(
        id="samples",
        title="Samples",
        blocks=blocks(
            Part(title="Best, median and worst", blocks=(note(EXPLANATION), *shown))
            if shown
            else note(NOTHING),
            Part(title="Where the models disagree most, of the other images", blocks=differing)
            if differing
            else None,
        ),
    )
