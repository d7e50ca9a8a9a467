"""A generator that misbehaves as it is told to, a training folder, and what a call has left."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from contract import write_mask

GENERATOR = """
import os
from pathlib import Path
import numpy as np
from contract import CallError, GenerateCall, Sample, serve

ORDERS = Path(__file__).parents[2] / "orders"


def ordered(index):
    found = ORDERS / str(index)
    return found.read_text() if found.exists() else ""


class Generator:
    def __init__(self, weights, threads):
        if (ORDERS / "memory").exists():
            raise MemoryError("no room")

    def prepare(self, call: GenerateCall) -> None:
        print("a library chats")
        self.call = call
        if ordered("prepare") == "refuse":
            raise CallError("There are no movies here.")
        (ORDERS / "seen").write_text(" ".join(pair.stem for pair in (*call.pairs, *call.held)))

    def generate(self, index: int) -> Sample:
        with (ORDERS / "asked").open("a") as stream:
            print(index, file=stream)
        random = self.call.random(index)
        pixels = random.integers(0, 256, (20, 30), np.uint8)
        labels = np.zeros((20, 30), int)
        labels[3:9, 4:12] = 1
        source = self.call.pairs[index % len(self.call.pairs)]
        said = {"sources": (source.stem, source.stem), "modality": source.modality}
        match ordered(index):
            case "raise": raise KeyError("colour")
            case "exit": raise SystemExit
            case "memory": raise RuntimeError("CUDA out of memory")
            case "kill": os.kill(os.getpid(), 9)
            case "drop": return Sample(pixels=pixels, labels=labels, dropped=True, score=0.1,
                                       message="no contrast")
            case "nothing": return None
            case "shape": labels = labels[1:]
            case "float": pixels = pixels.astype(float)
            case "channels": pixels = np.stack([pixels] * 4, axis=2)
            case "negative": labels = labels - 1
            case "fractions": labels = labels / 2
            case "score": said["score"] = float("nan")
            case "foreign": said["sources"] = ("v0",)
            case "colour": pixels = np.stack([pixels.astype(np.uint16) * 257] * 3, axis=2)
        return Sample(pixels=pixels, labels=labels, **said)


if __name__ == "__main__":
    serve(Generator)
"""

SIDE = 48
SUBSETS = {"t0": "train", "t1": "train", "t2": "train", "v0": "val", "h0": "held", "h1": "held"}


def cells(number: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Noisy grey pixels with bright discs, two of which touch, and their labels."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[:side, :side]
    labels = np.zeros((side, side), np.uint8)
    row, column = random.integers(10, 14, 2)
    for place, (down, right) in enumerate(((0, 0), (0, 12), (22, 9)), start=1):
        distance = (rows - row - down) ** 2 + (columns - column - right) ** 2
        labels[(distance <= 36) & (labels == 0)] = place
    pixels = np.where(labels > 0, 170, 40) + random.normal(0, 6, labels.shape)
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def training_folder(root: Path, *, count: int = len(SUBSETS)) -> Path:
    """images/, labels/, split.csv and manifest.csv with the first `count` images of SUBSETS."""
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    chosen = dict(list(SUBSETS.items())[:count])
    for number, name in enumerate(chosen):
        pixels, labels = cells(number)
        Image.fromarray(pixels).save(root / "images" / f"{name}.png")
        write_mask(root / "labels" / f"{name}_label.tiff", labels)
    lines = [f"{name}.png,{subset}\n" for name, subset in chosen.items()]
    (root / "split.csv").write_text("image,subset\n" + "".join(lines))
    (root / "manifest.csv").write_text(
        "image,modality\n" + "".join(f"{name}.png,fluorescence\n" for name in chosen)
    )
    return root


def contents(out: Path) -> dict[str, bytes]:
    """The bytes of every image and label that a call has left."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.glob("*/*"))
        if path.is_file()
    }


def write_generator(root: Path, name: str, **card: Any) -> Path:
    """Writes the generator below `root`/containers; what it is told to do lies in `root`/orders."""
    folder = root / "containers" / name
    folder.mkdir(parents=True)
    (folder / "generator.py").write_text(GENERATOR)
    about = {"name": name, "title": "Dots", "verbs": ["describe", "generate"], **card}
    (folder / "model.yaml").write_text(json.dumps({**about, "entry": "generator.py"}))
    (root / "orders").mkdir(exist_ok=True)
    return folder


def order(place: Path, **orders: str) -> None:
    for name, text in orders.items():
        (place / "orders" / name.removeprefix("at_")).write_text(text)


def asked(place: Path) -> list[int]:
    """The samples that the generator was asked for since the last look."""
    path = place / "orders" / "asked"
    found = [int(line) for line in path.read_text().split()] if path.exists() else []
    path.unlink(missing_ok=True)
    return found
