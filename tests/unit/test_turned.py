"""Labels that were drawn on the picture as a viewer turns it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from contract import ExitCode, write_mask
from harness.datasets.check import check_dataset
from harness.datasets.turned import fits_turned, turned
from tests.datasets import cells
from tests.image_files import GREY, pages

SIDE = 48
PICTURE, LABELS = cells(SIDE)


def picture(folder: Path, pixels: np.ndarray, orientation: int) -> Path:
    path = folder / "x.tif"
    path.write_bytes(pages(pixels, extratags=[(274, 3, 1, orientation, True)]))
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_are_turned_as_viewers_do(tmp_path: Path, orientation: int) -> None:
    block = Image.Exif()
    block[274] = orientation
    Image.fromarray(GREY).save(tmp_path / "x.png", exif=block)
    with Image.open(tmp_path / "x.png") as image:
        shown = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(turned(GREY, orientation), shown)


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("square", [True, False])
def test_a_label_that_fits_the_turned_picture_is_told(orientation: int, square: bool) -> None:
    grey, labels = (PICTURE, LABELS) if square else (PICTURE[:40], LABELS[:40])
    pixels = np.stack([grey] * 3, axis=-1)
    assert fits_turned(pixels, turned(labels, orientation), orientation)
    assert not fits_turned(pixels, labels, orientation)
    assert not fits_turned(pixels, labels, 1)
    assert not fits_turned(np.zeros_like(pixels), labels, 3)


def test_data_check_names_turned_and_odd_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("Training-labeled", "Tuning"):
        for kind in ("images", "labels"):
            (tmp_path / part / kind).mkdir(parents=True)
    images, labels = tmp_path / "Tuning/images", tmp_path / "Tuning/labels"
    files = {
        "upright": (PICTURE, 1, LABELS),
        "turned": (PICTURE, 3, turned(LABELS, 3)),
        "noted": (PICTURE, 3, LABELS),
        "side": (PICTURE[:40], 6, turned(LABELS[:40], 6)),
        "flat": (np.full_like(PICTURE, 7), 1, LABELS),
        "foreground": (PICTURE, 1, (LABELS > 0).astype(np.uint8)),
    }
    for name, (pixels, orientation, mask) in files.items():
        picture(images, pixels, orientation).rename(images / f"{name}.tif")
        write_mask(labels / f"{name}_label.tiff", mask)
    assert check_dataset(tmp_path) == ExitCode.FAILURES
    lines = capsys.readouterr().out.splitlines()

    def said(name: str) -> str:
        return " ".join(line for line in lines if name in line)

    assert "upright" not in "".join(lines)
    assert "fits the turned picture" in said("turned")
    assert "orientation is 3" in said("noted")
    assert "fits" not in said("noted")
    assert "the label is 48×40, the image 40×48" in said("side")
    assert "fits the turned picture" in said("side")
    assert "no contrast" in said("flat")
    assert "may be a mask of the foreground" in said("foreground")
