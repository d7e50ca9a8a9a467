"""The report card: what was examined, how, and every finding."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from contract import ExitCode, __version__, write_json, write_text
from contract.written import Written
from evaluator.runs.words import RunnerName
from harness.conformance.findings import Finding
from harness.models.needs import CARD_JSON, Needs

PAGE = "index.html"

Verdict = Literal["sound", "faulty", "could not be checked"]


class Card(BaseModel):
    """card.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    title: str
    contract: str
    runner: RunnerName
    identity: str
    """Hash of the sources, or an image's digest."""
    version: str = __version__
    """Of cellbench."""
    created: str
    shortened: bool
    """Whether slow checks were left out."""
    seconds: float
    calls: int
    findings: tuple[Finding, ...]
    needs: Needs | None = None

    @property
    def counts(self) -> Counter[str]:
        """How many findings of each outcome."""
        return Counter(finding.outcome for finding in self.findings)

    @property
    def verdict(self) -> Verdict:
        """Faulty with any fault; a model of which nothing could be passed was not checked."""
        if self.counts["fault"]:
            return "faulty"
        return "sound" if self.counts["pass"] else "could not be checked"

    @property
    def exit_code(self) -> ExitCode:
        """0 sound, 1 faulty, 2 could not be checked."""
        codes: dict[Verdict, ExitCode] = {
            "sound": ExitCode.DONE,
            "faulty": ExitCode.ERROR,
            "could not be checked": ExitCode.WRONG_CALL,
        }
        return codes[self.verdict]

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        parts = [
            f"{self.counts[outcome]} {word}"
            for outcome, word in (
                ("pass", "passed"),
                ("fault", "faults"),
                ("not checked", "not checked"),
                ("not applicable", "not applicable"),
            )
            if self.counts[outcome]
        ]
        return f"{self.model} is {self.verdict}: {', '.join(parts)}"


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_card(card: Card, page: str, out: Path) -> Path:
    """Writes card.json and the page into `out`; returns the page's path.

    Raises CallError when that would replace files that this program did not write.
    """
    Written(out).claim([CARD_JSON, PAGE])
    write_json(out / CARD_JSON, card.model_dump())
    write_text(out / PAGE, page)
    return out / PAGE
