"""Steps of a run: what each depends on, whether it must be done again, and moving it into place."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contract import sha256_json, write_json
from evaluator.runs.folder import STEP_JSON, USAGE_JSON
from evaluator.runs.read import read_step, read_usage
from evaluator.runs.records import StepRecord, Usage
from evaluator.runs.words import RunnerName
from harness.runners.confine import remove_tree

Action = Literal["reuse", "resume", "redo"]
NEVER_FINISHED = "it was never finished"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do about a step; `reasons` names the inputs that changed, or says what is missing."""

    action: Action
    reasons: tuple[str, ...]

    def told(self, name: str) -> str:
        """The line that announces what is done with the step of this name."""
        if self.action == "reuse":
            return f"{name}: reused"
        why = "" if self.reasons == (NEVER_FINISHED,) else self.reasons[0]
        return f"{name} ({self.action}: {why})" if why else name


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step with the hashes of everything that its result depends on."""

    folder: Path
    inputs: Mapping[str, str]

    @property
    def key(self) -> str:
        """One hash over all inputs."""
        return sha256_json(dict(self.inputs))

    @property
    def part(self) -> Path:
        """Where the step is worked on, beside its place."""
        return self.folder.with_name(f"{self.folder.name}.part")

    def decide(self) -> Decision:
        """Reuses a finished step with the same key, resumes an unfinished one, else redoes it."""
        placed, part = read_step(self.folder), read_step(self.part)
        for record in (placed, part):
            if record and record.finished and record.key == self.key:
                return Decision(action="reuse", reasons=("nothing it depends on has changed",))
        for record in (part, placed):
            if record and record.key == self.key:
                return Decision(action="resume", reasons=("it was not finished",))
        if placed is None:
            return Decision(action="redo", reasons=(NEVER_FINISHED,))
        return Decision(action="redo", reasons=changed_inputs(placed.inputs, self.inputs))

    def begin(self) -> Path:
        """The folder to work in: a resumed one with what it holds, or an empty one."""
        placed, part = read_step(self.folder), read_step(self.part)
        if part and part.key == self.key and not part.finished:
            return self.part
        remove_tree(self.part)
        if placed and placed.key == self.key and not placed.finished:
            self.folder.rename(self.part)
            return self.part
        self.part.mkdir(parents=True)
        self._record(finished=False)
        return self.part

    def finish(self, *, finished: bool) -> None:
        """Moves the worked-on folder into place; `finished` False means: try again next time."""
        self._record(finished=finished)
        self.put_in_place()

    def give_up(self, runner: RunnerName, message: str) -> bool:
        """Puts what there is in place as unfinished, with a usage that says what went wrong.

        False for a finished part, which stays: it only waits to be put in place.
        """
        if self.decide().action == "reuse":
            return False
        part = self.begin()
        spent = read_usage(part) or Usage(
            runner=runner, outcome="crashed", exit_code=None, seconds=0.0
        )
        usage = spent.model_copy(update={"outcome": "crashed", "message": message})
        write_json(part / USAGE_JSON, usage.model_dump())
        self.finish(finished=False)
        return True

    def put_in_place(self) -> None:
        """Makes the place hold this step's finished part, also one that a kill left waiting.

        A part of other inputs, or an unfinished one beside a finished place, is of no use.
        """
        placed, part = read_step(self.folder), read_step(self.part)
        if placed and placed.key == self.key and placed.finished:
            remove_tree(self.part)
        elif part and part.key == self.key:
            self._replace()
        remove_tree(self._old)

    def _replace(self) -> None:
        remove_tree(self._old)
        if self.folder.exists():
            self.folder.rename(self._old)
        self.part.rename(self.folder)

    @property
    def _old(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.old")

    def _record(self, *, finished: bool) -> None:
        record = StepRecord(key=self.key, inputs=dict(self.inputs), finished=finished)
        write_json(self.part / STEP_JSON, record.model_dump())


def changed_inputs(before: Mapping[str, str], now: Mapping[str, str]) -> tuple[str, ...]:
    """One sentence for each input that differs, hashes shortened."""
    return tuple(
        f"{name} changed from {before.get(name, 'nothing')[:12]} to {now.get(name, 'nothing')[:12]}"
        for name in sorted({*before, *now})
        if before.get(name) != now.get(name)
    )
