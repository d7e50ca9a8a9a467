"""Whether the arms of a trial differ in their training images alone."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from evaluator.runs.trial import TrialRecord

EQUAL = ("steps", "batch_size", "input_size", "val_images", "profile")
"""Fields of training.json that are the same in every training of a trial."""
Trainings = Mapping[tuple[str, int], Mapping[str, Any]]
"""Arm and seed → what its training.json says, of trainings that have finished."""


def inequalities(trainings: Trainings) -> list[str]:
    """A sentence for each field that is not the same in all of them; none when they are equal.

    >>> inequalities({("a", 0): {"steps": 1125}, ("b", 0): {"steps": 1690}})
    ['steps: 1125 in a seed 0; 1690 in b seed 0']
    """
    found = []
    for field in EQUAL:
        values: dict[Any, list[str]] = defaultdict(list)
        for (arm, seed), facts in trainings.items():
            values[facts.get(field)].append(f"{arm} seed {seed}")
        if len(values) > 1:
            parts = (f"{value} in {_some(names)}" for value, names in values.items())
            found.append(f"{field}: {'; '.join(parts)}")
    return found


def lacking(trial: TrialRecord, trainings: Trainings) -> list[str]:
    """A sentence for each training that had fewer images than its arm asks for.

    A generator may drop bad pairs, or fail at some; that is part of what it is worth.
    """
    found = []
    for (name, seed), facts in trainings.items():
        arm, had = trial.arms.get(name), facts.get("train_images")
        if arm is not None and had is not None and had < arm.train_images:
            found.append(f"{name} seed {seed} was trained on {had} of {arm.train_images} images")
    return found


def _some(names: list[str], limit: int = 3) -> str:
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
