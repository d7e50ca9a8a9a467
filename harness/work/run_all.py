"""run-all: every model on every image, item by item, each reused when nothing changed."""

import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from contract import CallError, CellbenchError, ExitCode
from evaluator.runs.folder import RunFolder
from evaluator.runs.likeness import caution, told_comparison
from evaluator.runs.records import Fault, RunRecord
from evaluator.runs.remarks import told
from evaluator.runs.trial import TrialRecord
from evaluator.runs.words import SHIPPED
from evaluator.scores.rows import ScoreRow, write_scores
from harness.datasets.folder import TEST_PART, Dataset, load_dataset, split_training
from harness.datasets.leakage.audit import audit_once
from harness.datasets.simulated.dataset import simulate_dataset
from harness.models.registry import Model
from harness.runners.choose import Chosen
from harness.work.claim import claim, refuse_foreign
from harness.work.courses import course, scored
from harness.work.crew import Course, Crew, InTurn, follow
from harness.work.items import Context
from harness.work.lock import locked
from harness.work.progress import Display, words
from harness.work.record import as_used, new_record, write_run
from harness.work.request import SIMULATED, Request, ready
from harness.work.scoring import ScoreItem
from harness.work.seen import look_for_seen
from harness.work.status import run_status
from harness.work.training import TrainItem

SIMULATED_IMAGES = 32
SIMULATED_SIZE = 256
BETWEEN = 20
"""Times as long as a report took to make, until the next one while the run goes on."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run gave: the rows of scores.csv and where the report lies."""

    run: RunFolder
    record: RunRecord
    rows: Sequence[ScoreRow]
    complete: bool
    """Whether every image that is listed was scored for every model."""

    @property
    def exit_code(self) -> ExitCode:
        """0 when every image of Tuning was scored for every model, else 3."""
        return ExitCode.DONE if self.complete and not self.left_out else ExitCode.FAILURES

    @property
    def left_out(self) -> tuple[Fault, ...]:
        """Images of Tuning that no model could be scored on."""
        return tuple(fault for fault in self.record.dataset.faults if fault.part == TEST_PART)


Scores = dict[tuple[str, int], tuple[ScoreRow, ...]]
"""By model and seed."""


def run_all(request: Request, chosen: Chosen, show: Display, crew: Crew | None = None) -> Result:
    """Trains, predicts and scores every model, and renders the report.

    The folder is valid at any moment: scores and report are renewed as each model ends. What is
    finished is reused by the next call; a failure is a row in scores.csv, never the end. The items
    are carried out in this process unless there is a `crew`.

    Raises CallError before any work for a wrong dataset, profile or folder.
    """
    refuse_foreign(request.folder)
    dataset = ready(request, chosen, show)
    with folder_of(request, chosen, show) as run:
        dataset = dataset or simulated(run, show)
        tell(dataset, show)
        context = context_of(run, request, chosen, dataset)
        courses = {
            (model.name, seed): partial(_course, context, model, seed)
            for model, seed in _due(request)
        }
        return work_through(
            context, request.models, courses, list(courses), show, crew or InTurn(show)
        )


def tell(dataset: Dataset, show: Display) -> None:
    """Says what is left out and what should be known of the rest."""
    for fault in dataset.faults:
        show.say(f"left out for all models: {fault.part}/{fault.image}: {fault.reason}")
    for sentence in told(remark for remark in dataset.remarks if remark.suspicious):
        show.say(f"warning: {sentence}")
    for sentence in told(remark for remark in dataset.remarks if not remark.suspicious):
        show.say(f"note: {sentence}")


def train_only(request: Request, chosen: Chosen, show: Display) -> list[Path]:
    """Trains every seed of one model as run-all would; returns the folders of the weights.

    Raises CallError for a model that does not learn, CellbenchError when a training failed.
    """
    if request.data is None:
        raise CallError("No dataset to train on.", do="give it with --data")
    if request.profile == SHIPPED:
        raise CallError(f"The profile {SHIPPED} trains nothing.", do="choose another profile")
    for model in request.models:
        if not model.learns:
            raise CallError(f"{model.name} does not learn.", do="choose another model")
    refuse_foreign(request.folder)
    dataset = ready(request, chosen, show)
    assert dataset is not None
    with folder_of(request, chosen, show) as run:
        context = context_of(run, request, chosen, dataset)
        write_run(run, context.record)
        folders = []
        for model, seed in _due(request):
            item = TrainItem(context=context, model=model, seed=seed)
            done = item.do(item.decide(), show)
            if done.outcome != "done":
                raise CellbenchError(
                    f"Training {model.name} with seed {seed} failed: {done.message}",
                    do=f"see {item.step.folder / 'log.txt'}",
                )
            folders.append(item.weights)
        return folders


def context_of(
    run: RunFolder,
    request: Request,
    chosen: Chosen,
    dataset: Dataset,
    trial: TrialRecord | None = None,
) -> Context:
    """What the items of a run share; raises CallError when the folder holds another run."""
    split = split_training(dataset.train)
    return Context(
        run=run,
        record=new_record(run, request, chosen, dataset=dataset, split=split, trial=trial),
        runner=chosen.runner,
        dataset=dataset,
        split=split,
        settings=request.settings,
        limits=request.limits,
    )


def _due(request: Request) -> list[tuple[Model, int]]:
    return [(model, seed) for model in request.models for seed in request.seeds_of(model)]


def work_through(
    context: Context,
    models: Sequence[Model],
    courses: Mapping[Any, Callable[[], Course[Scores]]],
    due: Collection[tuple[str, int]],
    show: Display,
    crew: Crew,
    look: Callable[[Scores], None] = lambda _: None,
) -> Result:
    """Follows the courses to their ends and renders the report; `due` are the scores they give.

    `look` is shown what came of each; whatever it raises ends the run, after a last report.
    """
    run, record = context.run, context.record
    scores = _as_it_lies(context, show)
    write_run(run, record)
    _write_scores(run, scores)
    _compare_images(context, show)
    look_for_seen(context, models, show)
    left, report = len(courses), _Between(run, show)
    try:
        for _, found in follow(courses, crew):
            changed = any(scores[key] != rows for key, rows in found.items())
            scores |= found
            _write_scores(run, scores)
            left -= 1
            look(found)
            if left:
                show.say(_how_far(run, len(courses) - left, len(courses)))
            if changed and left:
                report.renew()
    finally:
        crew.close()
    record = as_used(run, record.model_copy(update={"finished": True}))
    write_run(run, record)
    _report(run)
    rows = tuple(chain(*scores.values()))
    tried = all(scores[key] for key in due)
    complete = tried and all(row.outcome == "scored" for row in rows)
    return Result(run=run, record=record, rows=rows, complete=complete)


def _how_far(run: RunFolder, ended: int, due: int) -> str:
    """A line about the whole run, with the time that is left where that can be guessed."""
    seconds = run_status(run.root).seconds_left
    left = "" if seconds is None else f"; about {words(seconds)} left"
    return f"{ended} of {due} models and seeds have ended{left}"


def _compare_images(context: Context, show: Display) -> None:
    """Looks for test images among those for training, unless an earlier call has."""
    found = audit_once(context.run.root, context.dataset, context.split)
    show.say(f"likeness: {told_comparison(found)}")
    for sentence in caution(found, len(context.dataset.test)):
        show.say(f"warning: {sentence}")


def _course(context: Context, model: Model, seed: int) -> Course[Scores]:
    return {(model.name, seed): (yield from course(context, model, seed))}


def _as_it_lies(context: Context, show: Display) -> Scores:
    """The scores of every model and seed of the run, as the folder has them now."""
    courses: dict[tuple[str, int], Callable[[], Course[tuple[ScoreRow, ...]]]] = {
        (model, seed): partial(
            scored, ScoreItem(context=context, model=model, seed=seed, quiet=True)
        )
        for model, facts in context.record.models.items()
        if facts.kind != "generator"
        for seed in facts.seeds
    }
    return dict(follow(courses, InTurn(show)))


def _write_scores(run: RunFolder, scores: Scores) -> None:
    if any(scores.values()):
        write_scores(run.scores_csv, chain(*scores.values()))


class _Between:
    """Reports while the run goes on, which take at most a twentieth of its time."""

    def __init__(self, run: RunFolder, show: Display) -> None:
        self._run = run
        self._show = show
        self._due = 0.0

    def renew(self) -> None:
        """Renders the report, unless the last one was so long in the making that it can wait.

        One that cannot be rendered now must not end a run that has hours of work to go.
        """
        began = time.monotonic()
        if began < self._due:
            return
        try:
            _report(self._run)
        except Exception as error:
            self._show.say(f"no report in between: {type(error).__name__}: {error}")
        ended = time.monotonic()
        self._due = ended + (ended - began) * BETWEEN


def _report(run: RunFolder) -> None:
    from evaluator.report import build_report

    build_report(run.root, run.report)


@contextmanager
def folder_of(request: Request, chosen: Chosen, show: Display) -> Iterator[RunFolder]:
    """The run's folder, held by this process alone and rid of what a killed one left."""
    with locked(request.folder):
        run = RunFolder(request.folder.resolve())
        claim(run.root)
        removed = chosen.runner.remove_leftovers(run.root)
        if removed:
            show.say(f"removed {removed} containers that an interrupted run had left")
        shutil.rmtree(run.stage, ignore_errors=True)
        try:
            yield run
        finally:
            shutil.rmtree(run.stage, ignore_errors=True)


def simulated(run: RunFolder, show: Display) -> Dataset:
    """The small dataset of a run that was given none."""
    folder = run.root / SIMULATED
    if not folder.exists():
        show.say(f"simulating {SIMULATED_IMAGES} images of four modalities into {folder}")
        simulate_dataset(folder, images=SIMULATED_IMAGES, size=SIMULATED_SIZE, seed=0)
    return load_dataset(folder)
