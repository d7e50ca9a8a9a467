"""The model under examination, and the calls from which the checks take their evidence.

Calls are shared: training happens once, the pictures go through one container. Each call is a job
of a runner, under the isolation that a benchmark has.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from contract import ModelCard, label_name, sha256_tree
from contract.names import normal
from contract.schema import Verb
from evaluator.runs.read import read_predictions
from evaluator.runs.records import PredictionRecord
from harness.conformance.findings import NotChecked
from harness.conformance.material import (
    Picture,
    no_pictures,
    odd_names,
    odd_pictures,
    ordinary,
    write_pictures,
    write_training,
)
from harness.models.needs import Needs
from harness.models.overrides import Overrides
from harness.models.registry import Model
from harness.runners.job import Ended, Job, Limits, Runner

SHM = "64m"
"""Of /dev/shm in a container: what Docker gives when nobody asks for more."""
WATCH = Path(__file__).with_name("watch")
MOST_DEATHS = 3
"""Pictures at which a container may die before the rest is given up."""
SECONDS = 900.0
"""For one call, at most."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One finished call: how it ended, what it left and what it said."""

    ended: Ended
    out: Path
    words: str
    """Of both streams, without the events."""
    events: Sequence[Mapping[str, Any]]
    asked: tuple[str, ...]
    """Addresses and names of the network that were asked for, as far as that was seen."""
    wrote: tuple[str, ...]
    """Files opened for writing outside of what a model may write to, as far as that was seen."""
    input_changed: bool

    @property
    def code(self) -> int | None:
        """The exit code; None when it had to be stopped."""
        return self.ended.exit_code

    @property
    def last_words(self) -> str:
        """What it said last, for people."""
        return self.ended.message or (self.words.strip().splitlines() or ["nothing"])[-1]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back for one picture."""

    picture: Picture
    line: PredictionRecord | None
    mask: Path | None
    died: str = ""
    """What the container said last, when it died at this picture."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What came back for a folder of pictures, by name in normal form, and the calls it took."""

    of: Mapping[str, Answer]
    calls: tuple[Call, ...]

    def __getitem__(self, picture: Picture) -> Answer:
        return self.of[normal(picture.name)]


@dataclass(kw_only=True)
class Subject:
    """A model, the runner that carries it, and a folder for all that it is handed and leaves."""

    model: Model
    runner: Runner
    limits: Limits
    place: Path
    quick: bool
    profile: str | None = None
    """None: tiny where there is one, else the model's first."""
    settings: Overrides = ()
    given_weights: Path | None = None
    say: Callable[[str], None]
    needs: Needs | None = field(default=None, init=False)
    """What it was measured to need, once it was."""
    calls: int = field(default=0, init=False)
    """How many were made."""

    @property
    def card(self) -> ModelCard:
        """The card by which it is called: what `describe` prints counts."""
        return self.described or self.model.card

    def can(self, verb: Verb) -> bool:
        """Whether the card names the verb."""
        return verb in self.card.verbs

    @property
    def speaks_contract(self) -> bool:
        """Whether it is called by this project's own contract."""
        return self.model.card.contract == "cellbench-1"

    @cached_property
    def describing(self) -> Call:
        """The call of describe."""
        return self.call("describe", self.place)

    @cached_property
    def described(self) -> ModelCard | None:
        """What describe printed; None when that is no card."""
        if not self.speaks_contract:
            return None
        _, brace, rest = self.describing.words.partition("{")
        try:
            return ModelCard.model_validate_json(brace + rest[: rest.rindex("}") + 1])
        except ValueError:
            return None

    @cached_property
    def training_profile(self) -> str:
        """The profile by which it is trained here."""
        known = self.card.profiles or ("tiny",)
        return self.profile or ("tiny" if "tiny" in known else known[0])

    @cached_property
    def training_folder(self) -> Path:
        """A few labelled pictures with a split, as train expects them."""
        return write_training(self.place / "training")

    @cached_property
    def training(self) -> Call:
        """The call of train, without interruption."""
        return self.train(self.place / "trained")

    def train(self, out: Path, *, timeout: float = SECONDS) -> Call:
        """Trains into `out`, which may hold an interrupted training."""
        options = ("--profile", self.training_profile, "--seed", "0")
        return self.call(
            "train",
            self.training_folder,
            out=out,
            options=options,
            settings=self.settings,
            limits=replace(self.limits, timeout=timeout),
        )

    @cached_property
    def weights(self) -> Path | None:
        """What it predicts with; None for a model that does not learn or has its own."""
        if self.given_weights is not None or not self.can("train"):
            return self.given_weights
        weights = self.training.out / "weights"
        if self.training.code != 0 or not weights.is_dir() or not any(weights.iterdir()):
            raise NotChecked("training failed, so there are no weights to predict with")
        return weights

    @cached_property
    def generating_folder(self) -> Path:
        """As `training_folder`, with two pictures held back for a control that asks for them."""
        held = 2 if self.model.card.needs_held else 0
        return write_training(self.place / "to-generate", held=held)

    @cached_property
    def generating(self) -> Call:
        """The call of generate, for two images with seed 0."""
        return self.generate("--count", "2")

    def generate(self, *options: str, out: Path | None = None) -> Call:
        """Generates from a few labelled pictures, into `out`, which may hold earlier images."""
        return self.call(
            "generate", self.generating_folder, out=out, weights=self.weights, options=options
        )

    @cached_property
    def ordinary(self) -> Answers:
        """What came back for the ordinary pictures, on one core."""
        return self.predict(ordinary())

    @cached_property
    def odd(self) -> Answers:
        """What came back for odd pictures, odd names and files that are no pictures, together."""
        return self.predict([*odd_pictures(), *odd_names(), *no_pictures()])

    def predict(self, pictures: Sequence[Picture], *, cores: int = 1) -> Answers:
        """Predicts pictures; one at which the container dies is left out for the next one."""
        rest, found, calls = list(pictures), dict[str, Answer](), list[Call]()
        for attempt in range(MOST_DEATHS + 1):
            folder = self.place / f"pictures-{self.calls}"
            source, truth = write_pictures(folder, rest)
            call = self.call(
                "predict",
                source,
                truth=truth if self.model.card.needs_truth else None,
                weights=self.weights,
                limits=replace(self.limits, cores=cores),
            )
            calls.append(call)
            answers = _answers(rest, call)
            found |= {key: one for key, one in answers.items() if one.line or one.mask}
            rest = [picture for picture in rest if normal(picture.name) not in found]
            if not rest:
                break
            begun = [normal(str(e.get("image"))) for e in call.events if e["event"] == "image"]
            culprit = next((p for p in rest if begun and normal(p.name) == begun[-1]), rest[0])
            ended = call.ended.outcome == "done" or call.code == 2
            for picture in rest if ended or attempt == MOST_DEATHS else [culprit]:
                found[normal(picture.name)] = replace(
                    answers[normal(picture.name)], died=call.last_words
                )
            rest = [picture for picture in rest if normal(picture.name) not in found]
            if not rest:
                break
        return Answers(of=found, calls=tuple(calls))

    @property
    def weights_named(self) -> str:
        """With which weights it predicts, for people."""
        if self.given_weights is not None:
            return "its own weights"
        return f"profile {self.training_profile}" if self.can("train") else "without training"

    def answer(self, picture: Picture, call: Call) -> Answer:
        """What a call gave for one picture."""
        return _answers([picture], call)[normal(picture.name)]

    def call(
        self,
        verb: Literal["describe", "train", "predict", "generate"],
        source: Path,
        *,
        out: Path | None = None,
        weights: Path | None = None,
        truth: Path | None = None,
        options: tuple[str, ...] = (),
        settings: Overrides = (),
        limits: Limits | None = None,
    ) -> Call:
        """Carries out one job and gathers what it left."""
        self.calls += 1
        name = f"call {self.calls}: {verb}"
        self.say(name)
        out = out or self.place / f"out-{self.calls}"
        out.mkdir(exist_ok=True)
        log = self.place / f"log-{self.calls}.txt"
        before = {} if verb == "describe" else _snapshot(source)
        events: list[Mapping[str, Any]] = []
        card = self.model.card.model_copy(update={"shm": SHM})
        with self._watched() as notes:
            ended = self.runner.run(
                Job(
                    model=replace(self.model, card=card),
                    verb=verb,
                    input=source,
                    output=out,
                    log=log,
                    limits=limits or self.limits,
                    weights=weights,
                    truth=truth,
                    options=options,
                    settings=settings,
                ),
                events.append,
            )
        asked, wrote = self._noted(notes, out)
        return Call(
            ended=ended,
            out=out,
            words=log.read_text(encoding="utf-8", errors="replace"),
            events=events,
            asked=asked,
            wrote=wrote,
            input_changed=verb != "describe" and _snapshot(source) != before,
        )

    @contextmanager
    def _watched(self) -> Iterator[Path]:
        """An empty HOME, which may be filled, and a note of what a process asks for.

        A container has its own HOME, and nothing to write to or to ask beside it.
        """
        notes, home = self.place / "notes.txt", self.place / "home"
        notes.write_text("")
        home.mkdir(exist_ok=True)
        told = {
            "HOME": str(home),
            "XDG_CACHE_HOME": str(home / ".cache"),
            "CELLBENCH_WATCH": str(notes),
            "PYTHONPATH": os.pathsep.join([str(WATCH), os.environ.get("PYTHONPATH", "")]),
        }
        before = {name: os.environ.get(name) for name in told}
        os.environ.update(told)
        try:
            yield notes
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value

    def _noted(self, notes: Path, out: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
        lines = [line.partition("\t") for line in notes.read_text(encoding="utf-8").splitlines()]
        asked = {what for kind, _, what in lines if kind == "network"}
        paths = {Path(what.strip("'\"")) for kind, _, what in lines if kind == "write"}
        allowed = (out, self.place / "home", Path("/dev"), Path("/proc"))
        scratch, ours = Path("/tmp"), [self.place, self.model.folder or self.place]
        wrote = {
            str(path)
            for path in paths
            if not any(path.is_relative_to(folder) for folder in allowed)
            and (any(map(path.is_relative_to, ours)) or not path.is_relative_to(scratch))
            and "__pycache__" not in path.parts
        }
        return tuple(sorted(asked)), tuple(sorted(wrote))


def _answers(pictures: Sequence[Picture], call: Call) -> dict[str, Answer]:
    lines = {normal(line.image): line for line in read_predictions(call.out).records}
    masks = {
        normal(path.name): path
        for path in call.out.iterdir()
        if path.is_file() and not path.is_symlink()
    }
    return {
        normal(picture.name): Answer(
            picture=picture,
            line=lines.get(normal(picture.name)),
            mask=masks.get(normal(label_name(picture.name))),
        )
        for picture in pictures
    }


def _snapshot(folder: Path) -> dict[str, str]:
    """Names and contents of all that lies in a folder."""
    return {"": sha256_tree(folder), "names": str(sorted(map(str, folder.rglob("*"))))}
