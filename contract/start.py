"""Weights from which a training starts, when its setting `start_from` names some."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import CallError
from contract.names import holds_files

START_FROM = "start_from"
SHIPPED = "shipped"
"""The value that means the weights which come with the model."""
TOLD_SHIPPED = "weights that come with the model"
SHIPPED_WEIGHTS = "weights"
"""Beside model.yaml: weights that come with a model."""
CARD_JSON = "card.json"
"""Among such weights: what they were made of."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """A folder of weights, and what is known of them, in words."""

    folder: Path
    told: str


def find_start(settings: Mapping[str, Any], own: Path) -> Start | None:
    """What `start_from` means; None where it is not set. `own` is the model's folder.

    Raises CallError for a folder that is missing or empty, and for a model that comes with none.
    """
    wanted = settings.get(START_FROM)
    if wanted is None:
        return None
    if wanted == SHIPPED:
        folder = own / SHIPPED_WEIGHTS
        if not holds_files(folder):
            raise CallError(
                f"{START_FROM} is {SHIPPED}, and no weights come with this model.",
                do=f"name a folder of weights with --set {START_FROM}=DIR, or choose a profile that"
                " starts from random numbers, such as quick",
            )
        return Start(folder=folder, told=f"{TOLD_SHIPPED}{_data(folder)}")
    folder = Path(wanted)
    if not holds_files(folder):
        raise CallError(
            f"No weights in {folder}, from which the training was to start.",
            "the folder is missing or empty",
            "name the weights/ folder of a finished training",
        )
    return Start(folder=folder, told=f"other weights{_data(folder)}")


def _data(folder: Path) -> str:
    """Which images they learned from, as their card says; "" without one."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        card = json.loads((folder / CARD_JSON).read_text(encoding="utf-8"))
        names = ", ".join(dict.fromkeys(source["name"] for source in card["data"]))
        images = sum(source["images"] for source in card["data"])
        return f", {card['date']}: {images} images of {names}"
    return ""
