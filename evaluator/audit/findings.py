"""What is wrong with a table of scores by image, or makes more of it than it holds."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TypeVar

import numpy as np

from contract.names import some
from evaluator.audit.table import ScoreTable, TableRow, read_table

Key = TypeVar("Key", bound=Hashable)

SHARE = 10
"""A gain rests on few images where one in so many, or a single one, carries it."""
FEWEST = 5
"""Images below which a gain is not looked at: there each one carries much."""
ONE_SIDED = ("one", "1", "greater", "less", "larger", "smaller", "upper", "lower", "left", "right")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing to ask the authors about."""

    text: str
    lines: tuple[int, ...]
    """The rows that it rests on, by their line in the file."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found, and what it could not look for."""

    table: ScoreTable
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]


def audit_table(path: Path) -> Audit:
    """Looks for faults in anyone's table; raises what `read_table` does.

    Empty truths that score 1, scores that are no shares or all the same, repeated rows, missing
    images, seeds counted as images, unequal budgets, one-sided tests, and a gain that a few images
    carry. Where the table has thresholds all but the repeated rows are of 0.5, or of the lowest.
    """
    table = read_table(path)
    notes = [
        f"no column {what}: {lost} was not looked for"
        for column, what, lost in (
            ("true_cells", "of true cells", "an empty truth that scores 1"),
            ("steps", "of steps or epochs", "an unequal budget of training"),
            ("p", "of p", "a one-sided test"),
        )
        if column not in table.columns
    ]
    if "p" in table.columns and "sided" not in table.columns:
        notes.append("p is given, but not of which test: one-sided ones were not looked for")
    rows = _primary(table.rows, notes)
    if "seed" in table.columns and "n" not in table.columns:
        notes += _independent(rows)
    findings = [
        *_repeated(table),
        *_impossible(rows),
        *_empty(rows),
        *_missing(rows),
        *_pooled(table, rows),
        *_budgets(rows),
        *_one_sided(table, rows),
        *_carried(rows),
    ]
    return Audit(table=table, findings=tuple(findings), notes=tuple(notes))


def _primary(rows: Sequence[TableRow], notes: list[str]) -> list[TableRow]:
    thresholds = sorted({row.threshold for row in rows if row.threshold is not None})
    if len(thresholds) < 2:
        return list(rows)
    one = 0.5 if 0.5 in thresholds else thresholds[0]
    notes.append(f"{len(thresholds)} thresholds: the rows at {one:g} were looked at")
    return [row for row in rows if row.threshold == one]


def _independent(rows: Iterable[TableRow]) -> Iterator[str]:
    for arm, own in _by(rows, lambda row: row.arm):
        images = len({row.image for row in own})
        if len(own) > images and len({row.seed for row in own}) > 1:
            yield (
                f"{arm}: {len(own)} rows are {images} images, so that n is {images} for any test"
                " over images"
            )


def _repeated(table: ScoreTable) -> Iterator[Finding]:
    for key, own in _by(table.rows, lambda row: (row.arm, row.seed, row.image, row.threshold)):
        same = len({row.score for row in own}) == 1
        if len(own) > 1 and (same or "seed" in table.columns):
            arm, seed, image, _ = key
            seed = f", seed {seed}" if seed else ""
            yield _finding(f"{arm}{seed}, {image}: {len(own)} rows for one score", own)


def _impossible(rows: Sequence[TableRow]) -> Iterator[Finding]:
    if absent := [row for row in rows if row.score is None]:
        yield _finding(f"{_count(absent, 'row')} without a number for a score", absent)
    outside = [row for row in rows if row.score is not None and not 0 <= row.score <= 1]
    if outside:
        yield _finding(f"{_count(outside, 'score')} outside 0 to 1", outside)
    hollow = [row for row in rows if row.pred_cells == 0 and row.true_cells and row.score]
    if hollow:
        yield _finding(f"{_count(hollow, 'score')} above 0 where nothing was predicted", hollow)
    for arm, own in _by(rows, lambda row: row.arm):
        if len(own) > 1 and len({row.score for row in own}) == 1 and own[0].score is not None:
            yield _finding(f"{arm}: all {len(own)} scores are {own[0].score:g}", own)


def _empty(rows: Sequence[TableRow]) -> Iterator[Finding]:
    for arm, own in _by(rows, lambda row: row.arm):
        full = [row for row in own if row.true_cells == 0 and row.score == 1]
        if full:
            rest = [row.score for row in own if row not in full and row.score is not None]
            without = f"; without them the mean is {np.mean(rest):.4f}" if rest else ""
            mean = np.mean([row.score for row in own if row.score is not None])
            yield _finding(
                f"{arm}: {_count(full, 'image')} without a true cell with score 1, in a mean of"
                f" {mean:.4f}{without}",
                full,
            )


def _missing(rows: Sequence[TableRow]) -> Iterator[Finding]:
    images = dict.fromkeys(row.image for row in rows)
    for (arm, seed), own in _by(rows, lambda row: (row.arm, row.seed)):
        absent = [image for image in images if image not in {row.image for row in own}]
        if absent:
            name = f"{arm}, seed {seed}" if seed else arm
            yield _finding(
                f"{name}: {len(absent)} of {len(images)} images have no row: {some(absent)}", own
            )


def _pooled(table: ScoreTable, rows: Sequence[TableRow]) -> Iterator[Finding]:
    for arm, own in _by(rows, lambda row: row.arm):
        images = len({row.image for row in own})
        repeats = len(own) / images
        claimed = {row.n for row in own if row.n is not None and row.n > images}
        if claimed:
            yield _finding(
                f"{arm}: n is given as {max(claimed):g}, but there are {images} images; seeds of"
                " one image are no further images",
                [row for row in own if row.n in claimed],
            )
        elif "seed" not in table.columns and repeats > 1:
            twice = [
                row
                for _, same in _by(own, lambda row: row.image)
                if len({one.score for one in same}) > 1
                for row in same
            ]
            if twice:
                yield _finding(
                    f"{arm}: {len(own)} rows are {images} images, without a column of seeds; as"
                    f" n = {len(own)} each image would count {repeats:.3g} times",
                    twice,
                )


def _budgets(rows: Sequence[TableRow]) -> Iterator[Finding]:
    arms = dict(_by(rows, lambda row: row.arm))
    steps = {arm: {row.steps for row in own} - {None} for arm, own in arms.items()}
    if len({frozenset(found) for found in steps.values() if found}) > 1:
        told = ", ".join(f"{arm} {_numbers(found)}" for arm, found in steps.items() if found)
        yield _finding(f"steps or epochs differ between arms: {told}", _first_rows(arms))
    seeds = {arm: len({row.seed for row in own}) for arm, own in arms.items()}
    if len(set(seeds.values())) > 1:
        told = ", ".join(f"{arm} {count}" for arm, count in seeds.items())
        yield _finding(f"the number of seeds differs between arms: {told}", _first_rows(arms))


def _one_sided(table: ScoreTable, rows: Sequence[TableRow]) -> Iterator[Finding]:
    if not {"p", "sided"} <= set(table.columns):
        return
    tests = _by(rows, lambda row: (row.arm, row.p, row.sided))
    for (arm, p, sided), own in tests:
        if p is not None and sided.replace("-", " ").split(" ")[0] in ONE_SIDED:
            turns = ", no longer below 0.05" if p < 0.05 <= 2 * p else ""
            yield _finding(
                f"{arm}: p = {p:g} is of a one-sided test ({sided}); unless its side was fixed"
                f" before, it is about {min(1.0, 2 * p):g}{turns}",
                own,
            )


def _carried(rows: Sequence[TableRow]) -> Iterator[Finding]:
    """The best arm's lead over each other one, without the images where it gains most."""
    scores: dict[str, dict[str, float]] = {}
    for (arm, image), own in _by(rows, lambda row: (row.arm, row.image)):
        numbers = [row.score for row in own if row.score is not None]
        if numbers:
            scores.setdefault(arm, {})[image] = float(np.mean(numbers))
    order = sorted(scores, key=lambda arm: -float(np.mean(list(scores[arm].values()))))
    for best, other in combinations(order, 2):
        if best != order[0]:
            break
        shared = [image for image in scores[best] if image in scores[other]]
        gaps = np.array([scores[best][image] - scores[other][image] for image in shared])
        if len(gaps) < FEWEST or gaps.mean() <= 1e-12:
            continue
        largest = np.argsort(-gaps, kind="stable")
        rest = gaps.sum() - np.cumsum(gaps[largest])
        few = int(np.argmax(rest <= 1e-12)) + 1
        if few > max(1, len(gaps) // SHARE):
            continue
        names = [shared[place] for place in largest[:few]]
        left = rest[few - 1] / (len(gaps) - few)
        yield _finding(
            f"{best} leads {other} by {gaps.mean():.4f} on {len(gaps)} images; without"
            f" {some(names)} it is {left:+.4f}",
            [row for row in rows if row.image in names and row.arm in (best, other)],
        )


def _by(
    rows: Iterable[TableRow], key: Callable[[TableRow], Key]
) -> Iterable[tuple[Key, list[TableRow]]]:
    found: dict[Key, list[TableRow]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found.items()


def _finding(text: str, rows: Iterable[TableRow]) -> Finding:
    return Finding(text=text, lines=tuple(sorted(row.line for row in rows)))


def _count(found: Sequence[object], what: str) -> str:
    return f"{len(found)} {what}{'' if len(found) == 1 else 's'}"


def _first_rows(arms: dict[str, list[TableRow]]) -> list[TableRow]:
    return [own[0] for own in arms.values()]


def _numbers(found: Iterable[float | None]) -> str:
    return " and ".join(f"{value:g}" for value in sorted(v for v in found if v is not None))


def line_ranges(lines: Sequence[int]) -> str:
    """Line numbers in few words: 3, 5 to 9, 12."""
    spans: list[list[int]] = []
    for line in lines:
        if spans and line == spans[-1][1] + 1:
            spans[-1][1] = line
        else:
            spans.append([line, line])
    told = [f"{low}" if low == high else f"{low} to {high}" for low, high in spans]
    return ", ".join(told[:12]) + (f" and {len(told) - 12} more places" if len(told) > 12 else "")
