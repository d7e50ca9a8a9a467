"""Work items: one step of one model and seed each, all of one shape.

Whoever carries items out, here or on another machine, need not know what they do.
"""

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from contract import CellbenchError, Interrupted
from contract.errors import os_error
from contract.schema import Subset
from evaluator.runs.folder import RunFolder
from evaluator.runs.records import RunRecord
from evaluator.runs.words import StepOutcome
from evaluator.scores.rows import ScoreRow
from harness.datasets.folder import Dataset
from harness.models.overrides import Overrides
from harness.models.registry import Model
from harness.runners.arguments import RUN_LABEL
from harness.runners.job import Limits, Runner, RunnerGone
from harness.work.progress import Display
from harness.work.steps import Decision


@dataclass(frozen=True, kw_only=True)
class Context:
    """What all items of a run share."""

    run: RunFolder
    record: RunRecord
    runner: Runner
    dataset: Dataset
    split: Mapping[str, Subset]
    settings: Mapping[str, Overrides]
    """By model name; what `--set` changes of the profile."""
    limits: Limits

    @property
    def labels(self) -> dict[str, str]:
        """By which containers of this run are found again."""
        return {RUN_LABEL: str(self.run.root)}

    def narrowed(self, images: slice) -> "Context":
        """The same with some of the test images alone, for an item that has to do with no others.

        The images of the record are in the order of the dataset's.
        """
        record = self.record.dataset
        fewer = record.model_copy(update={"images": record.images[images]})
        return replace(
            self,
            record=self.record.model_copy(update={"dataset": fewer}),
            dataset=replace(self.dataset, test=self.dataset.test[images]),
        )


@dataclass(frozen=True, kw_only=True)
class Done:
    """How an item ended; `message` says why when its outcome is not "done"."""

    outcome: StepOutcome
    message: str = ""
    rows: tuple[ScoreRow, ...] = ()
    """What a scoring gave."""
    recorded: bool = True
    """Whether the run folder tells of it too."""
    shards: tuple[int, ...] | None = None
    """Of a prediction in shards that was begun: those with images left; None when it is done."""
    parts: "tuple[Done, ...]" = ()
    """The ends of the items that were carried out together, in their order."""


class Item(Protocol):
    """One step of one model and seed."""

    @property
    def context(self) -> Context:
        """What it shares with the other items of its run."""
        ...

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        ...

    @property
    def place(self) -> Path:
        """The folder of its model and seed."""
        ...

    @property
    def runs(self) -> Model | None:
        """The model whose code it runs; None for one that runs none."""
        ...

    def decide(self) -> Decision:
        """What there is to do; changes nothing."""
        ...

    def do(self, decision: Decision, show: Display) -> Done:
        """Does it."""
        ...

    def give_up(self, message: str) -> bool:
        """Records that it ended in an error, and the next call tries again; False if it cannot."""
        ...


def carry_out(item: Item, show: Display) -> Done:
    """Decides about an item and does it; an error on the way is the item's outcome, crashed.

    Raises what is not about this item alone: Interrupted, RunnerGone, and BrokenPipeError when
    nobody reads what is shown.
    """
    try:
        done = item.do(item.decide(), show)
    except (Interrupted, RunnerGone, BrokenPipeError):
        raise
    except Exception as error:
        if not isinstance(error, (CellbenchError, OSError)):
            for line in traceback.format_exc().splitlines():
                show.say(line)
        message = _sentence(error)
        done = Done(outcome="crashed", message=message, recorded=recorded(item, message))
    if done.outcome != "done":
        show.say(f"{item.name}: {done.message}")
    show.ended(item.name, well=done.outcome == "done")
    return done


def recorded(item: Item, message: str) -> bool:
    """Whether it could be written down that the item ended in an error."""
    try:
        return item.give_up(message)
    except Exception:  # the folder may be the very thing that is wrong
        return False


def _sentence(error: Exception) -> str:
    match error:
        case CellbenchError():
            return error.what
        case OSError():
            return os_error(error).what
        case _:
            return f"{type(error).__name__}: {error}"
