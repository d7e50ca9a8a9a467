"""Having one generator make labelled images of a dataset: every sample ends with a line."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contract import (
    CellbenchError,
    ExitCode,
    GeneratedLine,
    append_line,
    label_name,
    read_generated,
    stem,
    write_json,
)
from contract.guarded import read_mask, read_size
from contract.samples import IMAGES, LABELS, LINES, OUTPUTS
from contract.schema import Masks, Subset
from contract.written import Written
from evaluator.runs.folder import USAGE_JSON
from evaluator.runs.records import Usage
from harness.datasets.folder import Pair
from harness.models.registry import Model
from harness.runners.confine import remove_tree
from harness.runners.job import Ended, EventHandler, Job, Limits, Runner
from harness.work.attempts import ATTEMPTS, remember, summed
from harness.work.staging import stage_training

LOG = "log.txt"


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What a generator has made, and how its last container ended."""

    lines: tuple[GeneratedLine, ...]
    ended: Ended
    complete: bool
    """Whether there are as many images as were asked for."""


@dataclass(frozen=True, kw_only=True)
class Generating:
    """One generator, the labelled images it is given, and how many it is to make.

    Of `pairs` it is handed those that `split` calls train, and, if it is a control that asks for
    them, those called held; what is there to validate or to test on never reaches it.
    """

    runner: Runner
    model: Model
    pairs: Sequence[Pair]
    split: Mapping[str, Subset]
    folder: Path
    """Works here; images/, labels/, generated.jsonl, log.txt and usage.json lie here at the end."""
    count: int
    seed: int
    limits: Limits
    weights: Path | None = None
    masks: Masks | None = None
    labels: Mapping[str, str]

    def run(self, on_event: EventHandler) -> Generated:
        """Makes the images; those that an earlier call has left in the same folder are kept.

        A sample at which the container died gets its outcome, and the rest go to one fresh
        container. What it wrote is checked: a sample whose files are not there or do not fit, or
        that names a source which it was not given, is crashed, whatever its line says.
        """
        out = self.folder / "out"
        _hand_out(self.folder, out)
        usages: list[Usage] = []
        try:
            ended = self._attempt(out, on_event, usages)
            for _ in range(ATTEMPTS - 1):
                if ended.outcome == "done" or ended.exit_code == ExitCode.WRONG_CALL:
                    break
                ended = self._attempt(out, on_event, usages)
            self._check(out)
        finally:
            _take_in(out, self.folder)
        lines = tuple(read_generated(self.folder))
        made = sum(line.outcome == "generated" for line in lines)
        return Generated(lines=lines, ended=ended, complete=made == self.count)

    @property
    def given(self) -> tuple[Pair, ...]:
        """The labelled images that the generator is handed."""
        subsets = {"train", "held"} if self.model.card.needs_held else {"train"}
        return tuple(pair for pair in self.pairs if self.split.get(pair.name) in subsets)

    def _attempt(self, out: Path, on_event: EventHandler, usages: list[Usage]) -> Ended:
        stage, begun = self.folder / "stage", list[str]()
        given = self.given
        options = ("--count", str(self.count), "--seed", str(self.seed))
        try:
            job = Job(
                model=self.model,
                verb="generate",
                input=stage_training(
                    stage, given, {pair.name: self.split[pair.name] for pair in given}, tables=True
                ),
                output=out,
                log=self.folder / LOG,
                limits=self.limits,
                weights=self.weights,
                options=(*options, *(("--masks", self.masks) if self.masks else ())),
                labels=self.labels,
            )
            ended = self.runner.run(job, remember(begun, on_event))
        finally:
            remove_tree(stage)
        usages.append(ended.usage)
        write_json(self.folder / USAGE_JSON, summed(usages).model_dump())
        if ended.outcome != "done" and begun:
            self._blame(out, begun[-1], ended)
        return ended

    def _blame(self, out: Path, image: str, ended: Ended) -> None:
        """Gives its line to the sample at which a container died, so that the next goes on."""
        if image in {line.image for line in read_generated(out)}:
            return
        outcome = "out_of_memory" if ended.outcome == "out_of_memory" else "crashed"
        with suppress(ValueError):  # the name is what a container says
            line = GeneratedLine.model_validate(
                {
                    "image": image,
                    "label": None,
                    "outcome": outcome,
                    "seconds": 0.0,
                    "method": self.model.name,
                    "message": ended.message,
                }
            )
            append_line(out / LINES, line.model_dump())

    def _check(self, out: Path) -> None:
        """Rewrites the lines as the files tell, and removes files without one."""
        known = {stem(pair.name) for pair in self.given}
        lines = {line.image: _as_it_is(out, line, known) for line in read_generated(out)}
        remove_tree(out / LINES)
        for line in lines.values():
            append_line(out / LINES, line.model_dump())
        good = [line for line in lines.values() if line.outcome == "generated"]
        for folder, names in (
            (IMAGES, {line.image for line in good}),
            (LABELS, {line.label for line in good}),
        ):
            for path in (out / folder).iterdir() if (out / folder).is_dir() else ():
                if path.name not in names:
                    remove_tree(path)


def _as_it_is(out: Path, line: GeneratedLine, known: set[str]) -> GeneratedLine:
    """The line; crashed, with the reason, when the files do not bear it out."""
    if line.outcome != "generated":
        return line
    try:
        reason = fault_of(out, line, known)
    except (CellbenchError, OSError) as error:
        reason = str(error)
    if not reason:
        return line
    return line.model_copy(update={"outcome": "crashed", "label": None, "message": reason})


def fault_of(out: Path, line: GeneratedLine, known: set[str]) -> str:
    """What is wrong with a sample that is said to be generated; "" for one that is as it should be.

    `known` are the stems that it may name as its sources. Raises CellbenchError for a file that
    cannot be read.
    """
    if Path(line.image).name != line.image or line.label != label_name(line.image):
        return f"the label of {line.image} is called {line.label}"
    if unknown := sorted({*line.sources} - known):
        return f"the source {unknown[0]} is no image that the generator was given"
    image, label = out / IMAGES / line.image, out / LABELS / line.label
    for path in (image, label):
        if path.is_symlink() or not path.is_file():
            return f"its line says generated, but there is no {path.parent.name}/{path.name}"
    size, labels = read_size(image), read_mask(label)
    if labels.shape != size:
        return f"the label is {labels.shape}, the image {size}"
    return ""


def _hand_out(folder: Path, out: Path) -> None:
    """Gives the container what it has written before; files of ours stay outside."""
    out.mkdir(exist_ok=True)
    for name in OUTPUTS:
        path = folder / name
        if path.exists() and not (out / name).exists():
            path.rename(out / name)
    Written(out).claim(OUTPUTS, known=True)


def _take_in(out: Path, folder: Path) -> None:
    """Moves what the container wrote beside our files; its record of files is not needed there."""
    for name in OUTPUTS:
        path = out / name
        if path.exists() and not path.is_symlink():
            remove_tree(folder / name)
            path.rename(folder / name)
    remove_tree(out)
