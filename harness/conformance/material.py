"""What a model is shown: ordinary pictures, odd ones, odd names, and files that are no pictures."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from containers.base.simulated.image import SimulatedImage
from containers.base.simulated.modalities import Modality, simulate_image
from contract import label_name, write_mask

Pixels = npt.NDArray[np.generic]
SIDE = 96
"""px; of the pictures, if they are not about size."""
TRAINING_PICTURES = 8
DOT = 9
"""px; the side of one of very many cells."""
PITCH = 15
"""px from one of those to the next."""
MANY_SIZE = (3000, 5000)
MODALITIES: tuple[Modality, ...] = ("fluorescence", "smear", "phase")


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One file to predict. `size` is None for what is no picture: it must be told apart."""

    title: str
    name: str
    content: Callable[[], bytes]
    labels: Callable[[], npt.NDArray[np.integer]] | None

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width of the mask that is due; None when none is."""
        if self.labels is None:
            return None
        height, width = self.labels().shape
        return height, width


@cache
def scene(modality: Modality, seed: int = 0) -> SimulatedImage:
    """A simulated picture of SIDE×SIDE px."""
    return simulate_image(modality, seed, SIDE)


def ordinary() -> list[Picture]:
    """Three pictures that every model has to take."""
    return [
        _simulated(f"an 8-bit PNG of {modality}", f"cell_{number}.png", modality, number)
        for number, modality in enumerate(MODALITIES, start=1)
    ]


def odd_pictures() -> list[Picture]:
    """Kinds of pixels, sizes and contents that datasets hold."""
    grey = scene("phase").pixels.astype(np.uint8)
    alpha = np.full_like(grey, 255)
    many = np.stack([grey] * 5)
    rng = np.random.default_rng(0)
    noise = rng.normal(100, 5, (64, 80)).clip(0, 255).astype(np.uint8)
    disc = (np.hypot(*np.mgrid[-32:32, -40:40]) < 12).astype(np.uint8)
    tiny = np.array([[7]], np.uint8)
    known = scene("phase").labels
    none = np.zeros_like(noise)
    return [
        _picture("16 bits a pixel", "sixteen.tif", _tiff(grey.astype(np.uint16) * 200), known),
        _picture("floating-point pixels, one NaN", "float.tif", _tiff(_with_nan(grey)), known),
        _picture("grey with alpha", "grey_alpha.png", _png(grey, alpha), known),
        _picture("colour with alpha", "rgba.png", _png(grey, grey, grey, alpha), known),
        _picture("five channels", "channels.tif", _tiff(many, metadata={"axes": "CYX"}), known),
        _picture("a constant picture", "constant.png", _png(np.full_like(noise, 90)), none),
        _picture("no cells, noise alone", "no_cells.png", _png(noise), none),
        _picture("a single cell", "one_cell.png", _png(noise // 2 + 90 * disc), disc),
        _picture("a single pixel", "pixel.png", _png(tiny), np.zeros_like(tiny)),
        _picture("3×260 pixels", "strip.png", _png(np.tile(noise[:3], (1, 4))[:, :260]), _none(3)),
    ]


def odd_names() -> list[Picture]:
    """Names that people and their systems give."""
    return [
        _simulated(title, name, "phase", 0)
        for title, name in (
            ("a name with spaces", "two words here.png"),
            ("a name with dots", "dots.final.v2.png"),
            ("a name with brackets", "plate[3](b){c}.png"),
            ("a name with quotes", 'it\'s "so".png'),
            ("an accent as part of its letter", "gr\u00f6\u00dfe.png"),
            ("an accent as a character of its own", "mu\u0308ller.png"),
            ("a name with a line break", "line\nbreak.png"),
            ("a name that begins with a dash", "-rf.png"),
        )
    ]


def no_pictures() -> list[Picture]:
    """Files that look like pictures and cannot be used."""
    whole = _tiff(scene("phase").pixels)()
    stack = _tiff(np.stack([scene("phase").pixels] * 3), photometric="minisblack")
    return [
        _picture("a picture that is cut off", "cut_off.tif", lambda: whole[: len(whole) // 2]),
        _picture("a text that is called a picture", "text.png", lambda: b"this is no picture\n"),
        _picture("an empty file", "empty.png", lambda: b""),
        _picture("a stack of three planes", "stack.tif", stack),
    ]


def very_many_cells() -> Picture:
    """A picture of 3000×5000 px with 66,600 square cells, more than 16 bits can number."""

    @cache
    def labels() -> npt.NDArray[np.integer]:
        rows, columns = np.indices(MANY_SIZE, np.int32)
        number = rows // PITCH * (MANY_SIZE[1] // PITCH) + columns // PITCH + 1
        inside = (rows % PITCH < DOT) & (columns % PITCH < DOT)
        return np.where(inside & (columns < MANY_SIZE[1] // PITCH * PITCH), number, 0)

    def content() -> bytes:
        return _png(np.where(labels() > 0, 200, 30).astype(np.uint8))()

    return Picture(
        title="3000×5000 pixels with 66,600 cells", name="many.png", content=content, labels=labels
    )


def tiled(side: int) -> Picture:
    """A square picture of `side`×`side` px with cells all over, to measure time and memory on."""
    times = -(-side // SIDE)
    pixels = np.tile(scene("fluorescence").pixels, (times, times))[:side, :side]
    none = np.zeros((side, side), np.uint8)
    return _picture(f"{side}×{side} pixels", f"side_{side}.png", _png(pixels), none)


def write_pictures(folder: Path, pictures: Sequence[Picture]) -> tuple[Path, Path]:
    """Writes pictures and their true labels into two new folders; returns both."""
    images, truth = folder / "images", folder / "truth"
    for made in (images, truth):
        made.mkdir(parents=True)
        made.chmod(0o755)
    for picture in pictures:
        (images / picture.name).write_bytes(picture.content())
        if picture.labels is not None:
            write_mask(truth / label_name(picture.name), picture.labels())
    for path in (*images.iterdir(), *truth.iterdir()):
        path.chmod(0o644)
    return images, truth


def write_training(folder: Path, *, held: int = 0) -> Path:
    """A training folder of a few simulated pictures, one in four of them for validation.

    The first few that are not may be `held` back.
    """
    pictures = [
        _simulated("", f"train_{number}.png", MODALITIES[number % len(MODALITIES)], 100 + number)
        for number in range(TRAINING_PICTURES)
    ]
    _, truth = write_pictures(folder, pictures)
    truth.rename(folder / "labels")
    folder.chmod(0o755)
    lines = [
        f"{picture.name},{'val' if number % 4 == 3 else 'held' if number < held else 'train'}"
        for number, picture in enumerate(pictures)
    ]
    (folder / "split.csv").write_text("\n".join(["image,subset", *lines]) + "\n")
    (folder / "split.csv").chmod(0o644)
    return folder


def false_labels(size: tuple[int, int]) -> npt.NDArray[np.integer]:
    """H×W labels that no picture shows: a chessboard of squares."""
    rows, columns = np.indices(size)
    number = rows // 8 * (size[1] // 8 + 1) + columns // 8 + 1
    return np.where((rows // 8 + columns // 8) % 2 == 0, number, 0)


def _simulated(title: str, name: str, modality: Modality, seed: int) -> Picture:
    found = scene(modality, seed)
    return _picture(title, name, _png(found.pixels.astype(np.uint8)), found.labels)


def _picture(
    title: str,
    name: str,
    content: Callable[[], bytes],
    labels: npt.NDArray[np.integer] | None = None,
) -> Picture:
    return Picture(
        title=title, name=name, content=content, labels=None if labels is None else lambda: labels
    )


def _none(height: int) -> npt.NDArray[np.integer]:
    return np.zeros((height, 260), np.uint8)


def _with_nan(grey: Pixels) -> Pixels:
    pixels = grey.astype(np.float32) / 255
    pixels[3, 3] = np.nan
    return pixels


def _png(*channels: Pixels) -> Callable[[], bytes]:
    def write() -> bytes:
        from PIL import Image

        stream = io.BytesIO()
        pixels = channels[0] if len(channels) == 1 else np.stack(channels, axis=-1)
        Image.fromarray(pixels).save(stream, "PNG")
        return stream.getvalue()

    return write


def _tiff(pixels: Pixels, **options: Any) -> Callable[[], bytes]:
    def write() -> bytes:
        import tifffile

        stream = io.BytesIO()
        tifffile.imwrite(stream, pixels, **options)
        return stream.getvalue()

    return write
