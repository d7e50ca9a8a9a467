"""Whether synthetic images help: the declared number, its verdict, and everything secondary."""

from evaluator.report.numbers import Numbers
from evaluator.report.section import Callout, Section, blocks, note, prose
from evaluator.report.settled import Settled, settled
from evaluator.report.tables import Column, Row, Table, Value, shown
from evaluator.runs.trial import percent
from evaluator.trial.verdicts import MEANINGS, Effect, Verdict

EXPLANATION = (
    "The difference is mean F1 with synthetic images minus mean F1 on the same real images without"
    " them, on the same test images. Intervals are over images and over trainings, and hold"
    " together within a table's family. Against the margin of {margin:g}: {meanings}."
)
DECLARED = (
    "Declared before the trial began: the difference at IoU {base:g} and {share} of the real"
    " images. All other numbers are secondary: they explain, and one of many is large by chance"
    " more easily than the one that was named before."
)


def section(numbers: Numbers) -> Section | None:
    found = settled(numbers)
    if found is None:
        return None
    title = "Do synthetic images help?" if found.trial.generators else "What do more images buy?"
    return Section(
        id="trial",
        title=title,
        blocks=blocks(
            _headline(numbers, found),
            prose(*_made(numbers, found)),
            _primary(found),
            _others(numbers, found),
            _within(numbers, found),
            note(*_explained(numbers, found)) if found.effects else None,
        ),
        titled=False,
    )


def _headline(numbers: Numbers, found: Settled) -> Callout:
    if found.unequal:
        return Callout(
            title="No verdict: the arms of this trial are not alike",
            lines=(*found.unequal, "Whatever differs could be the reason of any difference."),
            bad=True,
        )
    if not numbers.data.finished:
        return Callout(title="The trial is not finished; there is no verdict yet", lines=())
    if not found.trial.generators:
        return Callout(title=f"Mean F1 {_span(numbers, found)}", lines=(_bought(found),))
    lines = [_line(effect) for effect in found.primary]
    return Callout(title=_title(found), lines=tuple(lines))


def _title(found: Settled) -> str:
    """The verdicts in one line, those that matter first."""
    parts = []
    for verdict in MEANINGS:
        names = [effect.generator for effect in found.primary if effect.verdict == verdict]
        if names:
            parts.append(f"{verdict}: {', '.join(names)}")
    if not parts:
        return "Only controls were tried"
    text = "; ".join(parts)
    return text[0].upper() + text[1:]


def _line(effect: Effect) -> str:
    """One declared number in words."""
    if effect.difference is None:
        return f"{effect.generator}: cannot tell, because {effect.why}."
    interval = effect.interval
    where = f" ({interval.low:+.3f} to {interval.high:+.3f})" if interval else ""
    why = f": {effect.why}" if effect.why else ""
    return f"{effect.generator}: {effect.difference:+.4f}{where}, {effect.verdict}{why}."


def _span(numbers: Numbers, found: Settled) -> str:
    """Of the smallest and the largest share."""
    names = [found.trial.real(share) for share in found.trial.shares]
    values = [numbers.mean_f1.get(name) for name in (names[0], names[-1])]
    words = [
        f"{'–' if value is None else f'{value:.4f}'} at {percent(share)}"
        for value, share in zip(
            values, (found.trial.shares[0], found.trial.shares[-1]), strict=True
        )
    ]
    return " and ".join(dict.fromkeys(words))


def _bought(found: Settled) -> str:
    worth = found.worth
    if worth.gain is None or worth.interval is None:
        return f"What more images buy is withheld: {worth.why}."
    return (
        f"{worth.more} more images at {percent(found.trial.primary_share)} buy about"
        f" {worth.gain:.3f} ({worth.interval.low:.3f} to {worth.interval.high:.3f})."
    )


def _made(numbers: Numbers, found: Settled) -> list[str]:
    trial, data = found.trial, numbers.data
    steps = {run.training.get("steps") for model in data.models for run in model.runs}
    steps.discard(None)
    told = f"{steps.pop():,} optimiser steps" if len(steps) == 1 else "unequal numbers of steps"
    seeds = f"{len(trial.seeds)} seed{'s' if len(trial.seeds) != 1 else ''}"
    validated = data.run.dataset.val_images if data.run else 0
    what = (
        f"{trial.model} was trained in {len(trial.arms)} arms with {seeds} each. Every training had"
        f" {told}, the same real images to validate on ({validated}) and the same"
        f" {len(data.images)} test images; the arms differ in their training images alone."
    )
    lines = [what]
    if found.effects:
        lines.append(DECLARED.format(base=data.base, share=percent(trial.primary_share)))
    if found.lacking:
        rest = len(found.lacking) - 3
        more = f"; and {rest} more" if rest > 0 else ""
        lines.append(
            f"Generators gave fewer images than asked for: {'; '.join(found.lacking[:3])}{more}."
        )
    return lines


def _primary(found: Settled) -> Table | None:
    if not found.primary:
        return None
    return _table("verdicts", "The declared numbers", found.primary)


def _others(numbers: Numbers, found: Settled) -> Table | None:
    """Other shares, controls, synthetic images alone, other thresholds."""
    others = [effect for effect in found.effects if not effect.primary and not effect.modality]
    if not others:
        return None
    return _table("secondary", "Secondary: other arms and other IoU thresholds", tuple(others))


def _within(numbers: Numbers, found: Settled) -> Table | None:
    inside = tuple(effect for effect in found.effects if effect.modality)
    if not inside:
        return None
    base = numbers.data.base
    return _table("by_modality", f"Secondary: by modality, at IoU {base:g}", inside)


def _table(name: str, caption: str, effects: tuple[Effect, ...]) -> Table:
    by_modality = any(effect.modality for effect in effects)
    columns = (
        Column(label="Arm", kind="text"),
        Column(label="Against", kind="text"),
        Column(label="Modality" if by_modality else "IoU", kind="text"),
        Column(label="Images", kind="count"),
        Column(label="Difference of mean F1", digits=4),
        Column(label="Verdict", kind="text"),
        Column(label="Adjusted p"),
        Column(label="Why not", kind="text"),
    )
    rows = []
    for effect in effects:
        where = effect.modality if by_modality else f"{effect.threshold:g}"
        difference: Value = None
        if effect.difference is not None:
            difference = shown(effect.difference, effect.interval)
        cells = (
            *(effect.arm, effect.against, where, effect.images or None, difference),
            *(effect.verdict, effect.p, effect.why),
        )
        rows.append(Row(cells=cells))
    return Table(name=name, caption=caption, columns=columns, rows=tuple(rows), sortable=True)


def _explained(numbers: Numbers, found: Settled) -> list[str]:
    verdicts: tuple[Verdict, ...] = tuple(MEANINGS)
    meanings = "; ".join(f"{verdict}, {MEANINGS[verdict]}" for verdict in verdicts)
    return [EXPLANATION.format(margin=found.trial.margin, meanings=meanings)]
