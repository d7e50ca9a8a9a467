"""card.json beside weights: what they were made of and how, and how well they do."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from contract import CallError
from contract.start import CARD_JSON

CARD_MD = "card.md"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Part):
    """Training images of one origin."""

    name: str
    modality: str
    licence: str
    origin: str
    images: int
    """All of them, those for validation among them."""
    validation_images: int


class LeftOut(_Part):
    """Images that were there and were not learned from."""

    source: str
    licence: str
    images: int
    reason: str


class Line(_Part):
    """Scores on the images of one source, by the protocol challenge."""

    source: str
    modality: str
    images: int
    f1: tuple[float, ...]
    """Means over the images, at each of the card's thresholds."""
    learned: bool = True
    """Whether the training had other images of this source."""


class Half(_Part):
    """What storing the numbers in half precision does to the masks of the validation images."""

    f1_single: tuple[float, ...]
    f1_half: tuple[float, ...]
    images: int
    used: bool
    """Whether they are stored so."""


class Fingerprints(_Part):
    """By which training images are found again in a dataset; see `fingerprints`."""

    file: str
    """Below harness/weights/fingerprints."""
    sha256: str
    images: int


class WeightsCard(_Part):
    """card.json; times are UTC."""

    format: Literal[1] = 1
    model: str
    title: str
    cellbench: str
    """Version of the program."""
    commit: str | None
    """With a + behind it when files differed from it."""
    date: str
    command: str
    profile: str
    seed: int
    licence: str
    """Of the weights."""
    data: tuple[Source, ...]
    left_out: tuple[LeftOut, ...]
    data_sha256: str
    """Of names, contents and subsets of the training images."""
    parameters: int | None
    steps: int | None
    stopped: str | None
    seconds: float
    device: str | None
    precision: str | None
    thresholds: tuple[float, ...]
    validation: tuple[Line, ...]
    tuning: tuple[Line, ...]
    """On images that no training had; none of them had a part in any choice."""
    half: Half
    files: Mapping[str, str]
    """File → SHA-256."""
    fingerprints: Fingerprints
    not_for: tuple[str, ...]
    """What the weights are not good for, a sentence each."""

    @property
    def images(self) -> int:
        """Training images, those for validation among them."""
        return sum(source.images for source in self.data)

    @property
    def validation_images(self) -> int:
        """Of them, those for validation."""
        return sum(source.validation_images for source in self.data)

    @property
    def validation_f1(self) -> tuple[float, ...]:
        """Mean over all validation images, at each of the thresholds."""
        return self.half.f1_half if self.half.used else self.half.f1_single


def read_card(weights: Path) -> WeightsCard | None:
    """The card in a folder of weights; None when there is none.

    Raises CallError for one that is not of this form.
    """
    path = weights / CARD_JSON
    if not path.is_file():
        return None
    try:
        return WeightsCard.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise CallError(
            f"{path} is no card of weights: {error.errors()[0]['msg']}",
            "it was written by another version of cellbench, or edited",
        ) from error


def told_data(card: WeightsCard) -> str:
    """What the weights learned from, in a few words."""
    names = ", ".join(dict.fromkeys(source.name for source in card.data))
    return f"{card.images} images of {names}"


def told_card(card: WeightsCard) -> str:
    """The card as a page of Markdown."""
    return "\n\n".join(
        (
            f"# Weights of {card.title}",
            (f"Trained from random numbers on {card.images} images"
            f" ({card.validation_images} of them for validation) by `{card.command}`,"
            f" seed {card.seed}, {card.steps} steps, {card.seconds / 60:.0f} minutes on"
            f" {card.device} ({card.precision}), {card.date}, cellbench {card.cellbench}, commit"
            f" {card.commit or 'unknown'}. Licence of the weights: {card.licence}."),
            "## What they learned from",
            _table(
                ("source", "modality", "licence", "images", "validation", "origin"),
                [
                    (one.name, one.modality, one.licence, one.images, one.validation_images,
                     one.origin)
                    for one in card.data
                ],
            ),
            "Left out:",
            _table(
                ("source", "licence", "images", "reason"),
                [(one.source, one.licence, one.images, one.reason) for one in card.left_out],
            ),
            "## How well they do",
            "Mean F1 by the protocol `challenge`, images shown as in any prediction.",
            "Validation images, by which the best step and the decoding were chosen:",
            _scores(card, card.validation),
            "Tuning images, none of which had a part in anything:",
            _scores(card, card.tuning),
            "## What they are not for",
            "\n".join(f"* {sentence}" for sentence in card.not_for),
            "## Files",
            (f"Numbers are stored in {'half' if card.half.used else 'single'} precision. Mean F1 on"
            f" the {card.half.images} validation images: {_numbers(card.half.f1_half)} in half and"
            f" {_numbers(card.half.f1_single)} in single precision."),
            _table(("file", "SHA-256"), list(card.files.items())),
        )
    ) + "\n"  # fmt: skip


def _scores(card: WeightsCard, lines: tuple[Line, ...]) -> str:
    heads = [f"F1@{threshold:g}" for threshold in card.thresholds]
    return _table(
        ("source", "modality", "learned from", "images", *heads),
        [
            (line.source, line.modality, "yes" if line.learned else "no", line.images,
             *(f"{value:.3f}" for value in line.f1))
            for line in lines
        ],
    )  # fmt: skip


def _numbers(values: tuple[float, ...]) -> str:
    return " / ".join(f"{value:.4f}" for value in values)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines: list[Sequence[object]] = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
