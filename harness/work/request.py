"""What run-all and train are asked to do, and all that can be wrong with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, CellbenchError
from evaluator.runs.words import SHIPPED, Metrics, Protocol
from harness.datasets.folder import Dataset, load_dataset
from harness.models.overrides import Overrides
from harness.models.registry import Model
from harness.runners.choose import Chosen
from harness.runners.job import Limits
from harness.work.progress import Display
from harness.work.sizes import warn_of_size

ONE_SEED = (0,)
SIMULATED = "simulated"
"""The dataset's name when none is given."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a run is asked to do; `data` None means: simulate a small dataset."""

    data: Path | None
    out: Path | None
    models: Sequence[Model]
    profile: str
    settings: Mapping[str, Overrides]
    """By model name; what `--set` changes of the profile."""
    seeds: tuple[int, ...]
    protocol: Protocol | None
    """None: that of the run so far."""
    limits: Limits
    metrics: Metrics | None = None
    """None: as in the run so far."""
    memory_asked: str | None = None
    kind: str = ""
    """Of the run, where its folder should say so."""

    @property
    def folder(self) -> Path:
        """The run folder: as asked, else runs/<dataset>-<kind>-<profile>."""
        name = self.data.resolve().name if self.data else SIMULATED
        return self.out or Path("runs") / "-".join(filter(None, (name, self.kind, self.profile)))

    def seeds_of(self, model: Model) -> tuple[int, ...]:
        """A model that does not learn, now or at all, runs once, as seed 0."""
        return self.seeds if model.learns and self.profile != SHIPPED else ONE_SEED


def ready(request: Request, chosen: Chosen, show: Display) -> Dataset | None:
    """The dataset, None when it is to be simulated, and every model ready to run.

    All that can be wrong with a call is found here, before anything is written, save that the
    folder holds another run.
    """
    dataset = load_dataset(request.data) if request.data else None
    if request.profile == SHIPPED:
        _refuse_without_weights(request.models)
    else:
        _refuse_unknown_profiles(request)
        if dataset:
            _refuse_untrainable(request, dataset)
    for line in chosen.told():
        show.say(line)
    _prepare(request, chosen, show, [pair.image for pair in dataset.test] if dataset else [])
    return dataset


def _prepare(request: Request, chosen: Chosen, show: Display, images: Sequence[Path]) -> None:
    """Makes the models ready; an image that cannot be built is that model's failure alone.

    Where a report card tells that one of the `images` to predict will not fit, that is said.
    """
    failed = 0
    for model in request.models:
        try:
            chosen.runner.prepare(model, show.say)
            warn_of_size(model, chosen.runner, images, request.limits, show)
        except CallError:
            raise
        except CellbenchError as error:
            failed += 1
            if failed == len(request.models):
                raise
            show.say(f"{model.name}: {error.what} ({error.why})")


def _refuse_unknown_profiles(request: Request) -> None:
    for model in request.models:
        if model.learns:
            model.profile(request.profile)


def _refuse_untrainable(request: Request, dataset: Dataset) -> None:
    learners = [model.name for model in request.models if model.learns]
    if learners and not dataset.train:
        raise CallError(
            f"Nothing to train {', '.join(learners)} on in {dataset.root}.",
            "Training-labeled/ is missing, or none of its images has a usable label",
            "add training pairs, or choose models that need none with --models",
        )


def _refuse_without_weights(models: Sequence[Model]) -> None:
    """Raises CallError when models would have to learn and none of them comes with weights."""
    learners = [model for model in models if model.learns]
    if learners and not any(model.shipped_weights for model in learners):
        names = ", ".join(model.name for model in learners)
        raise CallError(
            f"No weights come with {names}.",
            f"the profile {SHIPPED} trains nothing",
            "train them: --profile quick; `harness weights list` names the models with weights",
        )
