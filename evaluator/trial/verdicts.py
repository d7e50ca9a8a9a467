"""What the scores of a trial settle about synthetic images, against a margin declared before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from evaluator.runs.trial import ArmRecord, TrialRecord
from evaluator.statistics.intervals import FEWEST, Interval
from evaluator.statistics.paired import Comparison, compare_pairs, compare_within
from evaluator.statistics.power import FEWEST_TO_SETTLE
from evaluator.statistics.score_matrix import ScoreMatrix

Verdict = Literal["gain", "no gain", "harm", "cannot tell"]

MEANINGS: Mapping[Verdict, str] = {
    "gain": "it is settled that the synthetic images help, and not that they help by less than the"
    " margin",
    "no gain": "it is settled that they do not help by as much as the margin",
    "harm": "it is settled that they hurt, and not that they hurt by less than the margin",
    "cannot tell": "the images and trainings of this trial settle none of these",
}


_Arms = list[tuple[str, ArmRecord]]


@dataclass(frozen=True, kw_only=True)
class Effect:
    """An arm against the arm that has the same share of real images and nothing else."""

    arm: str
    against: str
    generator: str
    role: Literal["with", "only"]
    share: float
    threshold: float
    modality: str = ""
    """"" for all images."""
    images: int = 0
    difference: float | None = None
    """Of mean F1."""
    interval: Interval | None = None
    """Over images and trainings; all of a family hold together with 95 %."""
    p: float | None = None
    """Adjusted for the family."""
    verdict: Verdict
    why: str = ""
    """Why nothing can be told."""
    primary: bool = False
    """Whether this is the number that was declared before the trial began."""


def judge(pair: Comparison) -> tuple[Verdict, str]:
    """The verdict on `pair.first` over `pair.second`, and why nothing can be told if so.

    One training of each says nothing of how far another would differ, so it settles nothing.
    """
    if not pair.over_trainings:
        return "cannot tell", "an arm was trained only once"
    if pair.interval is None:
        words = f"only {pair.unequal} images differ, and {FEWEST_TO_SETTLE} can settle something"
        return "cannot tell", words if pair.unequal < FEWEST_TO_SETTLE else "the spread is unknown"
    if pair.verdict == "better":
        return "gain", ""
    if pair.verdict == "worse":
        return "harm", ""
    if pair.interval.high < pair.margin:
        return "no gain", ""
    return "cannot tell", "the interval holds 0 and differences as large as the margin"


def effects(
    trial: TrialRecord,
    matrices: Mapping[float, ScoreMatrix],
    modalities: Mapping[str, str],
    *,
    base: float,
    spoiled: Mapping[str, str],
) -> tuple[Effect, ...]:
    """The primary effects first, then all others.

    `matrices` has the F1 of the arms by threshold, `modalities` names that of each image,
    `spoiled` says of arms which training failed. The primary ones are those of the generators at
    the primary share and the threshold `base`, one family. At each threshold all others are a
    family; so are all generators in all modalities, at `base` and the primary share.
    """
    primary: _Arms = []
    others: _Arms = []
    for name, arm in trial.arms.items():
        if arm.role != "real" and arm.generator is not None:
            (primary if is_primary(trial, arm) else others).append((name, arm))
    found = _family(trial, matrices, primary, base, spoiled, primary=True)
    for threshold in matrices:
        asked = others if threshold == base else [*primary, *others]
        found += _family(trial, matrices, asked, threshold, spoiled)
    found += _within(trial, matrices, primary, modalities, base, spoiled)
    return tuple(found)


def is_primary(trial: TrialRecord, arm: ArmRecord) -> bool:
    """Whether an arm has the number that was declared: a generator beside real images."""
    beside = arm.role == "with" and arm.share == trial.primary_share
    return beside and not trial.is_control(arm.generator)


def _family(
    trial: TrialRecord,
    matrices: Mapping[float, ScoreMatrix],
    arms: _Arms,
    threshold: float,
    spoiled: Mapping[str, str],
    *,
    primary: bool = False,
) -> list[Effect]:
    matrix = matrices.get(threshold)
    pairs = _pairs(trial, arms, matrix, spoiled)
    compared: dict[str, Comparison] = {}
    if matrix is not None and pairs:
        # Other arms vary in ways of their own: their trainings say nothing of these.
        alone = matrix.of(name for pair in pairs for name in pair)
        found = compare_pairs(alone, pairs, margin=trial.margin)
        compared = {pair.first: pair for pair in found}
    return [
        _effect(trial, name, arm, threshold, compared.get(name), spoiled, primary=primary)
        for name, arm in arms
    ]


def _within(
    trial: TrialRecord,
    matrices: Mapping[float, ScoreMatrix],
    arms: _Arms,
    modalities: Mapping[str, str],
    base: float,
    spoiled: Mapping[str, str],
) -> list[Effect]:
    matrix = matrices.get(base)
    pairs = _pairs(trial, arms, matrix, spoiled)
    if matrix is None or not pairs or len({modalities[image] for image in matrix.images}) < 2:
        return []
    alone = matrix.of(name for pair in pairs for name in pair)
    return [
        _effect(trial, name, arm, base, pair, spoiled, modality=stratum.stratum)
        for stratum in compare_within(alone, modalities, margin=trial.margin, pairs=pairs)
        for pair in stratum.comparisons
        for name, arm in arms
        if name == pair.first
    ]


def _pairs(
    trial: TrialRecord, arms: _Arms, matrix: ScoreMatrix | None, spoiled: Mapping[str, str]
) -> list[tuple[str, str]]:
    """The arms that can be compared, each with the one that it is measured against."""
    known: Iterable[str] = () if matrix is None else matrix.models
    found = ((name, trial.real(arm.share)) for name, arm in arms)
    return [pair for pair in found if all(one in known and one not in spoiled for one in pair)]


def _effect(
    trial: TrialRecord,
    name: str,
    arm: ArmRecord,
    threshold: float,
    pair: Comparison | None,
    spoiled: Mapping[str, str],
    *,
    modality: str = "",
    primary: bool = False,
) -> Effect:
    assert arm.generator is not None
    assert arm.role != "real"
    against = trial.real(arm.share)
    verdict: Verdict = "cannot tell"
    why = spoiled.get(name) or spoiled.get(against) or f"fewer than {FEWEST} images were scored"
    if pair is not None:
        verdict, why = judge(pair)
    return Effect(
        arm=name,
        against=against,
        generator=arm.generator,
        role=arm.role,
        share=arm.share,
        threshold=threshold,
        modality=modality,
        images=pair.images if pair else 0,
        difference=pair.difference if pair else None,
        interval=pair.interval if pair else None,
        p=pair.p if pair else None,
        verdict=verdict,
        why=why,
        primary=primary,
    )
