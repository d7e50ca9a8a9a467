"""run-all: every model on every image, step by step, each step reused when nothing changed."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from contract import CallError, CellbenchError, ExitCode
from contract.schema import Subset
from evaluator.runs.folder import RunFolder
from evaluator.runs.records import Fault, PredictionRecord, RunRecord
from evaluator.runs.remarks import told
from evaluator.scores.rows import ScoreRow, write_scores
from harness.datasets.folder import TEST_PART, Dataset, load_dataset, split_training
from harness.datasets.simulated.dataset import simulate_dataset
from harness.models.registry import Model
from harness.runners.arguments import RUN_LABEL
from harness.runners.choose import Chosen
from harness.work.claim import claim, refuse_foreign
from harness.work.lock import locked
from harness.work.predicting import Predicting, prediction_step, settled
from harness.work.progress import Display
from harness.work.record import new_record, seeds_of, write_run
from harness.work.request import SIMULATED, Request, ready
from harness.work.scoring import score_model
from harness.work.staging import stage_training
from harness.work.steps import Step
from harness.work.training import Trained, split_hash, train, training_step, weights_of

SIMULATED_IMAGES = 32
SIMULATED_SIZE = 256


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run gave: the rows of scores.csv and where the report lies."""

    run: RunFolder
    record: RunRecord
    rows: Sequence[ScoreRow]

    @property
    def exit_code(self) -> ExitCode:
        """0 when every image of Tuning was scored for every model, else 3."""
        whole = all(row.outcome == "scored" for row in self.rows)
        return ExitCode.DONE if whole and not self.left_out else ExitCode.FAILURES

    @property
    def left_out(self) -> tuple[Fault, ...]:
        """Images of Tuning that no model could be scored on."""
        return tuple(fault for fault in self.record.dataset.faults if fault.part == TEST_PART)


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
        for fault in dataset.faults:
            show.say(f"left out for all models: {fault.part}/{fault.image}: {fault.reason}")
        for sentence in told(dataset.remarks):
            show.say(f"note: {sentence}")
        return _Work(request=request, chosen=chosen, show=show, run=run, dataset=dataset).do()


@dataclass(frozen=True, kw_only=True)
class _Work:
    request: Request
    chosen: Chosen
    show: Display
    run: RunFolder
    dataset: Dataset

    def do(self) -> Result:
        split = split_training(self.dataset.train)
        record = self._record(split)
        scored = {
            (model, seed): score_model(self.run, record, model, seed, lambda _: None)
            for model, facts in record.models.items()
            for seed in facts.seeds
        }
        write_run(self.run, record)
        self._write_scores(scored)
        due = self._due()
        for model, seed in due:
            self._model(model, seed, split)
            key = model.name, seed
            before, scored[key] = scored[key], score_model(self.run, record, *key, self.show.say)
            self._write_scores(scored)
            if scored[key] != before and (model, seed) != due[-1]:
                self._interim_report()
        record = record.model_copy(update={"finished": True})
        write_run(self.run, record)
        self._report()
        return Result(run=self.run, record=record, rows=list(chain(*scored.values())))

    def _due(self) -> list[tuple[Model, int]]:
        return [
            (model, seed)
            for model in self.request.models
            for seed in seeds_of(model, self.request.seeds)
        ]

    def _write_scores(self, scored: Mapping[tuple[str, int], Sequence[ScoreRow]]) -> None:
        if any(scored.values()):
            write_scores(self.run.scores_csv, chain(*scored.values()))

    def train_all(self) -> list[Path]:
        split = split_training(self.dataset.train)
        write_run(self.run, self._record(split))
        folders = []
        for model, seed in self._due():
            trained = self._train(model, seed, split)
            if trained.weights is None:
                raise CellbenchError(
                    f"Training {model.name} with seed {seed} failed: {trained.message}",
                    do=f"see {self.run.step(model.name, seed, 'train') / 'log.txt'}",
                )
            folders.append(trained.weights)
        return folders

    def _record(self, split: dict[str, Subset]) -> RunRecord:
        return new_record(
            self.run,
            dataset=self.dataset,
            split=split,
            models=self.request.models,
            seeds=self.request.seeds,
            profile=self.request.profile,
            settings=self.request.settings,
            protocol=self.request.protocol,
            chosen=self.chosen,
            limits=self.request.limits,
            memory_asked=self.request.memory_asked,
        )

    def _model(self, model: Model, seed: int, split: Mapping[str, Subset]) -> None:
        weights: Path | None = None
        if "train" in model.card.verbs:
            trained = self._train(model, seed, split)
            if trained.weights is None:
                self.show.say(f"{model.name} seed {seed}: train: {trained.message}")
                return
            weights = trained.weights
        self._predict(model, seed, weights)

    def _train(self, model: Model, seed: int, split: Mapping[str, Subset]) -> Trained:
        name = f"{model.name} seed {seed}: train"
        step = training_step(
            self.run,
            model,
            seed,
            runner=self.chosen.runner,
            profile=self.request.profile,
            settings=self.request.settings.get(model.name, ()),
            dataset=self.dataset,
            split_sha256=split_hash(split),
        )
        if self._reused(step, name):
            return Trained(outcome="done", weights=weights_of(step))
        return train(
            step,
            runner=self.chosen.runner,
            model=model,
            stage=self._training_folder(split),
            profile=self.request.profile,
            settings=self.request.settings.get(model.name, ()),
            seed=seed,
            limits=self.request.limits,
            labels=self._labels(),
            on_event=self.show.step(name),
        )

    def _training_folder(self, split: Mapping[str, Subset]) -> Path:
        """The training images for containers, laid out when the first of them asks."""
        stage = _stage(self.run)
        return stage if stage.exists() else stage_training(stage, self.dataset.train, split)

    def _predict(self, model: Model, seed: int, weights: Path | None) -> None:
        name = f"{model.name} seed {seed}: predict"
        step = prediction_step(
            self.run,
            model,
            seed,
            runner=self.chosen.runner,
            dataset=self.dataset,
            weights=weights,
        )
        if self._reused(step, name):
            return
        lines: Sequence[PredictionRecord] = Predicting(
            runner=self.chosen.runner,
            model=model,
            images=[pair.image for pair in self.dataset.test],
            folder=step.begin(),
            limits=self.request.limits,
            weights=weights,
            pairs=self.dataset.test if model.card.needs_truth else (),
            labels=self._labels(),
        ).run(self.show.step(name))
        step.finish(finished=settled(lines))
        for line in lines:
            if line.outcome != "predicted":
                self.show.say(f"{name}: {line.image}: {line.outcome}: {line.message}")

    def _reused(self, step: Step, name: str) -> bool:
        decision = step.decide()
        if decision.action == "reuse":
            step.put_in_place()
            self.show.say(f"{name}: reused")
            return True
        why = "" if decision.reasons == ("it was never finished",) else decision.reasons[0]
        self.show.say(f"{name}{f' ({decision.action}: {why})' if why else ''}")
        return False

    def _labels(self) -> dict[str, str]:
        return {RUN_LABEL: str(self.run.root)}

    def _interim_report(self) -> None:
        """A report that cannot be rendered now must not end a run that has hours of work to go."""
        try:
            self._report()
        except Exception as error:
            self.show.say(f"no report in between: {type(error).__name__}: {error}")

    def _report(self) -> None:
        from evaluator.report import build_report

        build_report(self.run.root, self.run.report)


def train_only(request: Request, chosen: Chosen, show: Display) -> list[Path]:
    """Trains every seed of one model as run-all would; returns the folders of the weights.

    Raises CallError for a model that does not learn, CellbenchError when a training failed.
    """
    if request.data is None:
        raise CallError("No dataset to train on.", do="give it with --data")
    for model in request.models:
        if "train" not in model.card.verbs:
            raise CallError(f"{model.name} does not learn.", do="choose another model")
    refuse_foreign(request.folder)
    dataset = ready(request, chosen, show)
    assert dataset is not None
    with _folder(request, chosen, show) as run:
        work = _Work(request=request, chosen=chosen, show=show, run=run, dataset=dataset)
        return work.train_all()


@contextmanager
def _folder(request: Request, chosen: Chosen, show: Display) -> Iterator[RunFolder]:
    """The run's folder, held by this process alone and rid of what a killed one left."""
    with locked(request.folder):
        run = RunFolder(request.folder.resolve())
        claim(run.root)
        removed = chosen.runner.remove_leftovers(run.root)
        if removed:
            show.say(f"removed {removed} containers that an interrupted run had left")
        shutil.rmtree(_stage(run), ignore_errors=True)
        try:
            yield run
        finally:
            shutil.rmtree(_stage(run), ignore_errors=True)


def _stage(run: RunFolder) -> Path:
    return run.root / ".stage"


def _simulated(run: RunFolder, show: Display) -> Dataset:
    folder = run.root / SIMULATED
    if not folder.exists():
        show.say(f"simulating {SIMULATED_IMAGES} images of four modalities into {folder}")
        simulate_dataset(folder, images=SIMULATED_IMAGES, size=SIMULATED_SIZE, seed=0)
    return load_dataset(folder)
