"""Prediction with nnU-Net's sliding window."""

import itertools
from typing import Any

import numpy as np
import torch
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager

from containers.base.segmentation.decode import Decoding
from containers.base.segmentation.device import Device
from containers.base.segmentation.predict import Predictor
from containers.base.segmentation.workers import Workers
from containers.nnunet.plan import OVERRIDDEN, Plan, quiet

BAND_ROWS = 512
AXES = (2, 3)
VIEWS = tuple(axes for count in range(3) for axes in itertools.combinations(AXES, count))


class SlidingWindow(Predictor[Decoding]):
    """The shared predictor, looking at an image through nnU-Net's windows.

    They have the plan's patch size and overlap by `viewing.overlap` (nnU-Net: 0.5), their logits
    are blended with a Gaussian, an image smaller than a patch is filled up with zeros.
    """

    def __init__(
        self, network: torch.nn.Module, *arguments: Any, plan: Plan, **options: Any
    ) -> None:
        super().__init__(network, *arguments, **options)
        self._windows = _Windows(network, plan, self.viewing.overlap, self._device, self._workers)

    def look(self, image: np.ndarray, *, plainly: bool = False) -> np.ndarray:
        """The maps (M×h×w float16) of an h×w×3 uint8 image that has its working size already.

        `plainly`: not mirrored, whatever `viewing.tta` says.
        """
        self._windows.use_mirroring = self.viewing.tta == "flips" and not plainly
        self._windows.network.decoder.deep_supervision = False
        planes = torch.from_numpy(image).permute(2, 0, 1)[:, None].float() / 255
        with quiet():
            logits = self._windows.predict_sliding_window_return_logits(planes)[:, 0]
        maps = np.empty((self.task.maps, *image.shape[:2]), np.float16)
        for top in range(0, image.shape[0], BAND_ROWS):
            rows = slice(top, top + BAND_ROWS)
            maps[:, rows] = self.task.activate(logits[None, :, rows])[0].cpu().numpy()
        return maps


class _Windows(nnUNetPredictor):
    """nnU-Net's predictor; the mirror images of a window are worked on at the same time."""

    def __init__(
        self,
        network: torch.nn.Module,
        plan: Plan,
        overlap: float,
        device: Device,
        workers: Workers,
    ) -> None:
        with quiet():
            super().__init__(
                tile_step_size=1 - overlap,
                perform_everything_on_device=device.is_cuda,
                device=device.device,
                allow_tqdm=False,
            )
            plans = PlansManager(plan.plans)
            self.manual_initialization(
                network,
                plans,
                plans.get_configuration(OVERRIDDEN),
                None,
                plan.dataset,
                "CellTrainer",
                (0, 1),
            )
        self._device, self._workers = device, workers

    def _internal_maybe_mirror_and_predict(self, x: torch.Tensor) -> torch.Tensor:
        views = VIEWS if self.use_mirroring else VIEWS[:1]
        found = self._workers.map(lambda axes: self._view(x, axes), views)
        return sum(found[1:], found[0]) / len(found)

    def _view(self, x: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
        with torch.inference_mode(), self._device.autocast():
            logits: torch.Tensor = self.network(x.flip(axes))
            return logits.float().flip(axes)
