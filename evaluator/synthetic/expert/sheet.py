"""Makes the sheet: one HTML file and a CSV to fill in, and the key that stays elsewhere."""

import base64
import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

import jinja2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup
from PIL import Image as Pillow

from contract import CallError, write_text
from contract.written import Written
from evaluator.synthetic.folders import HIGH, LOW, Pair, read_folder

SIDE = 96
"""Pixels of a crop, unless an image is smaller."""
SMALLEST = 24
FEWEST = 10
"""Crops of a sheet: below, even all answers right would say little."""
SHEET_HTML, ANSWERS_CSV, KEY_CSV = "sheet.html", "answers.csv", "expert-key.csv"
FOLDER = "expert"
ANSWERS = ("sheet", "expert", "item", "answer")
KEY = ("sheet", "item", "truth", "method", "image", "row", "column")
Truth = Literal["real", "synthetic"]
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Crop:
    """A square piece of an image, and where it comes from."""

    truth: Truth
    method: str
    image: str
    row: int
    column: int
    """Of its upper left pixel."""
    pixels: Pixels
    """side×side×3."""


@dataclass(frozen=True, kw_only=True)
class SheetPaths:
    """Where the parts lie; the key is not in the folder that experts are given."""

    folder: Path
    sheet: Path
    answers: Path
    key: Path


def make_sheet(
    real_root: Path, synthetic_root: Path, out: Path, count: int, seed: int = 0
) -> SheetPaths:
    """Writes `out`/expert/ (sheet.html, answers.csv) and `out`/expert-key.csv.

    `count` crops, half of them real, each around a cell that is drawn, from images in turn: all of
    one size, 8 bits, stretched by one rule, in a drawn order, without names or metadata; grey
    where one of the two sides is grey throughout. The same folders and seed give the same bytes.

    Raises CallError when there are too few crops or images too small, and where `out` holds such
    files that cellbench did not write.
    """
    if count < FEWEST:
        raise CallError(
            f"--expert-sheet {count} is too few.",
            "even if every answer were right, little could be said",
            f"ask for {FEWEST} or more; 40 is a good number",
        )
    generator = np.random.default_rng(seed)
    real, synthetic = read_folder(real_root).pairs, read_folder(synthetic_root).pairs
    crops = [
        *_crops(real, "real", count // 2, generator),
        *_crops(synthetic, "synthetic", count - count // 2, generator),
    ]
    crops = _alike(crops)
    crops = [crops[place] for place in generator.permutation(len(crops))]
    pictures = [_png(crop.pixels) for crop in crops]
    name = hashlib.sha256(b"".join(pictures)).hexdigest()[:12]
    paths = SheetPaths(
        folder=out / FOLDER,
        sheet=out / FOLDER / SHEET_HTML,
        answers=out / FOLDER / ANSWERS_CSV,
        key=out / KEY_CSV,
    )
    Written(out).claim((f"{FOLDER}/", KEY_CSV))
    items = [f"{number:03d}" for number in range(1, len(crops) + 1)]
    write_text(paths.sheet, _html(name, items, pictures))
    write_text(paths.answers, _csv(ANSWERS, [(name, "", item, "") for item in items]))
    lines = [
        (name, item, crop.truth, crop.method, crop.image, crop.row, crop.column)
        for item, crop in zip(items, crops, strict=True)
    ]
    write_text(paths.key, _csv(KEY, lines))
    return paths


def _crops(
    pairs: Sequence[Pair], truth: Truth, count: int, generator: np.random.Generator
) -> list[Crop]:
    """`count` crops of SIDE², one of an image after the other in a drawn order."""
    crops: list[Crop] = []
    order: list[int] = []
    while len(crops) < count:
        order = order or generator.permutation(len(pairs)).tolist()
        pair = pairs[order.pop()]
        opened = pair.open()
        height, width = opened.labels.shape
        if min(height, width) < SMALLEST:
            raise CallError(
                f"{pair.image} is {height}×{width} pixels, too small for a sheet.",
                do=f"take images of {SMALLEST} pixels and more a side",
            )
        side = min(SIDE, height, width)
        rows, columns = np.nonzero(opened.labels)
        if len(rows):
            place = int(generator.integers(len(rows)))
            middle = int(rows[place]), int(columns[place])
        else:
            middle = height // 2, width // 2
        row = min(max(middle[0] - side // 2, 0), height - side)
        column = min(max(middle[1] - side // 2, 0), width - side)
        pixels = opened.pixels.astype(np.float64)
        low, high = np.percentile(pixels, [LOW, HIGH])
        piece = pixels[row : row + side, column : column + side]
        shown = np.clip((piece - low) / max(high - low, 1e-9) * 255, 0, 255)
        crops.append(
            Crop(
                truth=truth,
                method=pair.method if truth == "synthetic" else "",
                image=pair.stem,
                row=row,
                column=column,
                pixels=np.round(shown).astype(np.uint8),
            )
        )
    return crops


def _alike(crops: Sequence[Crop]) -> list[Crop]:
    """The middles of the crops at the smallest side, grey where one of the two sides is grey."""
    side = min(len(crop.pixels) for crop in crops)
    grey = any(
        all(_is_grey(crop.pixels) for crop in crops if crop.truth == truth)
        for truth in ("real", "synthetic")
    )
    result = []
    for crop in crops:
        edge = (len(crop.pixels) - side) // 2
        pixels = crop.pixels[edge : edge + side, edge : edge + side]
        if grey and not _is_grey(pixels):
            pixels = np.repeat(np.round(pixels.mean(axis=2, keepdims=True)), 3, axis=2)
        result.append(
            Crop(
                truth=crop.truth,
                method=crop.method,
                image=crop.image,
                row=crop.row + edge,
                column=crop.column + edge,
                pixels=pixels.astype(np.uint8),
            )
        )
    return result


def _is_grey(pixels: Pixels) -> bool:
    return bool((pixels == pixels[..., :1]).all())


def _png(pixels: Pixels) -> bytes:
    """8 bits a channel, three channels, no metadata."""
    buffer = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(pixels), "RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _csv(columns: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    return stream.getvalue()


def _html(name: str, items: Sequence[str], pictures: Sequence[bytes]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluator.synthetic.expert"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    folder = resources.files("evaluator.synthetic.expert").joinpath("templates")
    script = folder.joinpath("sheet.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    return environment.get_template("sheet.html.j2").render(
        name=name,
        items=[
            (item, base64.b64encode(picture).decode("ascii"))
            for item, picture in zip(items, pictures, strict=True)
        ],
        script=Markup(script),  # noqa: S704  # a file of this package
        script_hash=Markup("'sha256-{}'").format(digest),
    )
