"""The state of a training, written so that a kill at any moment loses little and breaks nothing."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from containers.base.segmentation.schedule import WindDown
from contract import write_aside

FILE = "state.pt"


@dataclass(kw_only=True)
class Progress:
    """All of a training's state that is no tensor."""

    step: int = 0
    """Steps done; also the position of the crop sampler, in batches."""
    epoch: int = 0
    loss_sum: float = 0.0
    """Of the steps of the epoch under way, as is `loss_steps`."""
    loss_steps: int = 0
    final_loss: float | None = None
    best_f1: float | None = None
    best_dice: float | None = None
    best_epoch: int | None = None
    worse: int = 0
    """Validations since the best one."""
    validated: list[list[float]] = field(default_factory=list)
    """F1 and Dice of the images done so far in the validation under way."""
    calibrated: list[list[float]] = field(default_factory=list)
    """For each validation image done so far the score of each candidate decoding."""
    stopped: str | None = None
    wind_down: WindDown | None = None
    seconds: float = 0.0
    history_bytes: int = 0
    """Length of history.jsonl; what lies beyond is written again after a resume."""


def save(folder: Path, progress: Progress, tensors: dict[str, Any]) -> None:
    """Writes both into `folder` in one step; `tensors` are state dicts and tensors."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {"progress": json.dumps(asdict(progress)), **tensors}
    write_aside(folder / FILE, lambda path: torch.save(state, path))


def load(folder: Path) -> tuple[Progress, dict[str, Any]] | None:
    """What `save` wrote, on the CPU; None when there is none. Never runs code from the file."""
    path = folder / FILE
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    values = json.loads(state.pop("progress"))
    if values["wind_down"] is not None:
        values["wind_down"] = WindDown(**values["wind_down"])
    return Progress(**values), state
