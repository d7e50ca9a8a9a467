"""What a check is, and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

Outcome = Literal["pass", "fault", "not checked", "not applicable"]
"""A check that was left out is "not checked"; one that says nothing about this kind of model is
"not applicable"; neither counts as passed."""
Concerns = Literal["all", "contract", "learning"]
"""Models that a check says something about: all, those of the own contract, those that learn."""

Asks = Literal["predict", "generate", "either"]
"""The verb whose models a check is about; either: all."""


class Finding(BaseModel):
    """How one check ended, as the report card has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: str
    """The check's id, as "topic.name"."""
    title: str
    """What holds when it is passed, as a sentence."""
    outcome: Outcome
    seen: str
    """What was seen, or why nothing was."""
    do: str = ""
    """What to do about a fault."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a check says of the subject; `do` goes with a fault."""

    outcome: Outcome
    seen: str
    do: str = ""


class NotChecked(Exception):
    """Raised by a check that lacks what it needs; the text is the reason, for people."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that holds for a sound model.

    `look` is given the subject and may raise NotChecked. A `slow` check is left out of a
    shortened kit.
    """

    id: str
    title: str
    look: Callable[[Any], Verdict]
    concerns: Concerns = "all"
    asks: Asks = "predict"
    slow: bool = False

    def finding(self, verdict: Verdict) -> Finding:
        """The verdict as a line of the report card."""
        return Finding(
            check=self.id,
            title=self.title,
            outcome=verdict.outcome,
            seen=verdict.seen,
            do=verdict.do,
        )


def passed(seen: str) -> Verdict:
    """It holds."""
    return Verdict(outcome="pass", seen=seen)


def fault(seen: str, do: str) -> Verdict:
    """It does not hold; `do` says how to mend it."""
    return Verdict(outcome="fault", seen=seen, do=do)


def not_applicable(why: str) -> Verdict:
    """Nothing to be said about such a model."""
    return Verdict(outcome="not applicable", seen=why)
