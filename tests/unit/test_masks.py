"""Label masks: what is read, what is refused, and what is written."""

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from contract import UnreadableMask, WrongMaskType, open_mask, read_mask, write_mask
from tests.image_files import npy, pages, pillow, tiff
from tests.programs import code, finish

LABELS = np.random.default_rng(0).integers(0, 9, (12, 10)).astype(np.uint8)
COLOUR = np.dstack([LABELS] * 3)


def read(tmp_path: Path, data: bytes, name: str = "m.tif", **options: Any) -> np.ndarray:
    path = tmp_path / name
    path.write_bytes(data)
    return read_mask(path, **options)


def same(found: np.ndarray, expected: np.ndarray) -> None:
    assert found.dtype == expected.dtype
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", ">u2", ">i4"])
def test_the_stored_integer_type_is_kept(tmp_path: Path, dtype: str) -> None:
    labels = LABELS.astype(dtype)
    native = labels.astype(labels.dtype.newbyteorder("="))
    order = ">" if dtype[0] == ">" else "<"
    same(read(tmp_path, tiff(labels, byteorder=order)), native)
    same(read(tmp_path, npy(labels)), native)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_whole_floats_become_int64(tmp_path: Path, dtype: type) -> None:
    same(read(tmp_path, tiff(LABELS.astype(dtype))), LABELS.astype(np.int64))


def test_booleans_and_bits_become_0_and_1(tmp_path: Path) -> None:
    cells = LABELS > 4
    for data in (npy(cells), pillow(cells, "PNG"), pillow(cells, "TIFF"), pillow(cells, "BMP")):
        same(read(tmp_path, data), cells.astype(np.uint8))


def test_formats_are_told_apart_by_content(tmp_path: Path) -> None:
    for name in ("m.tif", "m.tiff", "m.png", "m.bmp", "m.npy"):
        for data in (tiff(LABELS), npy(LABELS), pillow(LABELS, "PNG"), pillow(LABELS, "BMP")):
            same(read(tmp_path, data, name), LABELS)


def test_sixteen_bit_png(tmp_path: Path) -> None:
    labels = LABELS.astype(np.uint16) * 7000
    same(read(tmp_path, pillow(labels, "PNG")), labels)


def test_palette_images_give_indices(tmp_path: Path) -> None:
    picture = Image.fromarray(LABELS)
    picture.putpalette(list(np.random.default_rng(3).integers(0, 255, 768)))
    same(read(tmp_path, pillow(picture, "PNG")), LABELS)
    colours = np.random.default_rng(3).integers(0, 65535, (3, 256)).astype(np.uint16)
    same(read(tmp_path, tiff(LABELS, photometric="palette", colormap=colours)), LABELS)


def test_white_is_zero_keeps_the_ids(tmp_path: Path) -> None:
    same(read(tmp_path, tiff(LABELS, photometric="miniswhite")), LABELS)


@pytest.mark.parametrize("shape", [(1, 12, 10), (12, 10, 1), (1, 1, 12, 10)])
def test_axes_of_length_one_are_dropped(tmp_path: Path, shape: tuple[int, ...]) -> None:
    same(read(tmp_path, npy(LABELS.reshape(shape))), LABELS)
    same(read(tmp_path, tiff(LABELS.reshape(shape), photometric="minisblack")), LABELS)


def test_ids_above_two_to_the_32_are_not_cast(tmp_path: Path) -> None:
    labels = np.array([[0, 2**32], [2**32 + 1, 2**63]], np.uint64)
    same(read(tmp_path, npy(labels)), labels)
    same(read(tmp_path, tiff(labels)), labels)


WRONG = {
    "fractions": (tiff(LABELS / 2), "fractions"),
    "NaN": (tiff(np.where(LABELS > 4, np.nan, LABELS).astype(np.float32)), "NaN"),
    "infinity": (tiff(np.where(LABELS > 4, np.inf, LABELS)), "infinities"),
    "huge floats": (tiff(LABELS * 1e30), "too large"),
    "negative": (tiff(LABELS.astype(np.int16) - 4), "negative ids, the lowest is -4"),
    "negative floats": (tiff(LABELS.astype(np.float32) - 4), "negative ids"),
    "complex": (npy(LABELS.astype(np.complex64)), "complex64"),
    "text": (npy(np.array([["a", "b"]])), "<U1"),
    "RGB TIFF": (tiff(COLOUR, photometric="rgb"), "shape"),
    "RGB PNG": (pillow(COLOUR, "PNG"), "shape"),
    "one row, RGB PNG": (pillow(COLOUR[:1], "PNG"), "shape"),
    "grey with alpha": (pillow(Image.fromarray(COLOUR[..., :2].copy()), "PNG"), "shape"),
    "Z stack": (tiff(np.stack([LABELS] * 3), imagej=True, metadata={"axes": "ZYX"}), "3 focal"),
    "pages": (tiff(np.stack([LABELS] * 3), photometric="minisblack"), "3 pages"),
    "npy stack": (npy(np.stack([LABELS] * 3)), "shape"),
    "npy row": (npy(LABELS[0]), "shape"),
    "animated PNG": (
        pillow(LABELS, "PNG", save_all=True, append_images=[Image.fromarray(LABELS + 1)]),
        "frames",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_map_of_ids_is_of_the_wrong_type(tmp_path: Path, kind: str) -> None:
    data, reason = WRONG[kind]
    with pytest.raises(WrongMaskType, match=reason) as caught:
        read(tmp_path, data)
    assert caught.value.what.startswith("m.tif: ")


UNREADABLE = {
    "0 bytes": (b"", "0 bytes"),
    "text": (b"no mask at all", "not an image"),
    "JPEG": (pillow(LABELS, "JPEG"), "a JPEG changes ids"),
    "objects": (npy(np.array([[{}, {}]], object)), "holds Python objects"),
    "cut npy": (npy(LABELS)[:-1], "decoded"),
    "cut TIFF": (tiff(LABELS)[:-1], "truncated"),
    "cut zlib TIFF": (tiff(LABELS, compression="zlib")[:-1], "truncated"),
    "cut PNG": (pillow(LABELS, "PNG")[:60], "decoded"),
    "cut BMP": (pillow(LABELS, "BMP")[:-4], "decoded"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_broken_files_are_unreadable(tmp_path: Path, kind: str) -> None:
    data, reason = UNREADABLE[kind]
    with pytest.raises(UnreadableMask, match=reason):
        read(tmp_path, data)


def test_missing_files_and_folders_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMask, match=r"gone\.tif: there is no such file"):
        read_mask(tmp_path / "gone.tif")
    with pytest.raises(UnreadableMask, match="a folder"):
        read_mask(tmp_path)


def test_pickles_are_never_opened(tmp_path: Path) -> None:
    """A pickled array could run code; this one would leave a file."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    with pytest.raises(UnreadableMask):
        read(tmp_path, npy(np.array([[Trap()]], object)), "m.npy")
    assert not (tmp_path / "sprung").exists()


def test_masks_have_a_limit_too(tmp_path: Path) -> None:
    for data in (tiff(LABELS), pillow(LABELS, "PNG")):
        with pytest.raises(UnreadableMask, match="bomb"):
            read(tmp_path, data, max_pixels=119)
    with pytest.raises(UnreadableMask, match="bomb"):
        read(tmp_path, npy(np.zeros((40, 40), np.uint8)), max_pixels=100)


@pytest.mark.parametrize(
    ("highest", "dtype"),
    [(0, "u1"), (255, "u1"), (256, "u2"), (65535, "u2"), (65536, "u4"), (2**32 - 1, "u4")],
)
def test_the_smallest_type_is_written_with_zlib(tmp_path: Path, highest: int, dtype: str) -> None:
    labels = np.zeros((6, 5), np.int64)
    labels[2, 3] = highest
    write_mask(tmp_path / "m.tiff", labels)
    same(read_mask(tmp_path / "m.tiff"), labels.astype(dtype))
    with tifffile.TiffFile(tmp_path / "m.tiff") as written:
        assert written.pages[0].compression == 8
        assert written.pages[0].dtype == np.dtype(dtype)
        assert written.series[0].axes == "YX"
    assert np.asarray(Image.open(tmp_path / "m.tiff")).astype(dtype)[2, 3] == highest


@settings(max_examples=60, deadline=None)
@given(
    labels=st.sampled_from(["u1", "u2", "u4", "i2", "i8", ">u4"]).flatmap(
        lambda dtype: arrays(
            dtype,
            array_shapes(min_dims=2, max_dims=2, max_side=6),
            elements=st.integers(0, min(2**32 - 1, int(np.iinfo(dtype).max))),
        )
    )
)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, labels: np.ndarray) -> None:
    path = tmp_path_factory.getbasetemp() / "round_label.tiff"
    write_mask(path, labels)
    found = read_mask(path)
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == np.min_scalar_type(int(labels.max()))


def test_the_same_labels_give_the_same_bytes(tmp_path: Path) -> None:
    write_mask(tmp_path / "a.tiff", LABELS)
    write_mask(tmp_path / "b.tiff", np.asfortranarray(LABELS.astype(np.int32)))
    assert (tmp_path / "a.tiff").read_bytes() == (tmp_path / "b.tiff").read_bytes()


@pytest.mark.parametrize(
    "labels",
    [
        LABELS.astype(np.float32),
        LABELS > 0,
        COLOUR,
        LABELS.astype(np.int16) - 1,
    ],
    ids=["float", "bool", "RGB", "negative"],
)
def test_write_refuses_what_is_no_mask(tmp_path: Path, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"a mask is|ids run"):
        write_mask(tmp_path / "m.tiff", labels)
    assert list(tmp_path.iterdir()) == []


WRITE_LIMITED = """
import sys
import numpy as np
from pathlib import Path
from contract import write_mask
labels = np.random.default_rng(0).integers(0, 2**32, (300, 300), np.uint64)
try:
    write_mask(Path(sys.argv[1]), labels)
except OSError as error:
    sys.exit(17)
"""


def test_a_failed_write_leaves_the_old_mask_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "m.tiff"
    write_mask(path, LABELS)

    def small_files() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    ended = finish(code(WRITE_LIMITED, path), before=small_files)
    assert ended.returncode == 17
    same(read_mask(path), LABELS)
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.tiff"]


# Ids beyond 32 bits, white as zero, messages


@pytest.mark.parametrize("dtype", ["u8", "i8", "f8"])
def test_ids_beyond_32_bits_are_numbered_anew_when_they_are_written(
    tmp_path: Path, dtype: str
) -> None:
    labels = np.where(LABELS > 0, LABELS.astype(np.int64) * 10**12, 0).astype(dtype)
    found = read(tmp_path, npy(labels), "m.npy")
    np.testing.assert_array_equal(found, labels)
    write_mask(tmp_path / "m.tiff", found)
    same(read_mask(tmp_path / "m.tiff"), LABELS)


def test_numbering_anew_keeps_the_order_and_the_background(tmp_path: Path) -> None:
    labels = np.array([[2**40, 2**33], [2**63, 2**33]], np.uint64)
    write_mask(tmp_path / "m.tiff", labels)
    same(read_mask(tmp_path / "m.tiff"), np.array([[2, 1], [3, 1]], np.uint8))


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4"])
def test_a_mask_turned_to_white_as_zero_is_turned_back(tmp_path: Path, dtype: str) -> None:
    labels = LABELS.astype(dtype)
    stored = (np.iinfo(dtype).max - labels).astype(dtype)
    (tmp_path / "m.tif").write_bytes(tiff(stored, photometric="miniswhite"))
    mask = open_mask(tmp_path / "m.tif")
    same(mask.labels, labels)
    assert "turned back" in mask.remarks[0]


LOSSY: dict[str, tuple[dict[str, Any], bool]] = {
    "jpeg": ({"compression": "jpeg"}, True),
    "JPEG 2000": ({"compression": "jpeg2000", "compressionargs": {"level": 40}}, True),
    "reversible JPEG 2000": ({"compression": "jpeg2000"}, False),
    "JPEG XL": ({"compression": "jpegxl", "compressionargs": {"distance": 1.0}}, True),
    "lossless JPEG XL": ({"compression": "jpegxl", "compressionargs": {"lossless": True}}, False),
    "LERC": ({"compression": "lerc", "compressionargs": {"level": 4}}, True),
    "exact LERC": ({"compression": "lerc"}, False),
    "LERC, deflated": (
        {"compression": "lerc", "compressionargs": {"level": 4, "compression": "deflate"}},
        True,
    ),
    "exact LERC, deflated": (
        {"compression": "lerc", "compressionargs": {"compression": "deflate"}},
        False,
    ),
    **{name: ({"compression": name}, False) for name in ("zlib", "lzw", "zstd", "png", "lzma")},
    "plain": ({}, False),
    "packbits": ({"compression": "packbits"}, False),
}


@pytest.mark.parametrize("kind", LOSSY)
def test_compression_that_changes_ids_is_mentioned(tmp_path: Path, kind: str) -> None:
    options, lossy = LOSSY[kind]
    labels = np.kron(LABELS, np.ones((8, 8), np.uint8)) * 20
    (tmp_path / "m.tif").write_bytes(tiff(labels, **options))
    mask = open_mask(tmp_path / "m.tif")
    assert any("changes values" in remark for remark in mask.remarks) == lossy
    if not lossy:
        same(mask.labels, labels)
        assert mask.remarks == ()


def test_messages_name_the_cause(tmp_path: Path) -> None:
    objects = npy(np.array({"masks": LABELS}, object))
    with pytest.raises(UnreadableMask, match="holds Python objects") as caught:
        read(tmp_path, objects, "img_seg.npy")
    assert "Cellpose" in caught.value.why
    assert "damaged" not in str(caught.value)
    with pytest.raises(UnreadableMask, match="a JPEG changes ids") as caught:
        read(tmp_path, pillow(LABELS, "JPEG"), "m.tif")
    assert "TIFF or PNG" in caught.value.do


def test_a_mask_with_several_pages_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(WrongMaskType, match="a stack of 2 pages"):
        read(tmp_path, pages(LABELS, LABELS))


@pytest.mark.parametrize("suffix", ["tiff", "png"])
def test_the_orientation_of_a_mask_is_told_and_not_applied(tmp_path: Path, suffix: str) -> None:
    labels, path = np.arange(6, dtype=np.uint8).reshape(2, 3), tmp_path / f"a_label.{suffix}"
    exif = Image.Exif()
    exif[274] = 6
    if suffix == "tiff":
        tifffile.imwrite(path, labels, extratags=[(274, 3, 1, 6, True)])
    else:
        Image.fromarray(labels).save(path, exif=exif)
    found = open_mask(path)
    assert found.labels.tolist() == labels.tolist()
    (said,) = found.remarks
    assert said.startswith("the mask's orientation is 6, not 1")
