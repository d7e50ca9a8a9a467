"""From images to a plan: nnU-Net's fingerprint, planning and preprocessing, in this process."""

import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from multiprocessing.pool import ThreadPool
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from pydantic import TypeAdapter

from containers.base.segmentation.settings import LoopSettings
from containers.nnunet.border_core import BorderCore
from containers.nnunet.dataset import NAME, write_dataset, write_split
from containers.nnunet.settings import PlanSettings
from contract import CallError, TrainCall, write_json

if TYPE_CHECKING:
    import torch

PLANNED, OVERRIDDEN = "2d", "cellbench"
"""Configurations of the plan: nnU-Net's own, and the one with what the profile sets."""
INTENSITIES = 5e6
"""Pixels of cells whose intensities the fingerprint describes. nnU-Net's 1e8 take 4 GB, for figures
that images in 0..255 make no use of."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What nnU-Net planned; all that its network and its sliding window need."""

    plans: dict[str, Any]
    """nnUNetPlans.json, with the configuration `OVERRIDDEN`."""
    dataset: dict[str, Any]
    """dataset.json."""
    seconds: float = field(default=0.0, compare=False)
    """What making it took."""

    @classmethod
    def kept(cls, values: Mapping[str, Any]) -> Self:
        """The plan among what was kept with the weights; ValidationError when there is none."""
        return TypeAdapter(cls).validate_python(values)

    @property
    def configuration(self) -> dict[str, Any]:
        """The configuration that is trained, with what it inherits."""
        configurations = self.plans["configurations"]
        return {**configurations[PLANNED], **configurations[OVERRIDDEN]}

    @property
    def patch(self) -> tuple[int, int]:
        """Height and width of a training patch, working pixels."""
        height, width = self.configuration["patch_size"]
        return int(height), int(width)


def prepare(
    call: TrainCall, settings: LoopSettings, task: BorderCore, layout: PlanSettings
) -> tuple[Plan, Path]:
    """The plan for `call`, and the folder that holds nnU-Net's three folders.

    Made once; a call that resumes finds it in its checkpoint folder.
    """
    root = call.checkpoint / "nnunet"
    done = root / "prepared.json"
    if not done.exists():
        start = time.monotonic()
        shutil.rmtree(root, ignore_errors=True)
        call.progress(0, 0, "writing nnU-Net's dataset")
        with nnunet_folders(root):
            cases = write_dataset(root / "raw", call.pairs, settings, task, call.threads)
            call.progress(0, 0, "fingerprint, plan and preprocessing")
            plans = _plan(root, layout, call.threads)
            write_split(root / "preprocessed", cases)
        dataset = json.loads((root / "raw" / NAME / "dataset.json").read_text())
        del dataset["dataset"]
        shutil.rmtree(root / "raw")
        seconds = round(time.monotonic() - start, 2)
        write_json(done, {"plans": plans, "dataset": dataset, "seconds": seconds})
    return Plan(**json.loads(done.read_text(encoding="utf-8"))), root


@contextmanager
def nnunet_folders(root: Path) -> Iterator[None]:
    """nnU-Net's environment: its folders below `root`, and no worker processes.

    It refuses to plan with 0 processes for augmentation, and to train without any it needs 0:
    `CellTrainer` sets that itself.
    """
    folders = {f"nnUNet_{name}": str(root / name) for name in ("raw", "preprocessed", "results")}
    with variables({**folders, "nnUNet_n_proc_DA": "1", "nnUNet_compile": "f"}):
        yield


@contextmanager
def variables(values: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _plan(root: Path, layout: PlanSettings, threads: int) -> dict[str, Any]:
    """nnU-Net's three steps; returns the plan, which is on the disk too."""
    from nnunetv2.experiment_planning.dataset_fingerprint import fingerprint_extractor
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import (
        ExperimentPlanner,
    )
    from nnunetv2.preprocessing.preprocessors import default_preprocessor

    with in_threads(fingerprint_extractor), in_threads(default_preprocessor), quiet():
        extractor = fingerprint_extractor.DatasetFingerprintExtractor(NAME, threads)
        extractor.show_progress_bar = False
        extractor.num_foreground_voxels_for_intensitystats = INTENSITIES
        extractor.run()
        planner = ExperimentPlanner(NAME)
        planner.plan_experiment()
        path = root / "preprocessed" / NAME / f"{planner.plans_identifier}.json"
        plans: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        planned = plans["configurations"][PLANNED]
        plans["configurations"][OVERRIDDEN] = _overrides(planned, layout)
        write_json(path, plans)
        preprocessor = default_preprocessor.DefaultPreprocessor(verbose=False)
        preprocessor.show_progress_bar = False
        preprocessor.run(NAME, OVERRIDDEN, planner.plans_identifier, threads)
    return plans


def _overrides(planned: Mapping[str, Any], layout: PlanSettings) -> dict[str, Any]:
    """A configuration that inherits what nnU-Net planned and replaces what `layout` sets."""
    changed: dict[str, Any] = {"inherits_from": PLANNED}
    if layout.batch_size is not None:
        changed["batch_size"] = layout.batch_size
    if layout.crop is not None:
        changed["patch_size"] = [layout.crop] * 2
    if layout.features is None and layout.crop is not None:
        reduction = math.prod(
            max(pair) for pair in planned["architecture"]["arch_kwargs"]["strides"]
        )
        if layout.crop % reduction:
            raise CallError(
                f"The setting crop is {layout.crop}, and must be a multiple of {reduction} here.",
                f"the network that nnU-Net planned halves patches down to a part in {reduction}",
                "set crop to such a multiple or to null, or set features",
            )
    if layout.features is not None:
        stages = len(layout.features)
        arguments = {
            **planned["architecture"]["arch_kwargs"],
            "n_stages": stages,
            "features_per_stage": list(layout.features),
            "kernel_sizes": [[3, 3]] * stages,
            "strides": [[1, 1]] + [[2, 2]] * (stages - 1),
            "n_conv_per_stage": [layout.encoder_convolutions] * stages,
            "n_conv_per_stage_decoder": [layout.decoder_convolutions] * (stages - 1),
        }
        changed["architecture"] = {**planned["architecture"], "arch_kwargs": arguments}
    return changed


@contextmanager
def in_threads(module: Any) -> Iterator[None]:
    """Gives a module of nnU-Net threads where it would start a pool of processes.

    Its pools copy the whole program per process, and fail with a small /dev/shm.
    """
    processes = module.multiprocessing
    pools = SimpleNamespace(Pool=ThreadPool)
    module.multiprocessing = SimpleNamespace(get_context=lambda method: pools)
    try:
        yield
    finally:
        module.multiprocessing = processes


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps what nnU-Net prints away from stdout, which carries events."""
    with redirect_stdout(StringIO()):
        yield


def build_network(plan: Plan, deep_supervision: bool) -> "torch.nn.Module":
    """The plan's network: B×3×H×W images in [0, 1] to B×3×H×W logits.

    With deep supervision to a list of them, finest first. H and W must be multiples of the product
    of the plan's strides. Needs no more of nnU-Net than its builder of networks.
    """
    from nnunetv2.utilities.get_network_from_plans import get_network_from_plans

    architecture = plan.configuration["architecture"]
    network: torch.nn.Module = get_network_from_plans(
        architecture["network_class_name"],
        architecture["arch_kwargs"],
        architecture["_kw_requires_import"],
        3,
        len(plan.dataset["labels"]),
        allow_init=True,
        deep_supervision=deep_supervision,
    )
    return network
