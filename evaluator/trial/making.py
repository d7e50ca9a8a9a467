"""What making the synthetic images of a trial took, and how many of them were good enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from contract import read_generated
from evaluator.runs.folder import RunFolder
from evaluator.runs.read import read_usage
from evaluator.runs.trial import TrialRecord


@dataclass(frozen=True, kw_only=True)
class Making:
    """The images of one generator at one share; numbers are means over the seeds that ended."""

    generator: str
    share: float
    asked: int
    made: float | None
    dropped: float | None
    """Share of the images that did not pass the generator's own filter, in [0, 1]."""
    train_seconds: float | None
    """None for one that does not learn."""
    generate_seconds: float | None
    memory_bytes: int | None
    """The most that any step needed."""

    @property
    def seconds_an_image(self) -> float | None:
        """Training and generating together."""
        if not self.made or self.generate_seconds is None:
            return None
        return ((self.train_seconds or 0.0) + self.generate_seconds) / self.made


def makings(run: RunFolder, trial: TrialRecord) -> tuple[Making, ...]:
    """Every generator at every share, in the order of the trial."""
    return tuple(
        _making(run, trial, place, generator, share) for place, generator, share in trial.makings()
    )


def _making(run: RunFolder, trial: TrialRecord, place: str, generator: str, share: float) -> Making:
    made, memory = list[int](), list[int]()
    dropped, trained, generated = list[float](), list[float](), list[float]()
    for seed in trial.seeds:
        folder = run.step(place, seed, "generate")
        outcomes = [line.outcome for line in read_generated(folder)] if folder.is_dir() else []
        if outcomes:
            made.append(outcomes.count("generated"))
            dropped.append(outcomes.count("dropped") / len(outcomes))
        for usage, seconds in (
            (read_usage(run.step(place, seed, "train")), trained),
            (read_usage(folder), generated),
        ):
            if usage is not None and usage.outcome == "done":
                seconds.append(usage.seconds)
            if usage is not None and usage.peak_memory_bytes:
                memory.append(usage.peak_memory_bytes)
    return Making(
        generator=generator,
        share=share,
        asked=trial.count(generator, share),
        made=_mean(made),
        dropped=_mean(dropped),
        train_seconds=_mean(trained),
        generate_seconds=_mean(generated),
        memory_bytes=max(memory, default=None),
    )


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
