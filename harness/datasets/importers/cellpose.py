"""Cellpose's and Omnipose's layout: masks beside their images, told by the ends of their names."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from harness.datasets.importers.files import below, is_image, nothing, side_of, walk
from harness.datasets.importers.record import Choices, Left, Record, Truth
from harness.datasets.importers.seg_npy import read_seg_npy

ENDINGS = ("_masks", "_cp_masks", "_seg")
"""In the order in which they are taken."""
NO_IMAGES = ("_flows", "_outlines", "_links", *ENDINGS)


def recognise(source: Path) -> str | None:
    """A mask by one of its names."""
    if not source.is_dir():
        return None
    found = next((path for path in walk(source) if _is_mask(path)), None)
    return f"{below(source, found)} is named as Cellpose names masks" if found else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """<name>_masks.tif or .png, else <name>_cp_masks.png, else <name>_seg.npy, beside <name>.

    The image may end in _img, as in Cellpose's own data. Folders named train and test are the
    split. Raises CallError when there is no mask.
    """
    files = walk(source)
    masks = [path for path in files if _is_mask(path)]
    if not masks:
        raise nothing(source, "Cellpose", "<name>_masks.tif, <name>_cp_masks.png or <name>_seg.npy")
    images: dict[Path, list[Path]] = {}
    for path in files:
        bare = path.with_suffix("")
        if is_image(path) and not bare.name.endswith(NO_IMAGES):
            images.setdefault(bare.with_name(bare.name.removesuffix("_img")), []).append(path)
    of_image: dict[Path, list[Path]] = {}
    for mask in masks:
        of_image.setdefault(_image_stem(mask), []).append(mask)
    for bare, found in images.items():
        labels = sorted(of_image.pop(bare, []), key=_rank)
        name = below(source, found[0])
        if len(found) > 1:
            names = " and ".join(path.name for path in found)
            yield Left(name=name, reason=f"several images of one name: {names}")
        elif not labels:
            yield Left(name=name, reason="no mask")
        else:
            label = labels[0]
            yield Record(
                original=name,
                image=found[0],
                label=partial(_seg, label) if label.suffix == ".npy" else label,
                files=(label,),
                side=side_of(found[0].parent.name),
            )
    for rest in of_image.values():
        yield from (
            Left(name=below(source, path), reason="a mask without an image") for path in rest
        )


def _seg(path: Path, size: tuple[int, int]) -> Truth:
    return Truth(labels=read_seg_npy(path))


def _is_mask(path: Path) -> bool:
    if path.suffix == ".npy":
        return path.stem.endswith("_seg")
    return path.suffix.lower() in (".tif", ".tiff", ".png") and path.stem.endswith("_masks")


def _rank(path: Path) -> int:
    return max(index for index, end in enumerate(ENDINGS) if path.stem.endswith(end))


def _image_stem(mask: Path) -> Path:
    bare = mask.with_suffix("")
    name = bare.name.removesuffix(ENDINGS[_rank(mask)]).removesuffix("_img")
    return bare.with_name(name)
