"""What SAC learns and how its maps, prompts and masks become cells."""

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, model_validator

from containers.base.segmentation.decode import Decoding, instances
from containers.sac.losses import maps_loss, masks_loss
from containers.sac.network import Seen
from containers.sac.prompts import build_prompts, draw_prompts, low_cores
from containers.sac.settings import Accepting, TaskSettings
from containers.sac.targets import cell_maps
from contract import take


class SacDecoding(BaseModel, frozen=True):
    """How maps become seeds and regions, and what is asked of a mask to replace a region."""

    regions: Decoding
    accepting: Accepting

    @model_validator(mode="before")
    @classmethod
    def _in_parts(cls, values: Any) -> Any:
        """Earlier weights keep all numbers side by side."""
        if "accepting" in values:
            return values
        accepting = {key: value for key, value in values.items() if key in Accepting.model_fields}
        regions = {key: value for key, value in values.items() if key not in accepting}
        return {"regions": regions, "accepting": accepting}


class PromptTask(TaskSettings):
    """Maps, prompts and masks, as the training loop and the predictor see them (`task.Task`)."""

    loss_name: ClassVar[str] = (
        "cross-entropy + Dice + L1 (maps), cross-entropy + Dice (masks), L2 (IoU)"
    )
    maps: ClassVar[int] = 2
    """Maps that are kept: how sure the core of a cell is, and the foreground."""

    def encode(self, labels: np.ndarray) -> np.ndarray:
        """H×W labels to 3×H×W float32; see `targets.cell_maps`."""
        return cell_maps(labels)

    def loss(self, seen: Seen, target: torch.Tensor) -> torch.Tensor:
        """Of the maps and of the masks for prompts drawn on each crop; `target` is B×3×H×W."""
        labels, depth, closeness = target.unbind(1)
        total = maps_loss(seen.maps, labels > 0, depth, closeness)
        cores = _cores(seen.maps.detach()).cpu().numpy()
        deep = depth.cpu().numpy()
        side = 4 * seen.embedding.shape[-1]
        for index in range(len(target)):
            crop = labels[index].cpu().numpy().astype(np.int32)
            drawn = draw_prompts(crop, deep[index], cores[index], self.wrong_prompts)
            cells = drawn.points[: drawn.cells]
            chosen = np.r_[: min(drawn.cells, self.prompts), drawn.cells : len(drawn.points)]
            if not len(chosen):
                continue
            points, numbers = drawn.points[chosen], drawn.numbers[chosen]
            prompts = build_prompts(points, cells, (crop > 0) * 1.0, self.reach)
            known = low_cores(drawn.cores, numbers, points, side)
            logits, iou = seen.masks(
                index,
                *(
                    torch.from_numpy(each).to(target.device)
                    for each in (prompts.points, prompts.kinds, known)
                ),
            )
            wanted = labels[index][None] == torch.from_numpy(numbers).to(labels).view(-1, 1, 1)
            total = total + masks_loss(logits, iou, wanted.float(), self.entropy_weight) / len(
                target
            )
        return total

    def activate(self, seen: Seen) -> torch.Tensor:
        """B×2×H×W float32: how sure the core of a cell is, and the foreground probability."""
        foreground = seen.maps[:, 0].float().sigmoid()
        return torch.stack([_cores(seen.maps), foreground], 1)

    def decode(
        self, maps: np.ndarray, shape: tuple[int, int], decoding: SacDecoding, scale: float
    ) -> np.ndarray:
        """The watershed regions alone; see `decode.instances`."""
        return instances(maps, shape, decoding.regions, scale)

    def first_decoding(self) -> SacDecoding:
        """What is used until validation has chosen."""
        return SacDecoding(
            regions=Decoding(core=0.4, grow=self.grow, smallest_cell=self.smallest_cell),
            accepting=take(self.model_dump(), Accepting),
        )

    def decodings(self) -> list[SacDecoding]:
        """The candidates among which the validation images choose."""
        first = self.first_decoding()
        return [
            SacDecoding(
                regions=replace(first.regions, core=core, foreground=foreground),
                accepting=first.accepting,
            )
            for core in (0.2, 0.3, 0.4)
            for foreground in (0.4, 0.5)
        ]


def _cores(logits: torch.Tensor) -> torch.Tensor:
    """B×H×W in [0, 1]: the smaller of closeness and depth, where there is foreground."""
    probability = logits.float().sigmoid()
    return torch.minimum(probability[:, 1], probability[:, 2]) * probability[:, 0]
