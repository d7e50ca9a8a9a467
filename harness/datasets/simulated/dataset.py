"""A simulated dataset in the challenge's folder layout."""

import csv
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from containers.base.simulated.image import SimulatedImage
from containers.base.simulated.modalities import (
    MODALITIES,
    RECIPES,
    SMALLEST_SIZE,
    simulate_image,
)
from contract import CallError, label_name, write_mask, write_text

Progress = Callable[[int, int, str], None]
"""Called as progress(done, total, message)."""

TRAINING, TUNING = "Training-labeled", "Tuning"
TUNING_SHARE = 4
"""One image in this many goes to Tuning."""
FEWEST_IMAGES = 4
MANIFEST_COLUMNS = ("image", "modality", "source", "cells", "height", "width")


def simulate_dataset(
    folder: Path,
    *,
    images: int = 24,
    size: int = 256,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Writes `images` labelled pictures of `size`×`size` px, a quarter of them for Tuning.

    Modalities take turns. Picture i depends on `seed`, i and `size` only; a larger dataset of the
    same seed holds the same pictures under the same names, which run through both parts.
    The folder appears when it is complete. Raises CallError, and writes nothing, for fewer than
    4 images, a size below 64 px, a negative seed, or a `folder` that holds something already.
    """
    folder = folder.resolve()
    _check_call(folder, images=images, size=size, seed=seed)
    tuning = tuning_indices(images)
    rows: dict[str, list[dict[str, str | int]]] = {TRAINING: [], TUNING: []}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".simulating-", dir=folder.parent) as aside:
        staging = Path(aside) / folder.name
        for part in rows:
            (staging / part / "images").mkdir(parents=True)
            (staging / part / "labels").mkdir()
        for index in range(images):
            part = TUNING if index in tuning else TRAINING
            row = _write_pair(staging / part, index, seed, size)
            rows[part].append(row)
            if progress:
                progress(index + 1, images, f"{row['image']} ({row['modality']})")
        for part, lines in rows.items():
            write_text(staging / part / "manifest.csv", _csv(lines))
        staging.replace(folder)


def tuning_indices(images: int) -> frozenset[int]:
    """Which of `images` pictures go to Tuning: a quarter, modalities taking turns there too.

    Of every four pictures, one per modality, one is taken; when the last four are not complete and
    lack the modality whose turn it is, the four before them give it.
    """
    turn = len(MODALITIES)
    chosen = (turn * block + block % turn for block in range(round(images / TUNING_SHARE)))
    return frozenset(index if index < images else index - turn for index in chosen)


def _check_call(folder: Path, *, images: int, size: int, seed: int) -> None:
    if images < FEWEST_IMAGES:
        raise CallError(
            f"A simulated dataset of {images} images is too small.",
            "it holds at least one image of each of the four modalities",
            f"ask for {FEWEST_IMAGES} images or more",
        )
    if size < SMALLEST_SIZE:
        raise CallError(
            f"Simulated images of {size} px are too small.",
            "no outline of a cell would be told from its neighbour's",
            f"ask for a size of {SMALLEST_SIZE} px or more",
        )
    if seed < 0:
        raise CallError(
            f"The seed {seed} is negative.",
            "the random generator takes whole numbers from 0 on",
            "choose another seed",
        )
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise CallError(
            f"{folder} exists and is not an empty folder.",
            "an earlier dataset or other files are there, and nothing is overwritten",
            "name a new folder, or remove this one first",
        )


def _write_pair(part: Path, index: int, seed: int, size: int) -> dict[str, str | int]:
    """Draws picture `index`, writes it with its labels below `part`, returns its manifest row."""
    modality = MODALITIES[index % len(MODALITIES)]
    recipe = RECIPES[modality]
    picture = simulate_image(modality, (seed, index), size)
    suffix = recipe.suffixes[index // len(MODALITIES) % len(recipe.suffixes)]
    name = f"cell_{index + 1:05d}{suffix}"
    _write_image(part / "images" / name, picture)
    write_mask(part / "labels" / label_name(name), picture.labels)
    return {
        "image": name,
        "modality": recipe.title,
        "source": f"simulated {recipe.title}",
        "cells": int(picture.labels.max()),
        "height": size,
        "width": size,
    }


def _write_image(path: Path, picture: SimulatedImage) -> None:
    if path.suffix == ".tif":
        import tifffile

        tifffile.imwrite(path, picture.pixels, photometric="minisblack", metadata=None)
    else:
        from PIL import Image

        Image.fromarray(picture.pixels).save(path)


def _csv(rows: list[dict[str, str | int]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, MANIFEST_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
