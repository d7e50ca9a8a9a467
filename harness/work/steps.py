"""Steps of a run: what each depends on, whether it must be done again, and moving it into place."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contract import sha256_json, write_json
from evaluator.runs.folder import STEP_JSON
from evaluator.runs.read import read_step
from evaluator.runs.records import StepRecord

Action = Literal["reuse", "resume", "redo"]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do about a step; `reasons` names the inputs that changed, or says what is missing."""

    action: Action
    reasons: tuple[str, ...]


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
            return Decision(action="redo", reasons=("it was never finished",))
        return Decision(action="redo", reasons=changed_inputs(placed.inputs, self.inputs))

    def begin(self) -> Path:
        """The folder to work in: a resumed one with what it holds, or an empty one."""
        placed, part = read_step(self.folder), read_step(self.part)
        if part and part.key == self.key and not part.finished:
            return self.part
        shutil.rmtree(self.part, ignore_errors=True)
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

    def put_in_place(self) -> None:
        """Makes the place hold this step's finished part, also one that a kill left waiting.

        A part of other inputs, or an unfinished one beside a finished place, is of no use.
        """
        placed, part = read_step(self.folder), read_step(self.part)
        if placed and placed.key == self.key and placed.finished:
            shutil.rmtree(self.part, ignore_errors=True)
        elif part and part.key == self.key:
            self._replace()
        shutil.rmtree(self._old, ignore_errors=True)

    def _replace(self) -> None:
        shutil.rmtree(self._old, ignore_errors=True)
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
