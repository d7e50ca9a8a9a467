"""run-all: every model on every image, item by item, each reused when nothing changed."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from contract import CallError, CellbenchError, ExitCode
from evaluator.runs.folder import RunFolder
from evaluator.runs.likeness import caution, told_comparison
from evaluator.runs.records import Fault, RunRecord
from evaluator.runs.remarks import told
from evaluator.runs.words import Outcome
from evaluator.scores.rows import ScoreRow, write_scores
from harness.datasets.folder import TEST_PART, Dataset, load_dataset, split_training
from harness.datasets.leakage.audit import audit_once
from harness.datasets.simulated.dataset import simulate_dataset
from harness.models.registry import Model
from harness.runners.choose import Chosen
from harness.work.claim import claim, refuse_foreign
from harness.work.items import Context, Done, carry_out
from harness.work.lock import locked
from harness.work.predicting import PredictItem
from harness.work.progress import Display
from harness.work.record import as_used, new_record, seeds_of, write_run
from harness.work.request import SIMULATED, Request, ready
from harness.work.scoring import ScoreItem
from harness.work.training import TrainItem

SIMULATED_IMAGES = 32
SIMULATED_SIZE = 256


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


def run_all(request: Request, chosen: Chosen, show: Display) -> Result:
    """Trains, predicts and scores every model, and renders the report.

    The folder is valid at any moment: scores and report are renewed as each model ends. What is
    finished is reused by the next call; a failure is a row in scores.csv, never the end.

    Raises CallError before any work for a wrong dataset, profile or folder.
    """
    refuse_foreign(request.folder)
    dataset = ready(request, chosen, show)
    with _folder(request, chosen, show) as run:
        dataset = dataset or _simulated(run, show)
        _tell(dataset, show)
        return _work(_context(run, request, chosen, dataset), request, show)


def _tell(dataset: Dataset, show: Display) -> None:
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
    for model in request.models:
        if not model.learns:
            raise CallError(f"{model.name} does not learn.", do="choose another model")
    refuse_foreign(request.folder)
    dataset = ready(request, chosen, show)
    assert dataset is not None
    with _folder(request, chosen, show) as run:
        context = _context(run, request, chosen, dataset)
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


def _context(run: RunFolder, request: Request, chosen: Chosen, dataset: Dataset) -> Context:
    split = split_training(dataset.train)
    return Context(
        run=run,
        record=new_record(run, request, chosen, dataset=dataset, split=split),
        runner=chosen.runner,
        dataset=dataset,
        split=split,
        settings=request.settings,
        limits=request.limits,
    )


def _due(request: Request) -> list[tuple[Model, int]]:
    return [(model, seed) for model in request.models for seed in seeds_of(model, request.seeds)]


def _work(context: Context, request: Request, show: Display) -> Result:
    run, record, due = context.run, context.record, _due(request)
    scores: Scores = {
        (model, seed): _score(context, model, seed, show, quiet=True)
        for model, facts in record.models.items()
        for seed in facts.seeds
    }
    write_run(run, record)
    _write_scores(run, scores)
    _compare_images(context, show)
    for model, seed in due:
        done = _train_and_predict(context, model, seed, show)
        key = model.name, seed
        failed: Outcome | None = None if done.recorded else "crashed"
        before, scores[key] = scores[key], _score(context, *key, show, failed=failed)
        _write_scores(run, scores)
        if scores[key] != before and (model, seed) != due[-1]:
            _interim_report(run, show)
    record = as_used(run, record.model_copy(update={"finished": True}))
    write_run(run, record)
    _report(run)
    rows = tuple(chain(*scores.values()))
    tried = all(scores[model.name, seed] for model, seed in due)
    complete = tried and all(row.outcome == "scored" for row in rows)
    return Result(run=run, record=record, rows=rows, complete=complete)


def _compare_images(context: Context, show: Display) -> None:
    """Looks for test images among those for training, unless an earlier call has."""
    found = audit_once(context.run.root, context.dataset, context.split)
    show.say(f"likeness: {told_comparison(found)}")
    for sentence in caution(found, len(context.dataset.test)):
        show.say(f"warning: {sentence}")


def _train_and_predict(context: Context, model: Model, seed: int, show: Display) -> Done:
    """How the last item ended that there was a reason to begin."""
    if model.learns:
        trained = carry_out(TrainItem(context=context, model=model, seed=seed), show)
        if trained.outcome != "done":
            return trained
    return carry_out(PredictItem(context=context, model=model, seed=seed), show)


def _score(
    context: Context,
    model: str,
    seed: int,
    show: Display,
    *,
    failed: Outcome | None = None,
    quiet: bool = False,
) -> tuple[ScoreRow, ...]:
    """The rows; those of a model whose masks cannot even be looked at are all crashes."""
    item = ScoreItem(context=context, model=model, seed=seed, failed=failed, quiet=quiet)
    done = carry_out(item, show)
    if done.outcome == "done":
        return done.rows
    return carry_out(replace(item, failed="crashed"), show).rows


def _write_scores(run: RunFolder, scores: Scores) -> None:
    if any(scores.values()):
        write_scores(run.scores_csv, chain(*scores.values()))


def _interim_report(run: RunFolder, show: Display) -> None:
    """A report that cannot be rendered now must not end a run that has hours of work to go."""
    try:
        _report(run)
    except Exception as error:
        show.say(f"no report in between: {type(error).__name__}: {error}")


def _report(run: RunFolder) -> None:
    from evaluator.report import build_report

    build_report(run.root, run.report)


@contextmanager
def _folder(request: Request, chosen: Chosen, show: Display) -> Iterator[RunFolder]:
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


def _simulated(run: RunFolder, show: Display) -> Dataset:
    folder = run.root / SIMULATED
    if not folder.exists():
        show.say(f"simulating {SIMULATED_IMAGES} images of four modalities into {folder}")
        simulate_dataset(folder, images=SIMULATED_IMAGES, size=SIMULATED_SIZE, seed=0)
    return load_dataset(folder)
