"""The pages that a file holds decide, not what its description says; a limit is not damage."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from contract import SeveralPlanes, UnreadableImage, read_image, read_picture, read_size
from tests.image_files import COLOUR, GREY, H, W, grey_png, ome, pages, pillow, png, tiff

OLD_METADATA = {
    "ImageJ, 50 images": "ImageJ=1.53t\nimages=50\nframes=50\n",
    "ImageJ, 3 channels": "ImageJ=1.53t\nimages=3\nchannels=3\nmode=composite\n",
    "ImageJ, nonsense": "ImageJ=1.53t\nimages=-7\nslices=999999999999\nchannels=x\n",
    "OME, 5 focal planes": ome("<TiffData/>", z=5),
    "OME, 3 channels": ome("<TiffData/>", c=3),
    "OME, another size": ome("<TiffData/>", size=(512, 512)),
    "OME, cut off": ome("<TiffData/>")[:-20],
    "OME with entities": '<!DOCTYPE x [<!ENTITY a "aa">]>' + ome("<TiffData/>", z=2),
    "shaped stack": '{"shape": [5, 24, 20]}',
    "shaped, cropped": '{"shape": [512, 512]}',
    "shaped, no numbers": '{"shape": ["a", null]}',
    "Micro-Manager": '{"Slices": 7}',
}


@pytest.mark.parametrize("options", [{}, {"compression": "lzw"}, {"rowsperstrip": 5}], ids=str)
@pytest.mark.parametrize("kind", OLD_METADATA)
def test_one_page_left_of_a_stack_is_an_image(
    tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(pages(GREY, description=OLD_METADATA[kind], **options))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)
    assert read_size(path) == (H, W)


@pytest.mark.parametrize("kind", ["ImageJ, 50 images", "OME, 5 focal planes", "shaped stack"])
def test_old_metadata_is_mentioned(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(pages(GREY, description=OLD_METADATA[kind]))
    assert any("the description speaks of" in remark for remark in read_picture(path).remarks)


def test_one_page_in_colour_has_no_old_metadata(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    for options in ({"imagej": True}, {"ome": True}, {}):
        path.write_bytes(tiff(COLOUR, photometric="rgb", **options))
        assert read_picture(path).remarks == ()


@pytest.mark.parametrize(
    "options",
    [
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"imagej": True, "metadata": {"axes": "TYX"}},
        {"photometric": "minisblack"},
    ],
    ids=["ImageJ Z", "ImageJ T", "shaped"],
)
def test_planes_behind_one_directory_are_a_stack(tmp_path: Path, options: dict[str, Any]) -> None:
    """ImageJ writes files beyond 4 GB like this: the planes are there, their directories not."""
    path = tmp_path / "x.tif"
    stack = np.stack([GREY, 255 - GREY, GREY])
    path.write_bytes(tiff(stack, truncate=True, **options))
    with tifffile.TiffFile(path) as written:
        assert len(written.pages) == 1
    with pytest.raises(SeveralPlanes, match="a stack of 3"):
        read_image(path)


def test_planes_that_metamorph_counts_are_a_stack(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    tag = (33629, 5, 3, (1, 1) * 3, True)  # UIC2Tag: an entry for each plane
    path.write_bytes(pages(GREY, extratags=[tag]) + (255 - GREY).tobytes() + GREY.tobytes())
    with pytest.raises(SeveralPlanes, match="a stack of 3"):
        read_image(path)
    path.write_bytes(pages(GREY, extratags=[tag]))
    np.testing.assert_array_equal(read_image(path)[..., 0], GREY)


def test_two_of_three_channels_are_left(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    for text in (OLD_METADATA["ImageJ, 3 channels"], ome("<TiffData/>", c=3)):
        path.write_bytes(pages(GREY, 255 - GREY, description=text))
        expected = np.dstack([GREY, 255 - GREY, 0 * GREY])
        np.testing.assert_array_equal(read_image(path), expected)


def test_channels_beyond_three_are_mentioned(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    stack = np.stack([GREY, 255 - GREY, GREY // 2, GREY, GREY])
    path.write_bytes(tiff(stack, ome=True, metadata={"axes": "CYX"}))
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, np.moveaxis(stack[:3], 0, -1))
    assert picture.remarks == ("the first 3 of 5 channels are used",)


def chain(count: int) -> bytes:
    """A TIFF of `count` pages that share the pixels of the first one."""
    first = pages(GREY)
    (directory,) = struct.unpack_from("<I", first, 4)
    (entries,) = struct.unpack_from("<H", first, directory)
    length = 2 + 12 * entries
    block = first[directory : directory + length]
    start = len(first)
    places = [directory, *range(start, start + (length + 4) * (count - 1), length + 4)]
    links = [struct.pack("<I", place) for place in (*places[1:], 0)]
    head = first[: directory + length] + links[0] + first[directory + length + 4 :]
    return head + b"".join(block + link for link in links[1:])


def test_a_stack_of_very_many_pages_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(chain(3))
    with pytest.raises(SeveralPlanes, match="a stack of 3 pages"):
        read_image(path)
    path.write_bytes(chain(20_000))
    for read in (read_image, read_size):
        with pytest.raises(SeveralPlanes, match="more than 1000 pages"):
            read(path)


# PNG


def large_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "cell " * 700_000, zip=True)
    return pillow(GREY, "PNG", pnginfo=text)


PNG_VARIANTS: dict[str, Callable[[], bytes]] = {
    "3 MB of text": large_text,
    "plain text": lambda: grey_png(GREY, [(b"tEXt", b"Comment\0" + b"x" * 3_000_000)]),
    "damaged text": lambda: grey_png(GREY, [(b"zTXt", b"Comment\0\0not deflated")]),
    "large profile": lambda: pillow(GREY, "PNG", icc_profile=bytes(3_000_000)),
    "damaged profile": lambda: grey_png(GREY, [(b"iCCP", b"x\0\0not deflated")]),
    "damaged EXIF": lambda: grey_png(GREY, [(b"eXIf", b"MM\0*" + b"\xff" * 40)]),
    "gamma": lambda: grey_png(GREY, [(b"gAMA", struct.pack(">I", 45455))]),
    "private chunk": lambda: grey_png(GREY, [(b"ruSt", bytes(99))]),
    "behind the end": lambda: grey_png(GREY) + b"more" * 50,
    "one frame of an animation": lambda: grey_png(GREY, [(b"acTL", struct.pack(">II", 1, 0))]),
}


@pytest.mark.parametrize("kind", PNG_VARIANTS)
def test_what_lies_beside_the_pixels_of_a_png_does_no_harm(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(PNG_VARIANTS[kind]())
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)
    assert picture.remarks == ()


def test_a_wrong_checksum_is_no_damage_while_the_pixels_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    whole = grey_png(GREY)
    at = whole.index(b"IDAT")
    (length,) = struct.unpack_from(">I", whole, at - 4)
    end = at + 4 + length
    path.write_bytes(whole[:end] + b"\0\0\0\0" + whole[end + 4 :])
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels[..., 0], GREY)
    assert "checksum" in picture.remarks[0]
    middle = at + 4 + length // 2
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(UnreadableImage, match="damaged"):
        read_image(path)


def test_a_png_with_more_data_than_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(png(2, 2, 8, 0, bytes(6), before=[(b"IDAT", bytes(3_000_000))]))
    with pytest.raises(UnreadableImage, match="more data than its pixels"):
        read_image(path)


# JPEG


def camera(*behind: np.ndarray) -> bytes:
    stream = io.BytesIO()
    images = [Image.fromarray(pixels) for pixels in behind]
    Image.fromarray(COLOUR).save(stream, "MPO", save_all=True, append_images=images)
    return stream.getvalue()


def test_a_preview_behind_a_jpeg_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(camera(COLOUR[::2, ::2]))
    picture = read_picture(path)
    expected = np.asarray(Image.open(io.BytesIO(pillow(COLOUR, "JPEG"))))
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.remarks == ("a smaller picture behind the first one is passed over",)
    assert read_size(path) == (H, W)


def test_two_pictures_of_one_size_are_several(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    path.write_bytes(camera(COLOUR))
    with pytest.raises(SeveralPlanes, match="several frames"):
        read_image(path)


@pytest.mark.parametrize("behind", [b"\0" * 999, b"trailer of a camera", b"\xff\xd8\xff\xd9"])
def test_bytes_behind_a_jpeg_do_no_harm(tmp_path: Path, behind: bytes) -> None:
    path = tmp_path / "x.jpg"
    whole = pillow(GREY, "JPEG")
    path.write_bytes(whole)
    expected = read_image(path)
    path.write_bytes(whole + behind)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.pixels, expected)
    assert picture.remarks == ()


def test_jpegs_of_more_than_eight_bits(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    grey = np.add.outer(np.arange(H), np.arange(W)).astype(np.uint16) * 60
    path.write_bytes(imagecodecs.jpeg_encode(grey, bitspersample=12, level=98))
    found = read_image(path)
    assert found.dtype == np.uint16
    assert np.abs(found[..., 0].astype(int) - grey).max() < 40
    path.write_bytes(imagecodecs.jpeg_encode(GREY, lossless=True))
    np.testing.assert_array_equal(read_image(path)[..., 0], GREY)


# Messages


OTHER_FORMATS = {
    "WebP": lambda: pillow(COLOUR, "WEBP"),
    "GIF": lambda: pillow(GREY, "GIF"),
    "HDF5": lambda: b"\x89HDF\r\n\x1a\n" + bytes(99),
    "Git LFS": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
    "gzip": lambda: b"\x1f\x8b" + zlib.compress(bytes(99)),
    "numpy": lambda: b"\x93NUMPY\x01\x00",
}


@pytest.mark.parametrize("kind", OTHER_FORMATS)
def test_other_formats_are_called_by_their_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(OTHER_FORMATS[kind]())
    with pytest.raises(UnreadableImage, match=f"not an image.*{kind}") as caught:
        read_image(path)
    assert "damaged" not in caught.value.what


def test_what_a_decoder_lacks_is_not_called_damage(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(pages(GREY))
    with tifffile.TiffFile(path, mode="r+") as written:
        written.pages[0].tags["Compression"].overwrite(34676)  # SGI LogLuv
    with pytest.raises(UnreadableImage, match="stored in a way that is not read") as caught:
        read_image(path)
    assert "damaged" not in caught.value.what
