"""Meta's SAM from the package segment-anything, at any size."""

import importlib.util
import sys
from functools import partial
from types import ModuleType
from typing import Any

import torch

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Of the RGB values 0..255, as SAM was trained."""


def sam_modules() -> Any:
    """`segment_anything.modeling`, imported past the package's front door.

    The front door imports torchvision, which is not needed here and does not import beside a CPU
    build of torch.
    """
    name = "segment_anything"
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.submodule_search_locations is None:
            raise ModuleNotFoundError("segment-anything is not installed")
        package = ModuleType(name)
        package.__path__ = list(spec.submodule_search_locations)
        sys.modules[name] = package
    return importlib.import_module(f"{name}.modeling")


def build_sam(
    *,
    image_size: int,
    patch: int,
    width: int,
    depth: int,
    heads: int,
    global_blocks: list[int],
    window: int,
    embedding: int,
    decoder_mlp: int,
    decoder_heads: int,
) -> Any:
    """A `segment_anything.modeling.Sam` with random weights.

    1024, 16, 768, 12, 12, [2, 5, 8, 11], 14, 256, 2048, 8 is Meta's ViT-B. The image encoder takes
    B×3×`image_size`×`image_size` normalised pixels and gives B×`embedding`×t×t with t =
    `image_size` / `patch`; the mask decoder gives masks of 4t×4t.
    """
    modeling = sam_modules()
    tokens = image_size // patch
    return modeling.Sam(
        image_encoder=modeling.ImageEncoderViT(
            img_size=image_size,
            patch_size=patch,
            embed_dim=width,
            depth=depth,
            num_heads=heads,
            mlp_ratio=4,
            out_chans=embedding,
            qkv_bias=True,
            norm_layer=partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=window,
            global_attn_indexes=tuple(global_blocks),
        ),
        prompt_encoder=modeling.PromptEncoder(
            embed_dim=embedding,
            image_embedding_size=(tokens, tokens),
            input_image_size=(image_size, image_size),
            mask_in_chans=16,
        ),
        mask_decoder=modeling.MaskDecoder(
            num_multimask_outputs=3,
            transformer=modeling.TwoWayTransformer(
                depth=2, embedding_dim=embedding, mlp_dim=decoder_mlp, num_heads=decoder_heads
            ),
            transformer_dim=embedding,
            iou_head_depth=3,
            iou_head_hidden_dim=embedding,
        ),
        pixel_mean=list(MEAN),
        pixel_std=list(STD),
    )
