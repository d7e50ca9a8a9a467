"""The arms of a trial: what each name stands for, and what it was trained on."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note
from evaluator.report.settled import settled
from evaluator.report.tables import Column, Row, Table
from evaluator.runs.trial import TrialRecord, percent

NAMES = (
    "MODEL@25% was trained on 25 % of the real training images; MODEL@25%+NAME on these and on the"
    " images that the generator NAME made from them; MODEL@only-NAME-25% on the latter alone. A"
    " larger share holds the images of every smaller one, with the sources in proportion, and is"
    " the same in every arm. Generators made their images of the training images of the share"
    " alone; by the validation images they may have set a filter."
)
CONTROLS = (
    "Controls bracket the generators: copypaste places real cells anew, procedural draws by rules,"
    " shuffled pairs real images with labels of others, which has to hurt, and moreofthesame adds"
    " real images that the share leaves out, which shows what as many more real ones would buy."
)


def section(numbers: Numbers) -> Section | None:
    found = settled(numbers)
    if found is None:
        return None
    controlled = any(one.control for one in found.trial.generators.values())
    return Section(
        id="arms",
        title="Arms",
        blocks=blocks(
            _table(numbers, found.trial), note(NAMES, *([CONTROLS] if controlled else []))
        ),
    )


def _table(numbers: Numbers, trial: TrialRecord) -> Table:
    trained = {
        model.name: [run.training.get("train_images") for run in model.runs if run.training]
        for model in numbers.data.models
    }
    rows = []
    for name, arm in trial.arms.items():
        counts = [count for count in trained.get(name, []) if count is not None]
        rows.append(
            Row(
                cells=(
                    name,
                    percent(arm.share),
                    0 if arm.role == "only" else arm.real,
                    arm.synthetic,
                    min(counts) if counts else None,
                    numbers.estimate(name, numbers.mean_f1.get(name)),
                ),
                role="control" if trial.is_control(arm.generator) else "",
            )
        )
    return Table(
        name="arms",
        caption=f"The arms, with mean F1 at IoU {numbers.data.base:g}",
        columns=(
            Column(label="Arm", kind="text"),
            Column(label="Share", kind="text"),
            Column(label="Real images", kind="count"),
            Column(label="Synthetic, asked for", kind="count"),
            Column(label="Trained on", kind="count"),
            Column(label="Mean F1"),
        ),
        rows=tuple(rows),
        sortable=True,
    )
