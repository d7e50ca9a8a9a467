"""What a trial settles, from the report's numbers: computed once for all sections about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evaluator.report.data import SCORED
from evaluator.report.numbers import Numbers
from evaluator.runs.trial import TrialRecord
from evaluator.scores.strata import UNKNOWN
from evaluator.trial.budget import Worth, worth_of_more
from evaluator.trial.equal import inequalities, lacking
from evaluator.trial.verdicts import Effect, effects


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What can be said of a trial so far."""

    trial: TrialRecord
    unequal: tuple[str, ...]
    """In what the arms differ besides their images; nothing is concluded where they do."""
    lacking: tuple[str, ...]
    """Which trainings had fewer images than was asked for."""
    effects: tuple[Effect, ...]
    """Empty until the trial has finished, and where the arms are not alike."""
    worth: Worth
    spoiled: Mapping[str, str]
    """Arms with a training of which nothing was scored, and which."""

    @property
    def primary(self) -> tuple[Effect, ...]:
        """The effects that were declared before the trial began."""
        return tuple(effect for effect in self.effects if effect.primary)


@lru_cache(maxsize=1)
def settled(numbers: Numbers) -> Settled | None:
    """What the trial of these numbers settles; None where the run is no trial."""
    data = numbers.data
    if data.trial is None:
        return None
    trainings: dict[tuple[str, int], Mapping[str, Any]] = {
        (model.name, run.seed): run.training
        for model in data.models
        for run in model.runs
        if run.training
    }
    unequal = tuple(inequalities(trainings))
    names = [model.name for model in data.models]
    matrices = {
        threshold: numbers.matrix_of(data.scores[data.scores["threshold"] == threshold], names)
        for threshold in data.thresholds
    }
    spoiled = _spoiled(numbers)
    modalities = {image.name: image.modality or UNKNOWN for image in data.images}
    found: tuple[Effect, ...] = ()
    worth = Worth(images=0, more=0, why="the trial has not finished")
    if data.finished and not unequal:
        found = effects(data.trial, matrices, modalities, base=data.base, spoiled=spoiled)
        worth = worth_of_more(data.trial, matrices.get(data.base), spoiled)
    return Settled(
        trial=data.trial,
        unequal=unequal,
        lacking=tuple(lacking(data.trial, trainings)),
        effects=found,
        worth=worth,
        spoiled=spoiled,
    )


def _spoiled(numbers: Numbers) -> dict[str, str]:
    found: dict[str, str] = {}
    for (model, seed), rows in numbers.rows.groupby(["model", "seed"], sort=False):
        if not (rows["outcome"] == SCORED).any():
            found.setdefault(str(model), f"no image of {model}, seed {seed}, was scored")
    return found
