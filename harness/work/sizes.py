"""Warning before an image is begun that, as a report card tells, will not fit."""

from collections.abc import Iterable
from pathlib import Path

from contract import UnreadableImage, read_size
from harness.models.needs import read_needs, warning
from harness.models.registry import Model
from harness.runners.job import Limits, Runner
from harness.work.progress import Display


def warn_of_size(
    model: Model, runner: Runner, images: Iterable[Path], limits: Limits, show: Display
) -> None:
    """Says so when the largest image needs more than the limits, by the card of the same code.

    Without such a card in ./checks nothing is looked at.
    """
    needs = read_needs(model.name, runner.identity(model))
    if needs is None:
        return
    largest = max((_pixels(image) for image in images), default=0)
    if said := warning(needs, model.name, largest, limits.memory, limits.timeout):
        show.say(f"warning: {said}")


def _pixels(image: Path) -> int:
    try:
        height, width = read_size(image)
    except UnreadableImage:
        return 0
    return height * width
