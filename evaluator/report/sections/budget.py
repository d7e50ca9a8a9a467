"""F1 against the number of real images, with and without synthetic ones."""

from matplotlib.ticker import NullLocator

from evaluator.report import drawing
from evaluator.report.drawing import COLOURS, CONTROL, MARKERS, Figure
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks, note, prose
from evaluator.report.settled import settled
from evaluator.report.tables import Column, Estimate, Row, Table, Value
from evaluator.runs.trial import TrialRecord, percent
from evaluator.trial.budget import Worth

EXPLANATION = (
    "Intervals are of each mean for itself; whether two arms differ is said by their paired"
    " difference above, whose interval is narrower. Between two shares F1 is taken to rise with the"
    " logarithm of the number of images; beyond the largest share nothing is said."
)


def section(numbers: Numbers) -> Section | None:
    found = settled(numbers)
    if found is None or found.unequal or len(found.trial.shares) < 2:
        return None
    return Section(
        id="budget",
        title="Label budget",
        blocks=blocks(
            _figure(numbers, found.trial),
            prose(_bought(found.trial, found.worth)),
            _table(numbers, found.trial),
            note(EXPLANATION),
        ),
    )


def _bought(trial: TrialRecord, worth: Worth) -> str:
    if worth.gain is None or worth.interval is None:
        return f"What more real images would buy is withheld: {worth.why}."
    return (
        f"At {percent(trial.primary_share)}, {worth.images} real images, {worth.more} more of them"
        f" buy about {worth.gain:.3f} of mean F1 (95 % interval {worth.interval.low:.3f} to"
        f" {worth.interval.high:.3f}, over images and trainings)."
    )


def _lines(trial: TrialRecord) -> dict[str | None, dict[float, str]]:
    """By the generator whose images are added the arm at each share; None for real ones alone."""
    lines: dict[str | None, dict[float, str]] = {None: {}}
    for name, arm in trial.arms.items():
        if arm.role != "only":
            lines.setdefault(arm.generator, {})[arm.share] = name
    return lines


def _title(generator: str | None) -> str:
    return f"real + {generator}" if generator else "real images alone"


def _figure(numbers: Numbers, trial: TrialRecord) -> Figure | None:
    lines = _lines(trial)
    with drawing.style():
        canvas, axes = drawing.canvas(3.6)
        for place, (generator, arms) in enumerate(lines.items()):
            control = trial.is_control(generator)
            points = [
                (trial.arms[name].real, numbers.estimate(name, numbers.mean_f1[name]))
                for _, name in sorted(arms.items())
                if name in numbers.mean_f1
            ]
            if not points:
                continue
            # Side by side, so that intervals at one share can be told apart.
            moved = [images * 1.02 ** (place - len(lines) / 2) for images, _ in points]
            axes.errorbar(
                moved,
                [_value(estimate) for _, estimate in points],
                yerr=[
                    [_value(one) - _low(one) for _, one in points],
                    [_high(one) - _value(one) for _, one in points],
                ],
                label=_title(generator),
                color=CONTROL if control else COLOURS[place % len(COLOURS)],
                marker=MARKERS[place % len(MARKERS)],
                linestyle=":" if control else "-",
                capsize=2,
            )
        counts = sorted({arm.real for arm in trial.arms.values()})
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:,}" for count in counts])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("Real images to train on")
        axes.set_ylabel(f"Mean F1 at IoU {numbers.data.base:g}")
        drawing.legend_above(canvas, axes, 3)
        caption = "Mean F1 against the number of real images, with 95 % intervals"
        return drawing.finished(canvas, "budget", caption)


def _table(numbers: Numbers, trial: TrialRecord) -> Table:
    rows = []
    for generator, arms in _lines(trial).items():
        means = [
            numbers.estimate(arms[share], numbers.mean_f1.get(arms[share]))
            if share in arms
            else None
            for share in trial.shares
        ]
        control = trial.is_control(generator)
        rows.append(Row(cells=(_title(generator), *means), role="control" if control else ""))
    columns = tuple(
        Column(label=f"{percent(share)}, {trial.arms[trial.real(share)].real} images")
        for share in trial.shares
    )
    return Table(
        name="budget",
        caption="Mean F1 by the share of real images",
        columns=(Column(label="Trained on", kind="text"), *columns),
        rows=tuple(rows),
    )


def _value(estimate: Value) -> float:
    return estimate.value if isinstance(estimate, Estimate) else float(estimate or 0.0)


def _low(estimate: Value) -> float:
    return estimate.low if isinstance(estimate, Estimate) else _value(estimate)


def _high(estimate: Value) -> float:
    return estimate.high if isinstance(estimate, Estimate) else _value(estimate)
