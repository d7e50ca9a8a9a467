"""Every kind of image that a dataset may hold, and every way in which one can be broken."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from contract import CallError, SeveralPlanes, UnreadableImage, read_image, read_size
from contract.reading.limits import MAX_PIXELS, pixel_limit
from tests.image_files import COLOUR, GREY, H, W, pillow, png, three, tiff

rng = np.random.default_rng(0)
GREY16 = rng.integers(256, 65535, (H, W), np.uint16)
COLOUR16 = rng.integers(256, 65535, (H, W, 4), np.uint16)
BITS = GREY > 128


def interlaced_png(grey: np.ndarray) -> bytes:
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2)]
    passes += [(0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b"".join(
        b"\0" + row.tobytes()
        for top, left, down, right in passes
        for row in grey[top::down, left::right]
    )
    return png(grey.shape[1], grey.shape[0], 8, 0, rows, interlace=1)


def read(tmp_path: Path, data: bytes, name: str = "x.png", **options: Any) -> np.ndarray:
    path = tmp_path / name
    path.write_bytes(data)
    pixels = read_image(path, **options)
    assert pixels.flags.c_contiguous
    assert pixels.dtype in (np.uint8, np.uint16, np.float32)
    assert pixels.dtype.isnative
    return pixels


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


PALETTE = Image.fromarray(COLOUR).quantize(16)
COLOUR_MAP = rng.integers(0, 256, (3, 256)).astype(np.uint16) * 257
IMAGEJ = {"imagej": True, "metadata": {"axes": "CYX"}}
RGB_TIFF: dict[str, Any] = {"photometric": "rgb"}
ALPHA = {"extrasamples": ["unassalpha"]}
PLANAR = {"planarconfig": "separate"}
CONTIG = {"planarconfig": "contig"}

EXACT: dict[str, tuple[bytes, np.ndarray]] = {
    "uint8.tif": (tiff(GREY), three(GREY)),
    "uint16.tif": (tiff(GREY16), three(GREY16)),
    "big endian.tif": (tiff(GREY16, byteorder=">"), three(GREY16)),
    "big endian float.tif": (
        tiff(GREY.astype(np.float32), byteorder=">"),
        three(GREY).astype(np.float32),
    ),
    "BigTIFF": (tiff(COLOUR, bigtiff=True, **RGB_TIFF), COLOUR),
    "big-endian BigTIFF": (tiff(GREY16, bigtiff=True, byteorder=">"), three(GREY16)),
    "strips": (tiff(COLOUR, rowsperstrip=5, **RGB_TIFF), COLOUR),
    "tiles": (tiff(COLOUR, tile=(16, 16), **RGB_TIFF), COLOUR),
    "lzw": (tiff(COLOUR, compression="lzw", **RGB_TIFF), COLOUR),
    "deflate": (tiff(COLOUR, compression="zlib", **RGB_TIFF), COLOUR),
    "zstd with predictor": (tiff(GREY16, compression="zstd", predictor=True), three(GREY16)),
    "packbits": (tiff(GREY, compression="packbits"), three(GREY)),
    "one channel": (tiff(GREY[..., None], photometric="minisblack"), three(GREY)),
    "two channels": (
        tiff(COLOUR[..., :2], photometric="minisblack", **CONTIG),
        np.dstack([COLOUR[..., :2], 0 * GREY]),
    ),
    "five channels": (
        tiff(np.dstack([COLOUR, GREY, GREY]), photometric="minisblack", **CONTIG),
        COLOUR,
    ),
    "PlanarConfig 2": (tiff(np.moveaxis(COLOUR, -1, 0), **RGB_TIFF, **PLANAR), COLOUR),
    "PlanarConfig 2, tiles": (
        tiff(np.moveaxis(COLOUR, -1, 0), tile=(16, 16), **RGB_TIFF, **PLANAR),
        COLOUR,
    ),
    "axis C, ImageJ": (tiff(np.moveaxis(COLOUR, -1, 0), **IMAGEJ), COLOUR),
    "two ImageJ channels": (
        tiff(np.moveaxis(COLOUR16[..., :2], -1, 0), **IMAGEJ),
        np.dstack([COLOUR16[..., :2], 0 * GREY16]),
    ),
    "axis C, OME": (
        tiff(np.moveaxis(COLOUR, -1, 0), ome=True, metadata={"axes": "CYX"}),
        COLOUR,
    ),
    "OME": (tiff(GREY16, ome=True, metadata={"axes": "YX"}), three(GREY16)),
    "grey+alpha.tif": (
        tiff(np.dstack([GREY16, 0 * GREY16]), photometric="minisblack", **CONTIG, **ALPHA),
        three(GREY16),
    ),
    "RGBA.tif": (tiff(COLOUR16, **RGB_TIFF, **ALPHA), COLOUR16[..., :3]),
    "planar RGBA.tif": (
        tiff(np.moveaxis(COLOUR16, -1, 0), **RGB_TIFF, **PLANAR, **ALPHA),
        COLOUR16[..., :3],
    ),
    "white is zero": (tiff(GREY, photometric="miniswhite"), three(255 - GREY)),
    "white is zero, 16 bit": (tiff(GREY16, photometric="miniswhite"), three(65535 - GREY16)),
    "white is zero, 1 bit": (
        pillow(BITS, "TIFF", tiffinfo={262: 0}, compression="group4"),
        three(np.where(BITS, 255, 0).astype(np.uint8)),
    ),
    "palette.tif": (
        tiff(GREY, photometric="palette", colormap=COLOUR_MAP),
        np.moveaxis((COLOUR_MAP >> 8).astype(np.uint8)[:, GREY], 0, -1),
    ),
    "CMYK.tif": (pillow(Image.fromarray(COLOUR).convert("CMYK"), "TIFF"), COLOUR),
    "1 bit.tif": (pillow(BITS, "TIFF"), three(BITS.astype(np.uint8) * 255)),
    "int16 with negatives": (
        tiff(GREY.astype(np.int16) - 99),
        three(GREY).astype(np.float32) - 99,
    ),
    "int8": (tiff(GREY.astype(np.int8)), three(GREY.astype(np.int8)).astype(np.float32)),
    "uint32": (
        tiff(GREY.astype(np.uint32) * 65536),
        three(GREY).astype(np.float32) * 65536,
    ),
    "float16": (tiff(GREY.astype(np.float16)), three(GREY).astype(np.float32)),
    "float64": (tiff(GREY / 256), three(GREY).astype(np.float32) / 256),
    "grey.png": (pillow(GREY, "PNG"), three(GREY)),
    "grey 16.png": (pillow(GREY16, "PNG"), three(GREY16)),
    "RGB.png": (pillow(COLOUR, "PNG"), COLOUR),
    "RGBA.png": (pillow(np.dstack([COLOUR, GREY]), "PNG"), COLOUR),
    "grey+alpha.png": (pillow(Image.fromarray(np.dstack([GREY, BITS])), "PNG"), three(GREY)),
    "RGB 16.png": (imagecodecs.png_encode(COLOUR16[..., :3].copy()), COLOUR16[..., :3]),
    "RGBA 16.png": (imagecodecs.png_encode(COLOUR16), COLOUR16[..., :3]),
    "grey+alpha 16.png": (
        imagecodecs.png_encode(COLOUR16[..., :2].copy()),
        three(COLOUR16[..., 0]),
    ),
    "palette.png": (pillow(PALETTE, "PNG"), np.asarray(PALETTE.convert("RGB"))),
    "palette with transparency.png": (
        pillow(PALETTE, "PNG", transparency=bytes(range(16))),
        np.asarray(PALETTE.convert("RGB")),
    ),
    "transparent colour.png": (
        pillow(COLOUR, "PNG", transparency=tuple(map(int, COLOUR[0, 0]))),
        COLOUR,
    ),
    "1 bit.png": (pillow(BITS, "PNG"), three(BITS.astype(np.uint8) * 255)),
    "interlaced.png": (interlaced_png(GREY), three(GREY)),
    "grey.bmp": (pillow(GREY, "BMP"), three(GREY)),
    "RGB.bmp": (pillow(COLOUR, "BMP"), COLOUR),
    "RGBA.bmp": (pillow(np.dstack([COLOUR, GREY]), "BMP"), COLOUR),
    "1 bit.bmp": (pillow(BITS, "BMP"), three(BITS.astype(np.uint8) * 255)),
    "palette.bmp": (pillow(PALETTE, "BMP"), np.asarray(PALETTE.convert("RGB"))),
    "1×1.tif": (tiff(GREY[:1, :1]), three(GREY[:1, :1])),
    "1×1.png": (pillow(GREY[:1, :1], "PNG"), three(GREY[:1, :1])),
    "1 row, RGB.tif": (tiff(COLOUR[:1], **RGB_TIFF), COLOUR[:1]),
    "1 column.tif": (tiff(GREY[:, :1]), three(GREY[:, :1])),
}


@pytest.mark.parametrize("kind", EXACT)
def test_values_are_the_files_own(tmp_path: Path, kind: str) -> None:
    data, expected = EXACT[kind]
    same(read(tmp_path, data), expected)
    assert read_size(tmp_path / "x.png") == expected.shape[:2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_nan_and_infinities_are_zero(tmp_path: Path, dtype: type) -> None:
    pixels = np.array([[1, np.nan, np.inf], [-np.inf, -2.5, 0]], dtype)
    expected = np.array([[1, 0, 0], [0, -2.5, 0]], np.float32)
    same(read(tmp_path, tiff(pixels)), three(expected))


def test_complex_values_are_no_intensities(tmp_path: Path) -> None:
    with pytest.raises(UnreadableImage, match="complex64"):
        read(tmp_path, tiff(GREY.astype(np.complex64)))


LOSSY = {
    "grey.jpg": (pillow(GREY, "JPEG", quality=95), pillow(GREY, "JPEG", quality=95)),
    "RGB.jpg": (pillow(COLOUR, "JPEG"), pillow(COLOUR, "JPEG")),
    "progressive.jpg": (pillow(COLOUR, "JPEG", progressive=True), pillow(COLOUR, "JPEG")),
    "jpeg in TIFF": (
        tiff(COLOUR, compression="jpeg", **RGB_TIFF),
        tiff(COLOUR, compression="jpeg", **RGB_TIFF),
    ),
    "jpeg in tiled TIFF": (
        tiff(COLOUR, compression="jpeg", tile=(16, 16), **RGB_TIFF),
        tiff(COLOUR, compression="jpeg", tile=(16, 16), **RGB_TIFF),
    ),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_jpeg_decodes_as_pillow_does(tmp_path: Path, kind: str) -> None:
    """Two decoders may differ by rounding and in how they enlarge the colour planes."""
    data, reference = LOSSY[kind]
    expected = np.asarray(Image.open(io.BytesIO(reference)).convert("RGB")).astype(int)
    found = read(tmp_path, data)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).mean() < 2


def test_cmyk_jpeg_becomes_rgb(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 40, 90), np.uint8)
    data = pillow(Image.fromarray(flat).convert("CMYK"), "JPEG", quality=95)
    assert np.abs(read(tmp_path, data).astype(int) - flat).max() <= 4


@pytest.mark.parametrize("mode", ["LAB", "YCbCr"])
def test_other_colour_spaces_are_refused_rather_than_misread(tmp_path: Path, mode: str) -> None:
    with pytest.raises(UnreadableImage, match="colour space"):
        read(tmp_path, pillow(Image.fromarray(COLOUR).convert(mode), "TIFF"))


def several_series(*pages: tuple[np.ndarray, dict[str, Any]]) -> bytes:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as writer:
        for pixels, options in pages:
            writer.write(pixels, **options)
    return stream.getvalue()


THUMBNAIL = (GREY[::4, ::4], {"subfiletype": 1})


@pytest.mark.parametrize(
    "pages",
    [
        [(GREY, {}), (GREY[::4, ::4], {})],
        [(GREY, {}), THUMBNAIL],
        [THUMBNAIL, (GREY, {})],
        [(GREY, {}), (COLOUR[::4, ::4], RGB_TIFF)],
    ],
    ids=["unmarked", "marked", "in front", "in colour"],
)
def test_a_thumbnail_is_passed_over(tmp_path: Path, pages: list[Any]) -> None:
    same(read(tmp_path, several_series(*pages)), three(GREY))
    assert read_size(tmp_path / "x.png") == (H, W)


STACK = np.stack([GREY] * 3)
STACKS = {
    "3 pages": (
        pillow(GREY, "TIFF", save_all=True, append_images=[PALETTE, PALETTE]),
        "images|pag",
    ),
    "plain pages": (
        several_series(*[(GREY, {"contiguous": False, "metadata": None})] * 3),
        "3 pag",
    ),
    "shaped": (tiff(STACK, photometric="minisblack"), "stack of 3 pages"),
    "Z, ImageJ": (tiff(STACK, imagej=True, metadata={"axes": "ZYX"}), "3 focal planes"),
    "T, ImageJ": (tiff(STACK, imagej=True, metadata={"axes": "TYX"}), "3 time points"),
    "Z, OME": (tiff(STACK, ome=True, metadata={"axes": "ZYX"}), "3 focal planes"),
    "T, OME": (tiff(STACK, ome=True, metadata={"axes": "TYX"}), "3 time points"),
    "Z with colours": (
        tiff(np.stack([COLOUR] * 3), imagej=True, metadata={"axes": "ZYXS"}),
        "3 focal planes",
    ),
    "two kinds": (several_series((GREY, {}), (COLOUR, RGB_TIFF)), "2 images"),
    "animated PNG": (
        pillow(GREY, "PNG", save_all=True, append_images=[Image.fromarray(255 - GREY)]),
        "several frames",
    ),
    "MPO": (
        pillow(COLOUR, "MPO", save_all=True, append_images=[Image.fromarray(COLOUR)]),
        "several frames",
    ),
}


@pytest.mark.parametrize("kind", STACKS)
def test_stacks_are_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    data, reason = STACKS[kind]
    with pytest.raises(SeveralPlanes, match=reason):
        read(tmp_path, data)


def bomb_tiff(side: int) -> bytes:
    """A header that claims side × side pixels in one deflated strip of a few bytes."""
    strip = zlib.compress(bytes(1000))
    fields = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, 8), (262, 3, 1)]
    fields += [(273, 4, 8), (277, 3, 1), (278, 4, side), (279, 4, len(strip))]
    entries = b"".join(struct.pack("<HHII", tag, field, 1, value) for tag, field, value in fields)
    directory = struct.pack("<H", len(fields)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory


BROKEN = {
    "0 bytes": (b"", "0 bytes"),
    "1 byte": (b"I", "not an image"),
    "text": (b"these are notes, no pixels\n" * 9, "not an image"),
    "zeros": (bytes(999), "not an image"),
    "TIFF magic alone": (b"II*\0", "truncated"),
    "gif": (pillow(GREY, "GIF"), "not an image"),
    "no pixels, TIFF": (bomb_tiff(0), "no pixels"),
    "no pixels, PNG": (png(0, 0, 8, 0, b""), "."),
    "no directory": (b"II*\0\0\0\0\0" + bytes(99), "no image"),
    "directory behind the end": (b"II*\0" + struct.pack("<I", 10**6) + bytes(99), "truncated"),
    "circular directories": (b"II*\0" + struct.pack("<IHI", 8, 0, 8) + bytes(9), "."),
}


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_what_is_no_image_is_unreadable(tmp_path: Path, kind: str, suffix: str) -> None:
    data, reason = BROKEN[kind]
    with pytest.raises(UnreadableImage, match=reason):
        read(tmp_path, data, f"x{suffix}")


@pytest.mark.parametrize("suffix", ["tif", "tiff", "png", "bmp", "jpg", "jpeg", "PNG"])
def test_content_decides_not_the_name(tmp_path: Path, suffix: str) -> None:
    for data in (tiff(GREY), pillow(GREY, "PNG"), pillow(GREY, "BMP")):
        same(read(tmp_path, data, f"a.b {suffix} Zellkörper.{suffix}"), three(GREY))


def rle_bmp() -> bytes:
    """An 8-bit BMP with run-length encoded rows: four pixels of 7, then the end of a row."""
    rows = b"\x04\x07\0\0" * 4 + b"\0\1"
    palette = b"".join(struct.pack("<BBBB", n, n, n, 0) for n in range(256))
    header = struct.pack("<IiiHHIIiiII", 40, 4, 4, 1, 8, 1, len(rows), 0, 0, 256, 0)
    start = 14 + len(header) + len(palette)
    return struct.pack("<2sIHHI", b"BM", start + len(rows), 0, 0, start) + header + palette + rows


def large(kind: str) -> np.ndarray:
    """Several decoder blocks, so that a cut can leave whole ones."""
    side = np.random.default_rng(1).integers(0, 255, (300, 300), np.uint8)
    return three(side) if kind == "colour" else side


TRUNCATED: dict[str, Callable[[], bytes]] = {
    **{
        name: lambda name=name: EXACT[name][0]  # type: ignore[misc]
        for name in EXACT
        if not name.startswith(("1×1", "1 row", "1 column"))
    },
    **{name: lambda name=name: LOSSY[name][0] for name in LOSSY},  # type: ignore[misc]
    "directory at the end": lambda: pillow(COLOUR, "TIFF", compression="tiff_lzw"),
    "jpeg by libtiff": lambda: pillow(COLOUR, "TIFF", compression="jpeg"),
    "large.jpg": lambda: pillow(large("colour"), "JPEG"),
    "large progressive.jpg": lambda: pillow(large("colour"), "JPEG", progressive=True),
    "large.png": lambda: pillow(large("colour"), "PNG"),
    "large interlaced.png": lambda: interlaced_png(large("grey")),
    "large.bmp": lambda: pillow(large("grey"), "BMP"),
    "run-length.bmp": rle_bmp,
}


@pytest.mark.parametrize("kind", TRUNCATED)
def test_a_cut_file_never_gives_wrong_pixels(tmp_path: Path, kind: str) -> None:
    data = TRUNCATED[kind]()
    whole = read(tmp_path, data)
    ends = {0, 1, 2, 3, 4, 7, 8, 9, len(data) // 2, *range(max(0, len(data) - 4), len(data))}
    ends |= {int(cut) for cut in np.random.default_rng(2).integers(0, len(data), 8)}
    refused = 0
    for end in sorted(ends):
        try:
            found = read(tmp_path, data[:end])
        except UnreadableImage:
            refused += 1
        else:
            same(found, whole)
            assert end > len(data) // 2
    assert refused >= len(ends) // 2


def test_a_cut_stack_does_not_become_one_image(tmp_path: Path) -> None:
    data = pillow(GREY, "TIFF", save_all=True, append_images=[Image.fromarray(GREY)] * 2)
    for end in range(0, len(data), 40):
        with pytest.raises(UnreadableImage):
            read(tmp_path, data[:end])


def test_a_strip_that_was_never_written_is_no_black_strip(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(COLOUR, rowsperstrip=8, compression="zlib", **RGB_TIFF))
    with tifffile.TiffFile(path, mode="r+") as whole:
        counts = whole.pages[0].tags["StripByteCounts"]
        counts.overwrite((counts.value[0], 0, counts.value[2]))
    with pytest.raises(UnreadableImage, match="never written"):
        read_image(path)


def bomb_bmp(side: int) -> bytes:
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + header + bytes(99)


BOMBS = {
    "TIFF": bomb_tiff,
    "PNG": lambda side: png(side, side, 8, 2, bytes(1000)),
    "BMP": bomb_bmp,
}


@pytest.mark.parametrize("kind", BOMBS)
def test_more_than_two_gigapixels_are_refused_by_the_header(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnreadableImage, match="decompression bomb"):
        read(tmp_path, BOMBS[kind](50_000))


def test_many_samples_are_a_bomb_too(tmp_path: Path) -> None:
    data = tiff(np.zeros((4, 4, 64), np.uint8), photometric="minisblack", **CONTIG)
    with pytest.raises(UnreadableImage, match="decompression bomb"):
        read(tmp_path, data, max_pixels=100)


def test_the_limit_is_settable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for data in (tiff(GREY), pillow(GREY, "PNG"), pillow(GREY, "BMP"), pillow(GREY, "JPEG")):
        assert read(tmp_path, data, max_pixels=H * W).shape == (H, W, 3)
        with pytest.raises(UnreadableImage, match=f"limit of {H * W - 1}"):
            read(tmp_path, data, max_pixels=H * W - 1)
    monkeypatch.setenv("CELLBENCH_MAX_PIXELS", "7")
    with pytest.raises(UnreadableImage, match="limit of 7"):
        read(tmp_path, tiff(GREY))
    monkeypatch.setenv("CELLBENCH_MAX_PIXELS", "many")
    with pytest.raises(CallError, match="'many'"):
        read(tmp_path, tiff(GREY))
    monkeypatch.delenv("CELLBENCH_MAX_PIXELS")
    assert pixel_limit() == MAX_PIXELS == 2 * 10**9


def test_pillows_own_limit_is_put_back(tmp_path: Path) -> None:
    before = Image.MAX_IMAGE_PIXELS
    read(tmp_path, pillow(GREY, "PNG"))
    with pytest.raises(UnreadableImage):
        read(tmp_path, b"text")
    assert before == Image.MAX_IMAGE_PIXELS


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name, reason in [
        ("x.png", "a folder"),
        ("link.png", "a link to a file that is not there"),
        ("gone.png", "there is no such file"),
    ]:
        with pytest.raises(UnreadableImage, match=reason):
            read_image(tmp_path / name)
        with pytest.raises(UnreadableImage, match=reason):
            read_size(tmp_path / name)


def test_no_permission(tmp_path: Path) -> None:
    """As root the child gives up its rights first; the open descriptor stands for the folder."""
    path = tmp_path / "x.png"
    path.write_bytes(pillow(GREY, "PNG"))
    path.chmod(0)
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.fchdir(folder)
                if os.getuid() == 0:
                    tmp_path.chmod(0o755)
                    os.setuid(65534)
                read_image(Path("x.png"))
            except UnreadableImage as error:
                code = 0 if "no permission" in error.what else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        os.close(folder)


def test_real_images_are_read(shared: Path) -> None:
    images = sorted((shared / "data" / "cells" / "Tuning" / "images").iterdir())
    assert images
    for path in images:
        pixels = read_image(path)
        assert pixels.shape == (*read_size(path), 3)
        assert pixels.any()
