"""How long 2000 images take to be compared with each other, and what of planted copies is found.

    python -m tests.benchmarks.leakage [IMAGES]

One image in five is for testing; one test image in ten is a copy of a training image, cut by a
tenth, mirrored, resized or with another contrast. The images are drawn: ellipses of random size,
light and texture, 256 to 512 pixels wide.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from contract import label_name, write_mask
from harness.datasets.folder import load_dataset, split_training
from harness.datasets.leakage.audit import audit

IMAGES = 2000
FORMS: tuple[Callable[[npt.NDArray[Any]], npt.NDArray[Any]], ...] = (
    lambda pixels: pixels[len(pixels) // 10 :, len(pixels) // 10 :],
    lambda pixels: pixels[:, ::-1],
    lambda pixels: np.rot90(pixels),
    lambda pixels: cv2.resize(pixels, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
    lambda pixels: (255 * (pixels / 255.0) ** 0.6).astype(np.uint8),
)


def drawn(rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A picture of cells that are no other picture's."""
    side = int(rng.integers(256, 513))
    picture = np.full((side, side), rng.integers(10, 90), np.float32)
    for _ in range(int(rng.integers(15, 80))):
        centre = tuple(int(value) for value in rng.integers(0, side, 2))
        axes = tuple(int(value) for value in rng.integers(side // 50, side // 12, 2))
        light = float(rng.uniform(60, 220))
        cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, light, -1)
    texture = cv2.GaussianBlur(rng.normal(0, 60, (side, side)).astype(np.float32), (0, 0), 2)
    noisy = cv2.GaussianBlur(picture, (0, 0), 1.5) + texture + rng.normal(0, 3, (side, side))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def write_dataset(root: Path, images: int) -> dict[str, str]:
    """Writes the images below `root`; gives each planted copy with what it was copied from."""
    rng = np.random.default_rng(0)
    planted: dict[str, str] = {}
    last: npt.NDArray[np.uint8] | None = None
    source = ""
    for number in range(images):
        name = f"cell_{number:05d}.png"
        test = number % 5 == 4
        part = root / ("Tuning" if test else "Training-labeled")
        if test and number % 50 == 49 and last is not None:
            pixels = np.ascontiguousarray(FORMS[len(planted) % len(FORMS)](last))
            planted[name] = source
        else:
            pixels = drawn(rng)
        if not test:
            last, source = pixels, name
        (part / "images").mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(part / "images" / name)
        labels = np.zeros(pixels.shape, np.uint8)
        labels[9:19, 9:19] = 1
        write_mask(part / "labels" / label_name(name), labels)
    return planted


def main() -> None:
    """Prints what it took, and what was found."""
    images = int(sys.argv[1]) if len(sys.argv) > 1 else IMAGES
    with tempfile.TemporaryDirectory() as folder:
        planted = write_dataset(Path(folder), images)
        dataset = load_dataset(Path(folder))
        began = time.process_time()
        record = audit(dataset, split_training(dataset.train))
    found = {one.image: one.other for one in record.found if one.kind in ("equal", "copy")}
    right = sum(found.get(image) == other for image, other in planted.items())
    others = [one for one in record.found if planted.get(one.image) != one.other]
    seconds = time.process_time() - began
    print(f"{record.compared} of {record.images} images compared in {record.seconds:.1f} s")
    print(f"processor time, without decoding: {seconds:.1f} s")
    print(f"planted copies found: {right} of {len(planted)}; false alarms: {len(others)}")


if __name__ == "__main__":
    main()
