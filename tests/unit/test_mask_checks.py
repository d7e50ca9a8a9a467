"""Masks that do not hold what their author meant, each looked at alone."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contract import read_mask
from evaluator.overlap.mask_checks import check_mask
from evaluator.overlap.table import overlap_table

SIDE = 240


def grid(step: int = 12, radius: int = 4, side: int = SIDE) -> np.ndarray:
    """Discs on a grid, ids 1 to n; a step of 12 gives 400 of them."""
    rows, columns = np.mgrid[:side, :side]
    inside = (rows % step - step // 2) ** 2 + (columns % step - step // 2) ** 2 <= radius**2
    number = rows // step * (side // step) + columns // step + 1
    return np.where(inside, number, 0)


def said_of(labels: np.ndarray) -> tuple[str, ...]:
    return check_mask(labels, overlap_table(labels).truth)


FEW = grid(step=60, radius=20)
MANY = grid()


def jpeg(labels: np.ndarray) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(labels.astype(np.uint8)).save(stream, "JPEG", quality=90)
    return np.asarray(Image.open(stream))


def resized(labels: np.ndarray, how: Image.Resampling) -> np.ndarray:
    small = Image.fromarray(labels.astype(np.uint8))
    return np.asarray(small.resize((SIDE * 3 // 4, SIDE * 3 // 4), how))


SUSPICIOUS: dict[str, tuple[Callable[[], np.ndarray], str]] = {
    "foreground": (lambda: (FEW > 0).astype(np.uint8), "one id, 1, lies over 16 separate pieces"),
    "foreground of 255": (lambda: (FEW > 0).astype(np.uint8) * 255, "one id, 255, lies over 16"),
    "two pieces": (lambda: np.where((FEW == 1) | (FEW == 9), 7, 0), "one id, 7, lies over 2"),
    "classes": (lambda: np.where(FEW > 0, FEW % 3 + 1, 0), "3 ids lie over 16 separate pieces"),
    "wrapped": (lambda: (MANY % 256).astype(np.uint8), "144 of 255 ids lie in several"),
    "wrapped, no 255": (lambda: MANY % 200, "200 of 199 ids|of 199 ids lie in several"),
    "cut at 255": (lambda: np.minimum(MANY, 255).astype(np.uint8), "255.* and it lies in several"),
    "cut at 65535": (
        lambda: np.where(MANY > 0, np.minimum(MANY + 65400, 65535), 0).astype(np.uint16),
        "65535, the last one that 16 bits hold and it lies in several",
    ),
    "spread for display": (lambda: FEW * 255 // 16, "16 ids are spread evenly up to 255"),
    "spread too thin": (lambda: MANY * 255 // 400, "the highest id is 255"),
    "turned": (lambda: np.where(FEW > 0, 0, 255), "one id, 255, surrounds 16 pieces of 0"),
    "background of 1": (lambda: FEW + 1, "no pixel is 0, and the id 1 surrounds"),
    "white is zero": (lambda: (255 - FEW).astype(np.uint8), "255 surrounds.*white as zero"),
    "white is zero, 16 bits": (lambda: (65535 - MANY).astype(np.uint16), "65535 surrounds"),
    "JPEG": (lambda: jpeg(FEW * 15), "are scattered over single pixels"),
    "JPEG of many": (lambda: jpeg(MANY // 2), "are scattered over single pixels"),
    "bilinear": (lambda: resized(FEW * 15, Image.Resampling.BILINEAR), "are scattered"),
    "bicubic": (lambda: resized(FEW * 15, Image.Resampling.BICUBIC), "are scattered"),
    "sparse ids": (
        lambda: np.where(MANY > 0, MANY.astype(np.uint64) % 100 + 2**60, 0).astype(np.uint64),
        "100 of 100 ids lie in several",
    ),
}


@pytest.mark.parametrize("kind", SUSPICIOUS)
def test_what_is_suspicious_is_said(kind: str) -> None:
    make, expected = SUSPICIOUS[kind]
    said = said_of(make())
    assert any(re.search(expected, text) for text in said), said


ORDINARY: dict[str, Callable[[], np.ndarray]] = {
    "few": lambda: FEW,
    "many": lambda: MANY,
    "empty": lambda: np.zeros((SIDE, SIDE), np.uint8),
    "no pixels": lambda: np.zeros((0, 5), np.uint8),
    "one cell": lambda: (FEW == 3).astype(np.uint8),
    "one cell with a crumb": lambda: np.where(
        FEW == 3, 1, (np.arange(SIDE * SIDE).reshape(SIDE, SIDE) == 40) * 1
    ),
    "one cell everywhere": lambda: np.ones((SIDE, SIDE), np.uint8),
    "cells everywhere": lambda: np.arange(SIDE)[:, None] // 12 * 20 + np.arange(SIDE) // 12 + 1,
    "a few in pieces": lambda: np.where(MANY == 400, 1, np.where(MANY == 390, 5, MANY)),
    "resized by nearest": lambda: resized(FEW, Image.Resampling.NEAREST),
    "scaled ids": lambda: FEW * 10,
    "sparse ids": lambda: np.where(FEW > 0, FEW.astype(np.uint64) * 2**58, 0),
    "diagonal lines": lambda: np.add.outer(np.arange(SIDE), np.arange(SIDE)) // 40,
    "signed": lambda: MANY.astype(np.int16),
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_nothing_is_said_of_ordinary_masks(kind: str) -> None:
    assert said_of(ORDINARY[kind]()) == ()


def test_nothing_is_said_of_real_masks(shared: Path) -> None:
    masks = sorted((shared / "data/cells").glob("*/labels/*"))
    assert len(masks) > 200
    assert {path.name: said_of(read_mask(path)) for path in masks} == {
        path.name: () for path in masks
    }
