"""Reading in a process of its own: the same results, and an end to whatever a file does there."""

import os
import signal
import struct
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
import tifffile

import contract
from contract import (
    CellbenchError,
    SeveralPlanes,
    UnreadableImage,
    UnreadableMask,
    WrongMaskSize,
    WrongMaskType,
    guarded,
)
from tests.image_files import COLOUR, GREY, H, W, npy, pages, pillow, tiff
from tests.programs import code, finish

FILES: dict[str, Callable[[], bytes]] = {
    "grey": lambda: tiff(GREY),
    "float": lambda: tiff(GREY / 255),
    "whole floats": lambda: tiff(GREY.astype(np.float64)),
    "RGB": lambda: pillow(COLOUR, "PNG"),
    "bits": lambda: pillow(GREY > 9, "PNG"),
    "jpeg": lambda: pillow(COLOUR, "JPEG"),
    "bmp": lambda: pillow(GREY, "BMP"),
    "npy": lambda: npy(GREY.astype(">i4")),
    "wide": lambda: npy(GREY.astype(np.uint64) << 50),
    "no pixels": lambda: npy(np.zeros((0, 4), np.uint8)),
    "stack": lambda: pages(GREY, GREY),
    "cut": lambda: tiff(GREY)[:-9],
    "empty": lambda: b"",
    "objects": lambda: npy(np.array([[{}]], object)),
    "white is zero": lambda: tiff(GREY, photometric="miniswhite"),
}


def outcome(read: Callable[[Path], object], path: Path) -> object:
    """What a reader gives or raises, so that two of them can be compared."""
    try:
        found = read(path)
    except CellbenchError as error:
        return type(error), error.what, error.why, error.do
    if isinstance(found, contract.Picture):
        return found.pixels.tobytes(), found.pixels.dtype, found.remarks, found.orientation
    if isinstance(found, contract.MaskFile):
        return found.labels.tobytes(), found.labels.dtype, found.labels.shape, found.remarks
    return found


@pytest.mark.parametrize("kind", FILES)
def test_the_results_and_refusals_are_the_same(tmp_path: Path, kind: str) -> None:
    path = tmp_path / os.fsdecode(b"m\xffsk \xc3\xa9\n.tif")
    path.write_bytes(FILES[kind]())
    for name in ("read_picture", "read_header", "read_size", "open_mask", "mask_size"):
        assert outcome(getattr(guarded, name), path) == outcome(getattr(contract, name), path)


def test_the_size_is_compared_before_anything_is_decoded(tmp_path: Path) -> None:
    """Three terabytes of float64 that are not there, in a file of a few hundred bytes."""
    path = tmp_path / "m.tif"
    strip = zlib.compress(bytes(1000))
    path.write_bytes(tile_bomb(600_000, 600_000, strip))
    with pytest.raises(WrongMaskSize, match="the mask is 600000×600000") as caught:
        guarded.read_mask(path, expected=(H, W))
    assert caught.value.size == (600_000, 600_000)
    for data in (tiff(GREY), pillow(GREY, "PNG"), pillow(GREY, "BMP"), npy(GREY)):
        path.write_bytes(data)
        assert guarded.read_mask(path, expected=(H, W)).shape == (H, W)
        with pytest.raises(WrongMaskSize, match=rf"{H}×{W} pixels .*, the truth {H}×{W + 1}"):
            guarded.read_mask(path, expected=(H, W + 1))


def tile_bomb(side: int, tile: int, data: bytes) -> bytes:
    """A TIFF of side × side float64 in one tile, which is all that `data` says."""
    fields = [(256, 4, side), (257, 4, side), (258, 3, 64), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    fields += [(322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, len(data)), (339, 3, 3)]
    entries = b"".join(struct.pack("<HHII", tag, field, 1, value) for tag, field, value in fields)
    directory = struct.pack("<H", len(fields)) + entries + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def test_memory_is_limited_by_the_size_in_the_header(tmp_path: Path) -> None:
    """A small image in one huge tile, which a decoder makes room for: 27 GB."""
    path = tmp_path / "m.tif"
    path.write_bytes(tile_bomb(16, 57_600, zlib.compress(bytes(9))))
    for read, kind in ((guarded.read_mask, UnreadableMask), (guarded.read_image, UnreadableImage)):
        with pytest.raises(kind, match="far more memory than its size"):
            read(path)
    path.write_bytes(tiff(GREY))
    np.testing.assert_array_equal(guarded.read_mask(path), GREY)


def children() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if "contract.reading.child" in " ".join(child.cmdline())
    ]


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (signal.SIGSEGV, r"crashed on it \(signal 11\)"),
        (signal.SIGKILL, "probably because memory ran out"),
        (signal.SIGXCPU, "far longer than its size explains"),
    ],
)
def test_a_decoder_that_ends_leaves_one_file_unreadable(
    tmp_path: Path, ending: signal.Signals, reason: str
) -> None:
    path = tmp_path / "m.tif"
    noise = np.random.default_rng(0).integers(0, 2**16, (2500, 2500), np.uint16)
    tifffile.imwrite(path, noise, compression="lzma")
    guarded.start()
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(guarded.read_mask, path)
        busy = at_work_on(path)
        while not busy:
            assert not reading.done(), "it was read before it was seen"
            time.sleep(0.001)
            busy = at_work_on(path)
        busy[0].send_signal(ending)
        with pytest.raises(UnreadableMask, match=reason):
            reading.result()
    path.write_bytes(tiff(GREY))
    np.testing.assert_array_equal(guarded.read_mask(path), GREY)


def at_work_on(path: Path) -> list[psutil.Process]:
    """The decoders that hold the file open: one that was not asked yet would be replaced."""
    return [child for child in children() if path in {Path(one.path) for one in child.open_files()}]


def test_a_decoder_that_ended_unasked_harms_no_file(tmp_path: Path) -> None:
    path = tmp_path / "m.tif"
    path.write_bytes(tiff(GREY))
    guarded.start()
    for child in children():
        child.kill()
        child.wait()
    np.testing.assert_array_equal(guarded.read_mask(path), GREY)


def test_many_threads_at_once(tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        paths.append(tmp_path / f"{number}.tif")
        paths[-1].write_bytes(tiff(np.full((50, 40 + number), number, np.uint8)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(guarded.read_mask, paths * 3))
    for number, labels in enumerate(found):
        assert labels.shape == (50, 40 + number % 12)
        assert (labels == number % 12).all()


def test_a_forked_process_has_decoders_of_its_own(tmp_path: Path) -> None:
    text = """
import os, sys
from pathlib import Path
from contract import guarded
guarded.start()
before = guarded._idle[0]._process.pid
if os.fork() == 0:
    labels = guarded.read_mask(Path(sys.argv[1]))
    own = guarded._idle[0]._process.pid
    os._exit(0 if labels.shape == (24, 20) and own != before else 1)
assert os.waitstatus_to_exitcode(os.wait()[1]) == 0
assert guarded.read_mask(Path(sys.argv[1])).shape == (24, 20)
print(before)
"""
    path = tmp_path / "m.tif"
    path.write_bytes(tiff(GREY))
    done = finish(code(text, path))
    assert done.returncode == 0, done.stderr
    assert not psutil.pid_exists(int(done.stdout))


def test_pipes_are_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.tif")
    with pytest.raises(UnreadableMask, match="neither a file nor a folder"):
        guarded.read_mask(tmp_path / "m.tif")


def test_interrupts_reach_the_program_and_not_its_decoder(tmp_path: Path) -> None:
    guarded.start()
    for child in children():
        child.send_signal(signal.SIGINT)
    path = tmp_path / "m.tif"
    path.write_bytes(pages(GREY, GREY))
    before = children()
    with pytest.raises(SeveralPlanes):
        guarded.read_image(path)
    assert children() == before
    assert threading.active_count() < 20


LARGE = (4100, 4097)
"""Just above what comes in memory."""


def test_large_pictures_and_masks_come_through_the_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    ids = np.zeros(LARGE, np.uint16)
    ids[::7, 5:4000] = rng.integers(0, 50000, 3995)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, ids, tile=(512, 512), compression="zlib")
    mask = guarded.open_mask(path, expected=LARGE)
    picture = guarded.read_picture(path)
    again = guarded.read_mask(path)
    assert all(isinstance(one, np.memmap) for one in (mask.labels, picture.pixels, again))
    assert (mask.labels.dtype, mask.remarks) == (np.uint16, ())
    np.testing.assert_array_equal(mask.labels, ids)
    np.testing.assert_array_equal(again, ids)
    assert picture.pixels.shape == (*LARGE, 3)
    assert all(np.array_equal(picture.pixels[..., channel], ids) for channel in range(3))
    mask.labels[0, 0] = 1
    assert again[0, 0] == guarded.read_mask(path)[0, 0] == ids[0, 0]


def test_large_masks_have_the_remarks_of_small_ones(tmp_path: Path) -> None:
    found = []
    for shape in (GREY.shape, LARGE):
        path = tmp_path / "m.tif"
        tifffile.imwrite(path, np.zeros(shape, np.uint8), extratags=[(274, 3, 1, 6, True)],
                         tile=(512, 512), compression="zlib")  # fmt: skip
        found.append(guarded.open_mask(path).remarks)
    assert found[0] == found[1]
    assert "orientation is 6" in found[1][0]


def test_large_files_are_refused_as_small_ones_are(tmp_path: Path) -> None:
    signed = np.zeros(LARGE, np.int16)
    signed[-1, -1] = -5
    for name, pixels in {"signed": signed, "floats": np.full(LARGE, 0.5, np.float32)}.items():
        tifffile.imwrite(tmp_path / name, pixels, tile=(512, 512), compression="zlib")
        with pytest.raises(WrongMaskType) as found:
            guarded.read_mask(tmp_path / name)
        with pytest.raises(WrongMaskType) as known:
            contract.read_mask(tmp_path / name)
        assert found.value.what == known.value.what
    with pytest.raises(WrongMaskSize, match="4100×4097"):
        guarded.read_mask(tmp_path / "signed", expected=(5, 5))
