"""Masks that attack whoever reads them; `OUTCOMES` says how the image of each may end."""

import os
import pickle
import socket
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import tifffile

OUTCOMES = {
    "fractions": "wrong_type",
    "nan": "wrong_type",
    "negative": "wrong_type",
    "rgb": "wrong_type",
    "complex": "wrong_type",
    "whole": "scored",
    "wide": "scored",
    "everypixel": "scored",
    "environ": "missing",
    "zero": "missing",
    "record": "missing",
    "sibling": "missing",
    "loop": "missing",
    "hardlink": "scored",
    "pipe": "missing",
    "socket": "missing",
    "folder": "missing",
    "device": "scored",
    "pixels": "wrong_shape",
    "strips": "wrong_shape",
    "pages": "wrong_type",
    "circle": "wrong_type",
    "pickled": "unreadable",
    "objects": "unreadable",
    "empty": "unreadable",
    "cut": "unreadable",
    "times": "scored",
    "named": "scored",
}
LINKS = {
    "environ": "/proc/self/environ",
    "zero": "/dev/zero",
    "record": "../../../../../run.json",
    "loop": "loop_1_label.tiff",
}


def attack(word: str, mask: Path) -> None:
    """Puts something else in place of a good mask."""
    labels = tifffile.imread(mask)
    values = {
        "fractions": labels / np.float32(3),
        "nan": np.where(labels > 0, np.nan, 0).astype(np.float32),
        "negative": -labels.astype(np.int16),
        "rgb": np.repeat(labels[..., None], 3, axis=2),
        "complex": labels.astype(np.complex64),
        "whole": labels.astype(np.float64),
        "wide": labels.astype(np.uint64) * 2**63,
        "everypixel": np.arange(labels.size, dtype=np.uint32).reshape(labels.shape),
    }
    if word in values:
        tifffile.imwrite(mask, values[word])
        return
    if word in LINKS:
        mask.unlink()
        mask.symlink_to(LINKS[word])
        return
    match word:
        case "sibling":
            mask.unlink()
            mask.symlink_to("whole_1_label.tiff")
        case "hardlink":
            os.link(mask, mask.with_name("another"))
        case "pipe":
            mask.unlink()
            os.mkfifo(mask)
        case "socket":
            mask.unlink()
            os.chdir(mask.parent)
            socket.socket(socket.AF_UNIX).bind(mask.name)
        case "folder":
            mask.unlink()
            (mask / "deeper").mkdir(parents=True)
        case "device":
            try:
                os.mknod(mask.with_name("disk"), 0o60666, os.makedev(8, 0))
                os.chown(mask, 0, 0)
            except PermissionError as error:
                print(f"device: {error}", file=sys.stderr, flush=True)
        case "pixels":
            mask.write_bytes(one_strip(40_000, bits=8))
        case "strips":
            mask.write_bytes(one_strip(100_000, bits=64))
        case "pages":
            mask.write_bytes(pages(labels, 100_000))
        case "circle":
            mask.write_bytes(pages(labels, 2, last=8))
        case "pickled":
            mask.write_bytes(pickle.dumps(Evil()))
        case "objects":
            with mask.open("wb") as stream:
                np.save(stream, np.array([Evil()], dtype=object), allow_pickle=True)
        case "empty":
            mask.write_bytes(b"")
        case "cut":
            mask.write_bytes(mask.read_bytes()[:60])
        case "times":
            os.utime(mask, (2**33, -(2**31)))
        case "named":
            for name in ("-rf", "a\nb", "\udcff", "x" * 200, "$(id)", "<b>", ".hidden"):
                (mask.parent / name).touch()


class Evil:
    """Leaves a file behind where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/cellbench-was-here",)


def ifd(tags: list[tuple[int, int, int]], following: int) -> bytes:
    """A directory of a TIFF: tag, count and value, all 32 bits."""
    table = b"".join(struct.pack("<HHII", tag, 4, count, value) for tag, count, value in tags)
    return struct.pack("<H", len(tags)) + table + struct.pack("<I", following)


def one_strip(side: int, bits: int) -> bytes:
    """side × side zeros in one strip that claims all rows and holds few bytes."""
    packed = zlib.compress(bytes(10 * 2**20))
    tags = [(256, 1, side), (257, 1, side), (258, 1, bits), (259, 1, 8), (262, 1, 1)]
    tags += [(273, 1, 8), (277, 1, 1), (278, 1, side), (279, 1, len(packed))]
    return struct.pack("<4sI", b"II*\0", 8 + len(packed)) + packed + ifd(tags, 0)


def pages(labels: np.ndarray, count: int, last: int = 0) -> bytes:
    """The same plane `count` times, each a page of its own; the last one points to `last`."""
    height, width = labels.shape
    tags = [(256, 1, width), (257, 1, height), (258, 1, 8), (259, 1, 1), (262, 1, 1)]
    size = 6 + 12 * (len(tags) + 4)
    place = 8 + size * count
    tags += [(273, 1, place), (277, 1, 1), (278, 1, height), (279, 1, labels.size)]
    starts = [8 + size * number for number in range(1, count)] + [last]
    table = b"".join(ifd(tags, start) for start in starts)
    return struct.pack("<4sI", b"II*\0", 8) + table + labels.astype(np.uint8).tobytes()
