"""SAM with adapters and a prompt generator, as one network."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from containers.sac.checkpoint import Published, load_into, recognise, warn_from_scratch
from containers.sac.generator import Generator
from containers.sac.lora import add_lora, freeze_all_but_lora
from containers.sac.sam import build_sam
from containers.sac.settings import NetworkSettings, Pretraining
from contract import CallError

KNOWN = 8.0
"""Logit of a mask prompt inside the core, and less outside."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the network makes of a batch of images."""

    maps: torch.Tensor
    """B×3×H×W logits; see `generator.OUTPUTS`."""
    embedding: torch.Tensor
    """B×C×t×t, what the mask decoder reads."""
    network: "SegmentAnyCell"
    precision: torch.dtype | None
    """Of the autocast in which the images were seen."""

    def masks(
        self, index: int, points: torch.Tensor, kinds: torch.Tensor, cores: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """`SegmentAnyCell.masks` for image `index`, in the precision of the rest."""
        device = self.embedding.device.type
        context = (
            nullcontext()
            if self.precision is None
            else torch.autocast(device, dtype=self.precision)
        )
        with context:
            return self.network.masks(self.embedding[index : index + 1], points, kinds, cores)


class SegmentAnyCell(torch.nn.Module):
    """Maps from which prompts are drawn, and masks for prompts.

    Takes B×3×H×W images in [0, 1] with H, W at most `image_size`; a smaller one is filled up by
    mirroring, as training crops are.
    """

    def __init__(self, settings: NetworkSettings, sam: Any, *, encoder_learns: bool) -> None:
        super().__init__()
        self.image_size = settings.image_size
        self.sam = sam
        add_lora(sam.image_encoder, settings.lora_rank)
        if not encoder_learns:
            freeze_all_but_lora(sam.image_encoder)
            for weight in sam.prompt_encoder.parameters():
                weight.requires_grad = False
        self.generator = Generator(settings.generator_channels, settings.embedding)

    def forward(self, images: torch.Tensor) -> Seen:
        """The maps have the images' height and width."""
        height, width = images.shape[-2:]
        levels, embedding = self._look(images)
        device = images.device.type
        precision = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else None
        return Seen(
            maps=self.generator.maps(levels)[..., :height, :width],
            embedding=self.generator.enrich(levels, embedding),
            network=self,
            precision=precision,
        )

    def embed(self, images: torch.Tensor) -> torch.Tensor:
        """Only the embedding, B×C×t×t."""
        levels, embedding = self._look(images)
        return self.generator.enrich(levels, embedding)

    def masks(
        self,
        embedding: torch.Tensor,
        points: torch.Tensor,
        kinds: torch.Tensor,
        cores: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One mask for each of N prompts on one image.

        `embedding` is 1×C×t×t; `points` N×P×2 float32, x and y in working pixels; `kinds` N×P: 1
        inside the cell, 0 outside, -1 no point; `cores` N×4t×4t bool, the part of each cell that is
        known already, for SAM's mask prompt. Returns logits of N×4t×4t (above 0: cell) and the IoU,
        N, that the decoder expects of each.
        """
        known = (cores[:, None].float() * 2 - 1) * KNOWN
        encoder = self.sam.prompt_encoder
        with torch.autocast(embedding.device.type, enabled=False):  # bf16 would move the points
            sparse, dense = encoder(points=(points.float(), kinds), boxes=None, masks=known)
            positions = encoder.get_dense_pe()
        logits, iou = self.sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=positions,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=False,
        )
        return logits[:, 0], iou[:, 0]

    def _look(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        pixels = self.normalise(_filled_up(images, self.image_size))
        embedding = self.sam.image_encoder(pixels)
        return self.generator.look(pixels, embedding), embedding

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """[0, 1] to what SAM was trained on: 0..255, less its mean, over its deviation."""
        pixels: torch.Tensor = (images * 255 - self.sam.pixel_mean) / self.sam.pixel_std
        return pixels


def build_network(
    settings: NetworkSettings, pretraining: Pretraining | None = None
) -> SegmentAnyCell:
    """The network; SAM starts from the checkpoint if one is set.

    Raises CallError for a checkpoint that is unknown, damaged or of another layout.
    """
    sam = build_sam(
        image_size=settings.image_size,
        patch=settings.patch,
        width=settings.width,
        depth=settings.depth,
        heads=settings.heads,
        global_blocks=settings.global_blocks,
        window=settings.window,
        embedding=settings.embedding,
        decoder_mlp=settings.decoder_mlp,
        decoder_heads=settings.decoder_heads,
    )
    start = pretraining or Pretraining()
    if start.checkpoint is not None:
        load_into(sam, Path(start.checkpoint))
    return SegmentAnyCell(settings, sam, encoder_learns=start.encoder_learns)


def pretrained(settings: NetworkSettings, pretraining: Pretraining) -> str:
    """What training.json says: file and sha256 of the checkpoint, or "none".

    Raises CallError for a checkpoint that is none of Meta's, or belongs to another encoder.
    """
    if pretraining.checkpoint is None:
        warn_from_scratch()
        return "none"
    published = recognise(Path(pretraining.checkpoint))
    _refuse_other_layout(settings, published)
    return f"{published.file} sha256:{published.sha256}"


def _refuse_other_layout(settings: NetworkSettings, published: Published) -> None:
    wanted = {
        "width": published.width,
        "depth": published.depth,
        "heads": published.heads,
        "global_blocks": list(published.global_blocks),
        "patch": 16,
        "window": 14,
        "embedding": 256,
        "decoder_mlp": 2048,
        "decoder_heads": 8,
    }
    wrong = {key: value for key, value in wanted.items() if getattr(settings, key) != value}
    if wrong:
        raise CallError(
            f"{published.file} holds another network than the settings describe.",
            why="they differ in " + ", ".join(wrong),
            do="use the profile report, with "
            + " ".join(f"--set {key}={value}" for key, value in wrong.items()),
        )


def _filled_up(images: torch.Tensor, side: int) -> torch.Tensor:
    for axis in (2, 3):
        size = images.shape[axis]
        if size < side:
            index = np.pad(np.arange(size), (0, side - size), mode="symmetric")
            images = images.index_select(axis, torch.from_numpy(index).to(images.device))
    return images
