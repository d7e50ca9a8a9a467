"""What is said about an image beside its pixels, and that contrast has no absolute scale."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from containers.base.segmentation.normalise import normalise
from containers.controls.otsu.threshold import segment
from contract import read_header, read_picture
from contract.contrast import has_contrast
from tests.image_files import COLOUR, GREY, H, W, grey_png, ome, pages, pillow, three, tiff
from tests.programs import run_model

NO_CONTRAST = "no contrast: every pixel has the same value"


def discs() -> np.ndarray:
    """96×128: where twelve discs lie."""
    rows, columns = np.mgrid[:96, :128] % 32 - 16
    return rows**2 + columns**2 < 100


def blobs(background: float = 20.0, cell: float = 200.0) -> np.ndarray:
    """H×W×3 float64: bright discs on a dark slope, all values whole."""
    rows = np.arange(96)[:, None] // 8 * (cell - background) // 180
    grey = np.where(discs(), cell, background) + rows
    return np.stack([grey] * 3, axis=-1)


def picture_of(tmp_path: Path, data: bytes) -> tuple[np.ndarray, tuple[str, ...]]:
    path = tmp_path / "x.tif"
    path.write_bytes(data)
    found = read_picture(path)
    return found.pixels, found.remarks


# contrast


@pytest.mark.parametrize("factor", [1e-15, 1e-9, 1 / 255, np.pi, 257.0, 1e9])
def test_a_picture_and_its_multiple_give_the_same_masks(factor: float) -> None:
    picture = blobs().astype(np.uint8)
    expected = segment(picture)
    assert expected.max() > 5
    multiple = (picture * factor).astype(np.float32)
    np.testing.assert_array_equal(normalise(multiple), normalise(picture))
    np.testing.assert_array_equal(segment(multiple), expected)


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_the_type_of_a_picture_does_not_matter(kind: type) -> None:
    picture = blobs().astype(np.uint8)
    np.testing.assert_array_equal(normalise(picture.astype(kind) * kind(7)), normalise(picture))


def test_real_pictures_and_their_multiples(shared: Path) -> None:
    for path in sorted((shared / "data/cells/Tuning/images").glob("*.png"))[:5]:
        picture = read_picture(path).pixels[:256, :256]
        for factor in (1e-9, 1 / 255, 1e9):
            multiple = (picture * factor).astype(np.float32)
            np.testing.assert_array_equal(segment(multiple), segment(picture))


@pytest.mark.parametrize("low", [-1000.0, 0.0, 1000.0])
def test_negative_values_and_offsets_keep_the_contrast(low: float) -> None:
    assert segment(blobs(low, low + 1).astype(np.float32)).max() > 5


@pytest.mark.parametrize(
    ("low", "high"), [(0, 1), (0, 255), (100, 200), (7, 8), (-1e-8, 1e-8), (0, 1e-30)]
)
def test_two_values_are_contrast(low: float, high: float) -> None:
    picture = np.where(discs()[..., None], high, low).astype(np.float32).repeat(3, axis=-1)
    assert has_contrast(picture)
    assert set(np.unique(normalise(picture))) == {0, 255}
    assert segment(picture).max() > 5


def test_a_single_bright_pixel_is_contrast() -> None:
    picture = np.full((50, 50, 3), 3, np.uint16)
    picture[20, 20] = 4
    assert normalise(picture)[20, 20, 0] == 255


@pytest.mark.parametrize("value", [0, 1, 255, 60000, 1e-9, -3.7, 1e30])
def test_a_constant_picture_has_no_contrast(value: float) -> None:
    picture = np.full((9, 9, 3), value, np.float32)
    assert not has_contrast(picture)
    assert not normalise(picture).any()
    picture[3, 3] = np.nextafter(np.float32(value), np.float32(np.inf))
    assert has_contrast(picture) == bool(normalise(picture).any())


def test_values_that_float32_would_merge_keep_their_differences(tmp_path: Path) -> None:
    for pixels in (
        GREY.astype(np.uint32) + 4_000_000_000,
        GREY.astype(np.int64) - 2**60,
        GREY.astype(np.float64) / 255 + 1e12,
    ):
        found, remarks = picture_of(tmp_path, tiff(pixels))
        spread = found[..., 0].astype(np.float64)
        np.testing.assert_allclose(
            (spread - spread.min()) / np.ptp(spread), (GREY - 1.0) / np.ptp(GREY), atol=1e-3
        )
        assert "is taken off" in remarks[0]


def test_no_contrast_is_said_in_the_line_of_the_image(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name, pixels in (("flat", np.full((8, 8), 5, np.uint8)), ("good", GREY)):
        Image.fromarray(pixels).save(tmp_path / "in" / f"{name}.png")
    run_model("controls.otsu", "predict", tmp_path / "in", tmp_path / "out")
    lines = (tmp_path / "out" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["message"] for line in lines] == [NO_CONTRAST, ""]
    assert json.loads(lines[0])["cells"] == 0


# white is zero


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.int32, np.int64, np.float32, np.float64])
def test_white_is_zero_of_signed_and_float_type_is_turned(tmp_path: Path, kind: type) -> None:
    """The lowest and the highest value change places, and everything between them."""
    stored = (-(GREY.astype(np.int16) // 2)).astype(kind)
    found, remarks = picture_of(tmp_path, tiff(stored, photometric="miniswhite"))
    expected = stored.min().astype(np.float64) + stored.max() - stored.astype(np.float64)
    np.testing.assert_array_equal(found, three(expected.astype(np.float32)))
    assert "white is zero" in remarks[0]
    assert np.corrcoef(found[..., 0].ravel(), GREY.ravel())[0, 1] > 0.99


def test_white_is_zero_with_nan(tmp_path: Path) -> None:
    stored = np.array([[1, np.nan], [4, 2]], np.float32)
    found, _ = picture_of(tmp_path, tiff(stored, photometric="miniswhite"))
    np.testing.assert_array_equal(found[..., 0], [[4, 0], [1, 3]])


def test_white_is_zero_of_wide_integers(tmp_path: Path) -> None:
    """Twelve bits in 32: turned from 2³²−1 they would be one value in float32."""
    found, _ = picture_of(tmp_path, tiff(GREY.astype(np.uint32), photometric="miniswhite"))
    np.testing.assert_array_equal(np.ptp(found), np.ptp(GREY))
    np.testing.assert_array_equal(found[..., 0], GREY.max() - GREY.astype(np.float32))


# palettes and look-up tables


def ramp(*colour: float) -> np.ndarray:
    return np.array([np.arange(256) * part * 257 for part in colour]).astype(np.uint16)


LUTS: dict[str, np.ndarray] = {
    "green": ramp(0, 1, 0),
    "grey": ramp(1, 1, 1),
    "inverted": ramp(1, 1, 1)[:, ::-1].copy(),
    "shuffled": ramp(1, 1, 1)[:, np.random.default_rng(5).permutation(256)],
    "8-bit": ramp(1, 0, 1) >> 8,
}


@pytest.mark.parametrize("description", ["ImageJ=1.53t\nunit=um\n", ome("<TiffData/>")])
@pytest.mark.parametrize("kind", LUTS)
def test_colours_for_display_are_no_data(tmp_path: Path, kind: str, description: str) -> None:
    data = pages(GREY, description=description, photometric="palette", colormap=LUTS[kind])
    found, remarks = picture_of(tmp_path, data)
    np.testing.assert_array_equal(found, three(GREY))
    assert "look-up table" in remarks[0]


def test_a_colour_map_of_eight_bits(tmp_path: Path) -> None:
    colours = np.random.default_rng(6).integers(0, 256, (3, 256)).astype(np.uint16)
    found, remarks = picture_of(tmp_path, tiff(GREY, photometric="palette", colormap=colours))
    np.testing.assert_array_equal(found, np.moveaxis(colours.astype(np.uint8)[:, GREY], 0, -1))
    assert remarks == ()


# alpha, channels, values that count as 0


ALPHA: dict[str, Callable[[np.ndarray, np.ndarray], bytes]] = {
    "RGBA.png": lambda colour, alpha: pillow(np.dstack([colour, alpha]), "PNG"),
    "LA.png": lambda colour, alpha: pillow(
        Image.fromarray(np.dstack([colour[..., 0], alpha])), "PNG"
    ),
    "RGBA.tif": lambda colour, alpha: tiff(
        np.dstack([colour, alpha]), photometric="rgb", extrasamples=["unassalpha"]
    ),
    "RGBA of 16 bits": lambda colour, alpha: tiff(
        np.dstack([colour, alpha]).astype(np.uint16) * 257,
        photometric="rgb",
        extrasamples=["assocalpha"],
    ),
}


@pytest.mark.parametrize("kind", ALPHA)
def test_alpha_is_dropped_with_a_remark_if_it_held_anything(tmp_path: Path, kind: str) -> None:
    _, remarks = picture_of(tmp_path, ALPHA[kind](COLOUR, GREY))
    assert remarks == ("the alpha channel is dropped",)
    _, remarks = picture_of(tmp_path, ALPHA[kind](COLOUR, np.full_like(GREY, 255)))
    assert remarks == ()


@pytest.mark.parametrize("kind", ALPHA)
def test_a_picture_in_alpha_alone_is_taken(tmp_path: Path, kind: str) -> None:
    found, remarks = picture_of(tmp_path, ALPHA[kind](np.zeros_like(COLOUR), GREY))
    np.testing.assert_array_equal(found // (257 if found.dtype == np.uint16 else 1), three(GREY))
    assert "alpha channel is taken" in remarks[0]


def test_channels_that_are_not_used_are_mentioned(tmp_path: Path) -> None:
    data = tiff(np.dstack([COLOUR] * 2 + [GREY]), photometric="minisblack", planarconfig="contig")
    _, remarks = picture_of(tmp_path, data)
    assert remarks == ("the first 3 of 7 channels are used",)


def test_values_that_count_as_zero_are_mentioned(tmp_path: Path) -> None:
    pixels = GREY.astype(np.float64)
    pixels[0, :3] = np.nan, np.inf, 1e300
    found, remarks = picture_of(tmp_path, tiff(pixels))
    assert not found[0, :3].any()
    assert remarks == ("3 values are NaN or infinite and count as 0",)


# orientation


def exif(orientation: int, order: str = ">") -> bytes:
    mark = b"MM" if order == ">" else b"II"
    entry = struct.pack(f"{order}HHIHH", 274, 3, 1, orientation, 0)
    return mark + struct.pack(f"{order}HIH", 42, 8, 1) + entry + bytes(4)


def turned_jpeg(orientation: int) -> bytes:
    block = Image.Exif()
    block[274] = orientation
    return pillow(COLOUR, "JPEG", exif=block)


TURNED: dict[str, Callable[[int], bytes]] = {
    "JPEG": turned_jpeg,
    "JPEG, little end first": lambda turn: pillow(
        COLOUR, "JPEG", exif=b"Exif\0\0" + exif(turn, "<")
    ),
    "PNG": lambda turn: grey_png(GREY, [(b"eXIf", exif(turn))]),
    "TIFF": lambda turn: pages(GREY, extratags=[(274, 3, 1, turn, True)]),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", TURNED)
def test_the_orientation_is_told_and_not_applied(
    tmp_path: Path, kind: str, orientation: int
) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(TURNED[kind](orientation))
    found, header = read_picture(path), read_header(path)
    assert found.pixels.shape == (H, W, 3)
    assert found.orientation == header.orientation == orientation
    assert any("orientation" in remark for remark in found.remarks) == (orientation != 1)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_none(tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "x.png"
    for make in TURNED.values():
        path.write_bytes(make(orientation))
        assert read_header(path).orientation == 1
