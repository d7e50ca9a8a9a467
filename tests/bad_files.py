"""A folder of images as users have them: good ones of every kind, and bad ones."""

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from tests.datasets import cells

GOOD = (
    "plain.png",
    "one pixel.png",
    "rgba.png",
    "sixteen.tif",
    "floating.tif",
    "größe 1.final.v2.png",
    "palette.png",
    "planar.tif",
)
BAD = ("truncated.tif", "text.png", "empty.png", "pages.tif")


def write_images(folder: Path) -> Path:
    """Writes every file of GOOD and BAD into a new folder."""
    folder.mkdir(parents=True)
    grey, _ = cells(64)
    Image.fromarray(grey).save(folder / "plain.png")
    Image.fromarray(grey[:1, :1]).save(folder / "one pixel.png")
    colour = np.stack([grey, grey // 2, grey // 3, np.full_like(grey, 255)], axis=-1)
    Image.fromarray(colour, "RGBA").save(folder / "rgba.png")
    tifffile.imwrite(folder / "sixteen.tif", grey.astype(np.uint16) * 200)
    floating = grey.astype(np.float32)
    floating[3, 3], floating[4, 4] = np.nan, np.inf
    tifffile.imwrite(folder / "floating.tif", floating)
    Image.fromarray(grey).save(folder / "größe 1.final.v2.png")
    Image.fromarray(grey).convert("P").save(folder / "palette.png")
    tifffile.imwrite(
        folder / "planar.tif", np.stack([grey] * 3), photometric="rgb", planarconfig="separate"
    )
    tifffile.imwrite(folder / "pages.tif", np.stack([grey] * 3), photometric="minisblack")
    whole = (folder / "sixteen.tif").read_bytes()
    (folder / "truncated.tif").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("this is no image\n")
    (folder / "empty.png").write_bytes(b"")
    return folder


def sizes() -> dict[str, tuple[int, int]]:
    """Height and width of each good image."""
    return {name: (1, 1) if name == "one pixel.png" else (64, 64) for name in GOOD}
