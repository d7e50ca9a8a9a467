"""Misbehaves on purpose: the first word of the first image's name says how.

Speaks the contract by hand. Whatever else a case does, each image gets a good mask first, so that a
run which survives has something to score.
"""

import contextlib
import json
import os
import signal
import sys
import zlib
from pathlib import Path

import numpy as np
import tifffile
from containers.hostile.masks import OUTCOMES, attack

from contract import label_name, list_images, read_image


def good_masks(images: list[Path], out: Path) -> None:
    for image in images:
        height, width, _ = read_image(image).shape
        labels = np.zeros((height, width), np.uint8)
        labels[4:12, 4:12] = 1
        tifffile.imwrite(out / label_name(image.name), labels, compression="zlib")


def line(image: Path, **fields: object) -> str:
    known = {"image": image.name, "mask": None, "outcome": "predicted", "cells": 1, "seconds": 0.1}
    return json.dumps(known | {"message": ""} | fields) + "\n"


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def predict(images: list[Path], out: Path) -> None:
    good_masks(images, out)
    first, lines = images[0], out / "predictions.jsonl"
    mask = out / label_name(first.name)
    attacks = [image for image in images if image.name.split("_")[0] in OUTCOMES]
    for image in attacks:
        attack(image.name.split("_")[0], out / label_name(image.name))
    match first.name.split("_")[0]:
        case "digits":
            lines.write_text(
                f'{{"image": "{first.name}", "outcome": "predicted", "cells": {"9" * 5000}}}\n'
            )
        case "seconds":
            lines.write_text(line(first, seconds=-1, cells=-5) + f'{{"image": "{first.name}",'
                             f' "outcome": "predicted", "seconds": {"9" * 400}}}\n')  # fmt: skip
        case "nested":
            lines.write_text("[" * 200_000 + "]" * 200_000 + "\n" + line(first))
        case "surrogate":
            lines.write_text(line(first, message="\ud800"))
        case "longline":
            with lines.open("w") as stream:
                stream.write('{"image": "x", "outcome": "predicted", "message": "')
                for _ in range(200):
                    stream.write("A" * 2**20)
                stream.write('"}\n' + line(first))
        case "sparselines":
            with lines.open("wb") as stream:
                stream.truncate(100 * 2**30)
        case "sparsemask":
            with mask.open("r+b") as stream:
                stream.truncate(4 * 2**40)
        case "linesfolder":
            lines.mkdir()
        case "events":
            for number in range(200_000):
                say(json.dumps({"event": "image", "image": f"{number:0200}"}))
            say('{"event": "progress", "done": ' + "9" * 5000 + ', "total": 1}')
            say('{"event": "progress", "done": ' + "[" * 100_000 + "}")
            say('{"event": "finished", "peak_memory_bytes": -5}')
        case "escape":
            evil = "\x1b[2J\x1b]0;owned\x07\r42 of 42 images scored\n42 of 42 images scored"
            say(
                json.dumps(
                    {
                        "event": "progress",
                        "stage": "predict",
                        "done": 1,
                        "total": 1,
                        "message": evil,
                    }
                )
            )
            print(evil, file=sys.stderr, flush=True)
            lines.write_text(line(first, outcome="crashed", message=evil + "x" * 2**15))
        case "modes":
            mask.chmod(0)
            (out / "locked").mkdir(mode=0)
            lines.write_text(line(first))
            lines.chmod(0)
        case "setuid":
            mask.chmod(0o6777)
        case "deep":
            deep = str(out)
            os.chdir(out)
            for _ in range(1500):
                Path("deeper").mkdir()
                os.chdir("deeper")
            os.chdir(deep)
        case "links":
            mask.unlink()
            mask.symlink_to("/etc/passwd")
            (out / "more").symlink_to("/")
            os.mkfifo(out / "pipe")
        case "bomb":
            bomb(mask)
        case "ome":
            pointing(mask)
        case "disk":
            with (out / "much").open("wb") as stream:
                for _ in range(600):
                    stream.write(os.urandom(2**20))
            while True:
                pass
        case "volume":
            with Path("/volume/much").open("wb") as stream:
                for _ in range(2000):
                    stream.write(bytes(2**20))
        case "strange":
            strange(images, out)
        case "flood":
            for _ in range(20):
                sys.stdout.write("x" * 2**20)
                sys.stderr.write("\r\x1b[2J" * 2**18)
            sys.stdout.write("y\n" * 2**17)
        case "files":
            for number in range(30_000):
                (out / f"{number}").touch()
        case "scratch":
            with Path("/tmp/much").open("wb") as stream:
                while True:
                    stream.write(bytes(2**20))
        case "forks":
            forks()
        case "child":
            if os.fork() == 0:
                hoard = []
                while True:
                    hoard.append(b"x" * 2**24)
            os.wait()
        case "wrongcall":
            raise SystemExit(2)
        case _ if not attacks:
            raise SystemExit(9)


def strange(images: list[Path], out: Path) -> None:
    """Lines that name files of others, and values that none can have; two for one image."""
    first, last = images[0], images[-1]
    (out / "stranger_label.tiff").write_bytes((out / label_name(first.name)).read_bytes())
    with (out / "predictions.jsonl").open("wb") as stream:
        for name in ("../../../run.json", "/etc/passwd", "stranger.png", "..", "", "\0"):
            line_ = {"image": name, "mask": name, "outcome": "predicted", "cells": 1}
            stream.write(json.dumps(line_).encode() + b"\n")
        name = first.name.encode()
        for value in (b"NaN", b"Infinity", b"-1", b"true", b"[]", b"{}", b"1e999", b'"7"'):
            stream.write(b'{"image": "%s", "outcome": "predicted", "cells": %s, "seconds": %s}\n'
                         % (name, value, value))  # fmt: skip
        stream.write(b'{"image": "%s", "outcome": "predicted", "message": "\xff\xfe"}\n' % name)
        stream.write(line(last, outcome="crashed").encode())
        stream.write(line(last, mask="../../../run.json", cells=3).encode())


def forks() -> None:
    """As many processes as it may have, none of which minds a signal."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        for _ in range(2000):
            if os.fork() == 0:
                signal.pause()
    print("no more", file=sys.stderr, flush=True)


def bomb(mask: Path) -> None:
    """44 000 × 44 000 float64 zeros: 15.5 GB in a hundred strips that are the same bytes."""
    side, strips = 44_000, 100
    packed = zlib.compress(bytes(side * side * 8 // strips), 1)
    packed += bytes(len(packed) % 2)
    places, sizes = 8 + len(packed), 8 + len(packed) + 4 * strips
    arrays = b"".join((8).to_bytes(4, "little") for _ in range(strips))
    arrays += b"".join(len(packed).to_bytes(4, "little") for _ in range(strips))
    one = [(256, side), (257, side), (258, 64), (259, 8), (262, 1), (277, 1), (339, 3)]
    tags = [(tag, 1, value) for tag, value in [*one, (278, side // strips)]]
    tags += [(273, strips, places), (279, strips, sizes)]
    table = len(tags).to_bytes(2, "little")
    for tag, count, value in sorted(tags):
        table += tag.to_bytes(2, "little") + b"\4\0"
        table += count.to_bytes(4, "little") + value.to_bytes(4, "little")
    head = b"II*\0" + (sizes + 4 * strips).to_bytes(4, "little")
    mask.write_bytes(head + packed + arrays + table + bytes(4))


def pointing(mask: Path) -> None:
    """An OME-TIFF of zeros whose metadata says that its pixels lie in the oracle's masks."""
    labels = tifffile.imread(mask)
    name = f"../../../oracle/seed0/predict/{mask.name}"
    height, width = labels.shape
    ome = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint8"'
        f' SizeX="{width}" SizeY="{height}" SizeC="1" SizeZ="1" SizeT="1">'
        '<TiffData IFD="0" PlaneCount="1">'
        f'<UUID FileName="{name}">urn:uuid:00000000-0000-0000-0000-000000000001</UUID>'
        "</TiffData></Pixels></Image></OME>"
    )
    tifffile.imwrite(mask, np.zeros_like(labels), description=ome, metadata=None)


def train(out: Path) -> None:
    """A record of the wrong types, folders where the harness keeps its own files, and links out."""
    (out / "weights").mkdir(exist_ok=True)
    (out / "weights" / "w.bin").write_bytes(b"w")
    with contextlib.suppress(FileExistsError):
        (out / "weights" / "passwd").symlink_to("/etc/passwd")
        (out / "checkpoint").symlink_to("/")
        os.mkfifo(out / "weights" / "pipe")
    record = {"learning_rate": "1e-4", "peak_memory_bytes": "5 GB", "final_loss": [1], "steps": {}}
    (out / "history.jsonl").write_text('{"epoch": 1, "step": "x", "loss": {}}\n[[[[\n')
    for name in ("step.json", "usage.json", "log.txt"):
        (out / name).mkdir(exist_ok=True)
    (out / "training.json").write_text(json.dumps(record))


def main() -> None:
    verb, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    if verb == "train":
        train(out)
    else:
        predict(list_images(source), out)


if __name__ == "__main__":
    main()
