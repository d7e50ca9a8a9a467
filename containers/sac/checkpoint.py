"""Meta's published SAM weights, recognised by their hash and loaded at any input size."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import interpolate

from contract import CallError, sha256_file


@dataclass(frozen=True, kw_only=True)
class Published:
    """One of Meta's checkpoints and the encoder that it holds."""

    file: str
    sha256: str
    width: int
    depth: int
    heads: int
    global_blocks: tuple[int, ...]


PUBLISHED = (
    Published(
        file="sam_vit_b_01ec64.pth",
        sha256="ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912",
        width=768,
        depth=12,
        heads=12,
        global_blocks=(2, 5, 8, 11),
    ),
    Published(
        file="sam_vit_l_0b3195.pth",
        sha256="3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622",
        width=1024,
        depth=24,
        heads=16,
        global_blocks=(5, 11, 17, 23),
    ),
    Published(
        file="sam_vit_h_4b8939.pth",
        sha256="a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e",
        width=1280,
        depth=32,
        heads=16,
        global_blocks=(7, 15, 23, 31),
    ),
)


def recognise(path: Path, table: tuple[Published, ...] = PUBLISHED) -> Published:
    """The entry of `table` that has the file's sha256.

    Raises CallError when there is no such file, and when its hash is in no entry: a file that has
    the name of an entry is damaged, any other is unknown.
    """
    if not path.is_file():
        raise CallError(
            f"No checkpoint {path}.",
            why="the file is not there, or its folder is not mounted into the container",
            do="give the path that the container sees, or leave the setting checkpoint out",
        )
    found = sha256_file(path)
    for published in table:
        if published.sha256 == found:
            return published
    names = {published.file: published for published in table}
    if path.name in names:
        raise CallError(
            f"{path} has the sha256 {found}, not {names[path.name].sha256}.",
            why="the download broke off, or the file was changed",
            do="download it again",
        )
    raise CallError(
        f"{path} is none of the checkpoints known here: its sha256 is {found}.",
        why="only SAM's weights as Meta published them are taken",
        do="give one of " + ", ".join(names),
    )


def load_into(sam: Any, path: Path) -> None:
    """Fills a `Sam` without adapters from a file in Meta's format, whose code never runs.

    Position embeddings are interpolated where `sam` takes images of another size than the file's.
    Raises CallError when the rest does not fit.
    """
    wanted = sam.state_dict()
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        sam.load_state_dict(fitted(found, wanted))
    except (RuntimeError, KeyError) as error:
        raise CallError(
            f"The checkpoint {path} does not fit the network: {str(error).splitlines()[0]}",
            why="the network's settings are those of another SAM",
        ) from error


def fitted(
    found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]
) -> dict[str, torch.Tensor]:
    """`found` with its position embeddings resized to the shapes in `wanted`.

    The absolute ones (1×t×t×width) bicubically, those of global attention ((2t-1)×head) linearly.
    """
    state = dict(found)
    for name, tensor in found.items():
        shape = wanted[name].shape if name in wanted else tensor.shape
        if tensor.shape == shape:
            continue
        if name.endswith("pos_embed"):
            planes = tensor.permute(0, 3, 1, 2)
            state[name] = interpolate(
                planes, size=tuple(shape[1:3]), mode="bicubic", align_corners=False, antialias=True
            ).permute(0, 2, 3, 1)
        elif "rel_pos_" in name:
            state[name] = interpolate(tensor.T[None], size=shape[0], mode="linear")[0].T
    return state


def warn_from_scratch() -> None:
    """Says loudly that the encoder knows nothing yet."""
    print(
        "warning: no checkpoint is set: SAM starts from random weights (pretrained: none)",
        file=sys.stderr,
    )
