"""What run.json says of a trial: its arms, and what was declared before it began."""

from collections.abc import Iterator
from typing import Literal

from pydantic import BaseModel, ConfigDict

Role = Literal["real", "with", "only"]
"""Trained on a share of the real images, on them with synthetic ones, or on these alone."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GeneratorRecord(_Record):
    """Where synthetic images come from."""

    title: str
    verbs: tuple[str, ...]
    control: bool = False
    """Whether it brackets the others: it is expected to help, to hurt, or to be worth real ones."""
    settings: tuple[str, ...] = ()
    """KEY=VALUE for each setting that differs from the profile."""
    sources_sha256: str | None = None


class ArmRecord(_Record):
    """One way to make up the training set."""

    role: Role
    share: float
    """Of the training images, in (0, 1]."""
    real: int
    """Real images to train on, or to generate from."""
    generator: str | None = None
    synthetic: int = 0
    """Synthetic images that were asked for."""

    @property
    def train_images(self) -> int:
        """Images to train on when the generator gives all that it is asked for."""
        return self.synthetic + (0 if self.role == "only" else self.real)


class TrialRecord(_Record):
    """A trial: one model trained on several sets, with one number declared before it began."""

    model: str
    shares: tuple[float, ...]
    """Ascending; each holds the images of those below."""
    primary_share: float
    margin: float
    """The difference in mean F1 that would matter."""
    ratio: float
    """Synthetic images for each real one."""
    seeds: tuple[int, ...]
    generators: dict[str, GeneratorRecord]
    arms: dict[str, ArmRecord]
    """By the name that stands in scores.csv."""
    asked: dict[str, str]
    """KEY=VALUE that every training of the model has, so that all are as long."""

    def is_control(self, generator: str | None) -> bool:
        """Whether it is a generator, and one that brackets the others."""
        return generator is not None and self.generators[generator].control

    def real(self, share: float) -> str:
        """The arm without synthetic images."""
        (name,) = (
            name for name, arm in self.arms.items() if arm.role == "real" and arm.share == share
        )
        return name

    def of(self, generator: str, share: float) -> Iterator[tuple[str, ArmRecord]]:
        """The arms that need this generator's images, made from this share."""
        for name, arm in self.arms.items():
            if arm.generator == generator and arm.share == share:
                yield name, arm

    def count(self, generator: str, share: float) -> int:
        """Images that these arms need."""
        return max(arm.synthetic for _, arm in self.of(generator, share))

    def makings(self) -> Iterator[tuple[str, str, float]]:
        """Folder, generator and share of all images that are made."""
        for generator in self.generators:
            for share in self.shares:
                if any(self.of(generator, share)):
                    yield self.placed(generator, share), generator, share

    def made_by(self, name: str) -> tuple[str, float]:
        """Generator and share of a folder; KeyError for one of no generator."""
        return {place: (generator, share) for place, generator, share in self.makings()}[name]

    def placed(self, generator: str, share: float) -> str:
        """The name of its folder beside those of the arms."""
        return f"{generator}@{percent(share)}"


def percent(share: float) -> str:
    """A share in (0, 1] as in names: `25%`, `12.5%`."""
    return f"{100 * share:.4g}%"
