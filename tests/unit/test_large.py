"""Pictures read by parts: each part is what the whole picture holds there."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from contract import UnreadableImage, large, read_picture
from contract.large import open_large, sample_step
from contract.reading import parts
from tests.image_files import pillow, tiff

H, W = 150, 130
rng = np.random.default_rng(0)
GREY = rng.integers(1, 255, (H, W), np.uint8)
COLOUR = rng.integers(1, 255, (H, W, 3), np.uint8)
DEEP = rng.integers(0, 60000, (H, W), np.uint16)
FLOAT = rng.normal(0, 1, (H, W)).astype(np.float32)
FLOAT[3, 4], FLOAT[100, 100] = np.nan, np.inf
ALPHA = np.dstack([COLOUR, GREY])
ONLY_ALPHA = np.dstack([np.full((H, W, 3), 7, np.uint8), GREY])
TILES = {"tile": (32, 48), "compression": "zlib"}


def pyramid(*, inside: bool) -> bytes:
    """Full plane and two smaller ones, as SubIFDs or as pages marked as reduced."""
    stream = io.BytesIO()
    options = {"photometric": "rgb", "metadata": None, **TILES}
    with tifffile.TiffWriter(stream) as writer:
        writer.write(COLOUR, subifds=2 if inside else 0, **options)
        for step in (2, 4):
            writer.write(COLOUR[::step, ::step], subfiletype=1, **options)
    return stream.getvalue()


def slide() -> bytes:
    """As slide scanners lay them out: full plane, unmarked thumbnail in strips, unmarked levels,
    and the label marked as beside the image."""
    stream = io.BytesIO()
    options = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(stream, bigtiff=True) as writer:
        writer.write(COLOUR, description="Aperio Image Library v1", **TILES, **options)
        writer.write(COLOUR[::8, ::8], rowsperstrip=4, **options)
        for step in (2, 4):
            writer.write(COLOUR[::step, ::step], **TILES, **options)
        writer.write(COLOUR[:40, :50], subfiletype=1, rowsperstrip=4, **options)
    return stream.getvalue()


BY_PARTS: dict[str, Callable[[], bytes]] = {
    "tiles": lambda: tiff(GREY, **TILES),
    "strips": lambda: tiff(DEEP, rowsperstrip=7, compression="lzw"),
    "plain": lambda: tiff(COLOUR, photometric="rgb"),
    "big-endian": lambda: tiff(DEEP, byteorder=">", **TILES),
    "plain big-endian": lambda: tiff(DEEP, byteorder=">"),
    "colour": lambda: tiff(COLOUR, photometric="rgb", predictor=True, **TILES),
    "planar": lambda: tiff(
        np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate", **TILES
    ),
    "plain planar": lambda: tiff(
        np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate"
    ),
    "jpeg": lambda: tiff(COLOUR, photometric="rgb", compression="jpeg", tile=(32, 48)),
    "white is zero": lambda: tiff(GREY, photometric="miniswhite", **TILES),
    "bits": lambda: tiff(GREY > 99, **TILES),
    "floats": lambda: tiff(FLOAT, **TILES),
    "alpha": lambda: tiff(ALPHA, photometric="rgb", extrasamples=["unassalpha"], **TILES),
    "only alpha": lambda: tiff(ONLY_ALPHA, photometric="rgb", extrasamples=["unassalpha"], **TILES),
    "palette": lambda: tiff(
        GREY, photometric="palette", colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 85
    ),
    "channels": lambda: tiff(np.stack([GREY, GREY // 2]), metadata={"axes": "CYX"}, **TILES),
    "four channels": lambda: tiff(
        np.stack([GREY] * 4), metadata={"axes": "CYX"}, photometric="minisblack", **TILES
    ),
    "no contrast": lambda: tiff(np.full((H, W), 9, np.uint8), **TILES),
    "pyramid": lambda: pyramid(inside=True),
    "reduced pages": lambda: pyramid(inside=False),
    "slide": slide,
}
LAID_ASIDE: dict[str, Callable[[], bytes]] = {
    "png": lambda: pillow(COLOUR, "PNG"),
    "signed": lambda: tiff(DEEP.astype(np.int32) - 9, **TILES),
    "doubles": lambda: tiff(FLOAT.astype(np.float64), **TILES),
}


@pytest.fixture(autouse=True)
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "SAMPLE_PIXELS", 500)
    monkeypatch.setattr(large, "BAND_PIXELS", 40 * W)


@pytest.mark.parametrize("kind", [*BY_PARTS, *LAID_ASIDE])
def test_parts_are_those_of_the_whole_picture(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes((BY_PARTS | LAID_ASIDE)[kind]())
    whole = read_picture(path)
    if kind in BY_PARTS:
        monkeypatch.setattr(large, "read_picture", None)
    with open_large(path, tmp_path) as picture:
        assert picture.shape == whole.pixels.shape[:2]
        assert picture.remarks == whole.remarks
        step = sample_step(picture.shape)
        assert step > 1
        np.testing.assert_array_equal(picture.sample, whole.pixels[::step, ::step])
        for channel, (low, high) in enumerate(picture.extremes):
            plane = whole.pixels[..., channel]
            assert (low, high) == (plane.min(), plane.max())
        for top, bottom, left, right in [(0, H, 0, W), (31, 65, 47, 97), (149, 150, 129, 130)]:
            part = picture.read(slice(top, bottom), slice(left, right))
            assert part.dtype == whole.pixels.dtype
            np.testing.assert_array_equal(part, whole.pixels[top:bottom, left:right])
    assert [found.name for found in tmp_path.iterdir()] == ["a.tif"]


def test_one_large_strip_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "LARGEST_SEGMENT", GREY.size - 1)
    path = tmp_path / "a.tif"
    path.write_bytes(tiff(GREY, rowsperstrip=H, compression="zlib"))
    with open_large(path, tmp_path) as picture:
        path.write_bytes(b"")
        np.testing.assert_array_equal(picture.read(slice(5, 9), slice(0, W))[..., 1], GREY[5:9])


def test_what_is_no_picture_says_why_as_ever(tmp_path: Path) -> None:
    def reason(path: Path) -> str:
        with pytest.raises(UnreadableImage) as raised, open_large(path, tmp_path):
            pass
        with pytest.raises(UnreadableImage) as known:
            read_picture(path)
        assert raised.value.what == known.value.what
        return raised.value.what

    whole = tiff(GREY, **TILES)
    for name, content in {
        "cut": whole[:-2000],
        "stack": tiff(np.stack([GREY, GREY]), metadata={"axes": "ZYX"}, **TILES),
        "empty": b"",
        "text": b"hello, I am no picture",
    }.items():
        path = tmp_path / f"{name}.tif"
        path.write_bytes(content)
        assert reason(path)


def test_a_damaged_tile_is_the_fault_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    content = bytearray(tiff(GREY, **TILES))
    with tifffile.TiffFile(io.BytesIO(bytes(content))) as file:
        page = file.pages[0]
        at, count = page.dataoffsets[-1], page.databytecounts[-1]
    content[at : at + count] = bytes(count)
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match="damaged"), open_large(path, tmp_path):
        pass
