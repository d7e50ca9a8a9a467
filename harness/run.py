"""run-all: every model on every image, step by step, each step reused when nothing changed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, CellbenchError, sha256_tree
from contract.schema import Subset
from evaluator.runfolder import RunFolder, RunRecord
from evaluator.scores import ScoreRow
from harness.dataset import Dataset, load_dataset, split_training
from harness.lock import locked
from harness.predicting import Line, Predicting, settled
from harness.progress import Display
from harness.record import Protocol, new_record, seeds_of, write_run
from harness.registry import Model
from harness.runners.arguments import RUN_LABEL
from harness.runners.choose import Chosen
from harness.runners.job import Limits
from harness.scoring import score_run
from harness.simulator.dataset import simulate_dataset
from harness.staging import stage_training
from harness.steps import Step
from harness.training import Trained, split_hash, train, training_step, weights_of

EXIT_ALL_SCORED = 0
EXIT_WITH_FAILURES = 3
SIMULATED = "simulated"
SIMULATED_IMAGES = 32
SIMULATED_SIZE = 256


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a run is asked to do; `data` None means: simulate a small dataset."""

    data: Path | None
    out: Path | None
    models: Sequence[Model]
    profile: str
    seeds: tuple[int, ...]
    protocol: Protocol
    limits: Limits
    memory_asked: str | None = None

    @property
    def folder(self) -> Path:
        """The run folder: as asked, else runs/<dataset>-<profile>."""
        name = self.data.resolve().name if self.data else SIMULATED
        return self.out or Path("runs") / f"{name}-{self.profile}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a run gave: the rows of scores.csv and where the report lies."""

    run: RunFolder
    record: RunRecord
    rows: Sequence[ScoreRow]

    @property
    def exit_code(self) -> int:
        """0 when every image of every model was scored, else 3."""
        whole = all(row.outcome == "scored" for row in self.rows)
        return EXIT_ALL_SCORED if whole else EXIT_WITH_FAILURES


def run_all(request: Request, chosen: Chosen, show: Display) -> Result:
    """Trains, predicts and scores every model, and renders the report.

    The folder is valid at any moment: scores and report are renewed as each model ends. What is
    finished is reused by the next call; a failure is a row in scores.csv, never the end.

    Raises CallError before any work for a wrong dataset, profile or folder.
    """
    dataset = load_dataset(request.data) if request.data else None
    _refuse_unknown_profiles(request)
    if dataset:
        _refuse_untrainable(request, dataset)
    with locked(request.folder):
        run = RunFolder(request.folder.resolve())
        removed = chosen.runner.remove_leftovers(run.root)
        if removed:
            show.say(f"removed {removed} containers that an interrupted run had left")
        dataset = dataset or _simulated(run, show)
        for fault in dataset.faults:
            show.say(f"left out for all models: {fault.part}/{fault.image}: {fault.reason}")
        show.say(f"runner {chosen.runner.name}: {chosen.reason}")
        for model in request.models:
            chosen.runner.prepare(model, show.say)
        work = _Work(request=request, chosen=chosen, show=show, run=run, dataset=dataset)
        return work.do()


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
        write_run(self.run, record)
        rows: Sequence[ScoreRow] = ()
        with self._training_folder(split) as stage:
            for model in self.request.models:
                for seed in seeds_of(model, self.request.seeds):
                    self._model(model, seed, stage, record.dataset.split_sha256)
                    rows = score_run(self.run, record, self.show)
                    self._interim_report()
        record = record.model_copy(update={"finished": True})
        write_run(self.run, record)
        self._report()
        return Result(run=self.run, record=record, rows=rows)

    def train_all(self) -> list[Path]:
        split = split_training(self.dataset.train)
        write_run(self.run, self._record(split))
        folders = []
        with self._training_folder(split) as stage:
            for model in self.request.models:
                for seed in seeds_of(model, self.request.seeds):
                    trained = self._train(model, seed, stage, split_hash(split))
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
            protocol=self.request.protocol,
            chosen=self.chosen,
            limits=self.request.limits,
            memory_asked=self.request.memory_asked,
        )

    @contextmanager
    def _training_folder(self, split: dict[str, Subset]) -> Iterator[Path]:
        import shutil

        stage = self.run.root / ".stage"
        try:
            yield stage_training(stage, self.dataset.train, split)
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _model(self, model: Model, seed: int, stage: Path, split_sha256: str) -> None:
        weights: Path | None = None
        if "train" in model.card.verbs:
            trained = self._train(model, seed, stage, split_sha256)
            if trained.weights is None:
                self.show.say(f"{model.name} seed {seed}: train: {trained.message}")
                return
            weights = trained.weights
        self._predict(model, seed, weights)

    def _train(self, model: Model, seed: int, stage: Path, split_sha256: str) -> Trained:
        name = f"{model.name} seed {seed}: train"
        step = training_step(
            self.run,
            model,
            seed,
            runner=self.chosen.runner,
            profile=self.request.profile,
            dataset=self.dataset,
            split_sha256=split_sha256,
        )
        if self._reused(step, name):
            return Trained(outcome="done", weights=weights_of(step))
        return train(
            step,
            runner=self.chosen.runner,
            model=model,
            stage=stage,
            profile=self.request.profile,
            seed=seed,
            limits=self.request.limits,
            labels=self._labels(),
            on_event=self.show.step(name),
        )

    def _predict(self, model: Model, seed: int, weights: Path | None) -> None:
        name = f"{model.name} seed {seed}: predict"
        step = self._prediction_step(model, seed, weights)
        if self._reused(step, name):
            return
        lines: Sequence[Line] = Predicting(
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
            if line["outcome"] != "predicted":
                self.show.say(f"{name}: {line['image']}: {line['outcome']}: {line['message']}")

    def _prediction_step(self, model: Model, seed: int, weights: Path | None) -> Step:
        return prediction_step(
            self.run, model, seed, chosen=self.chosen, dataset=self.dataset, weights=weights
        )

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
    dataset = load_dataset(request.data)
    _refuse_unknown_profiles(request)
    _refuse_untrainable(request, dataset)
    with locked(request.folder):
        run = RunFolder(request.folder.resolve())
        chosen.runner.remove_leftovers(run.root)
        for model in request.models:
            chosen.runner.prepare(model, show.say)
        work = _Work(request=request, chosen=chosen, show=show, run=run, dataset=dataset)
        return work.train_all()


def prediction_step(
    run: RunFolder,
    model: Model,
    seed: int,
    *,
    chosen: Chosen,
    dataset: Dataset,
    weights: Path | None,
) -> Step:
    """The prediction of one model and seed, and the hashes of all that it depends on."""
    images = dataset.test_sha256 if model.card.needs_truth else dataset.test_images_sha256
    inputs = {
        "model sources": chosen.runner.identity(model),
        "weights": sha256_tree(weights) if weights else "none",
        "test images": images,
    }
    return Step(folder=run.step(model.name, seed, "predict"), inputs=inputs)


def _simulated(run: RunFolder, show: Display) -> Dataset:
    folder = run.root / SIMULATED
    if not folder.exists():
        show.say(f"simulating {SIMULATED_IMAGES} images of four modalities into {folder}")
        simulate_dataset(folder, images=SIMULATED_IMAGES, size=SIMULATED_SIZE, seed=0)
    return load_dataset(folder)


def _refuse_unknown_profiles(request: Request) -> None:
    for model in request.models:
        if "train" in model.card.verbs:
            model.profile_text(request.profile)


def _refuse_untrainable(request: Request, dataset: Dataset) -> None:
    learners = [model.name for model in request.models if "train" in model.card.verbs]
    if learners and not dataset.train:
        raise CallError(
            f"Nothing to train {', '.join(learners)} on in {dataset.root}.",
            "Training-labeled/ is missing, or none of its images has a usable label",
            "add training pairs, or choose models that need none with --models",
        )
