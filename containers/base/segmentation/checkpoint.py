"""The state of a training, written so that a kill at any moment loses little and breaks nothing."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from containers.base.segmentation.schedule import WindDown
from containers.base.segmentation.tensors import own_tensors
from contract import write_aside
from contract.schema import Stopped

FILE = "state.pt"


@dataclass(kw_only=True)
class Progress:
    """All of a training's state that is no tensor."""

    step: int = 0
    """Steps done; also the position of the crop sampler, in batches."""
    size_step: int = 0
    """Steps done of the size network, which learns before the first of those."""
    size_seconds: float = 0.0
    pace_from: float = 0.0
    """Seconds at which the measuring of the speed began."""
    planned: int | None = None
    """Steps in all, where this machine is too slow for those asked for."""
    epoch: int = 0
    loss_sum: float = 0.0
    """Of the steps of the epoch under way, as is `loss_steps`."""
    loss_steps: int = 0
    final_loss: float | None = None
    start_f1: float | None = None
    """Of the weights that the training started from, where it did."""
    best_f1: float | None = None
    best_dice: float | None = None
    best_epoch: int | None = None
    worse: int = 0
    """Validations since the best one."""
    validated: list[list[float]] = field(default_factory=list)
    """F1 and Dice of the images done so far in the validation under way."""
    calibrated: list[list[float]] = field(default_factory=list)
    """For each validation image done so far the score of each candidate decoding."""
    stopped: Stopped | None = None
    wind_down: WindDown | None = None
    seconds: float = 0.0
    history_bytes: int = 0
    """Length of history.jsonl; what lies beyond is written again after a resume."""


class Resumable(Protocol):
    """All of a training's state that is tensors: a `State`, or a model's own."""

    def tensors(self) -> dict[str, Any]:
        """What `restore` takes: state dicts and tensors."""
        ...

    def restore(self, tensors: dict[str, Any]) -> None:
        """Sets everything to what it was."""
        ...


class State:
    """The state of the shared loop, the best weights so far among it."""

    def __init__(
        self,
        network: torch.nn.Module,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        beside: "State | None" = None,
    ) -> None:
        """`beside` is that of a network that learns in the same training."""
        self._network, self._optimiser, self._scaler = network, optimiser, scaler
        self._on_gpu = next(network.parameters()).is_cuda
        self._beside = beside
        self.best: dict[str, torch.Tensor] = {}

    def keep(self) -> None:
        """Makes the weights of this moment the best."""
        self.best = own_tensors(self._network)

    def tensors(self) -> dict[str, Any]:
        """What `restore` takes."""
        tensors = {
            "network": self._network.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "scaler": self._scaler.state_dict(),
            "random": torch.get_rng_state(),
            "best": self.best,
        }
        if self._beside is not None:
            tensors["beside"] = self._beside.tensors()
        if self._on_gpu:
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        return tensors

    def restore(self, tensors: dict[str, Any]) -> None:
        """Sets everything to what it was."""
        if self._beside is not None:
            self._beside.restore(tensors["beside"])
        self._network.load_state_dict(tensors["network"])
        self._optimiser.load_state_dict(tensors["optimiser"])
        self._scaler.load_state_dict(tensors["scaler"])
        torch.set_rng_state(tensors["random"])
        if self._on_gpu and "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"])
        self.best = tensors["best"]


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
