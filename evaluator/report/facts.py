"""Facts about the dataset, drawn from the images themselves: sizes, formats, depths, cells."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from contract.images import pillow_without_limit
from evaluator.report.data import ReportData


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What an image's header tells; no pixel is decoded."""

    height: int
    width: int
    kind: str
    """Format and depth, as "TIFF, uint16"."""


def image_facts(path: Path) -> ImageFacts | None:
    """Size and format of an image file, None when its header cannot be read."""
    try:
        if path.suffix.lower() in (".tif", ".tiff"):
            return _tiff_facts(path)
        return _other_facts(path)
    except Exception:  # decoders raise whatever they like on damaged files
        return None


def all_facts(data: ReportData) -> dict[str, ImageFacts]:
    """Facts of every test image whose file is there, by image name."""
    found = {}
    for image in data.images:
        facts = image_facts(image.image) if image.image is not None else None
        if facts is not None:
            found[image.name] = facts
    return found


def counted(values: list[str], limit: int = 8) -> str:
    """Values with how often each occurs, most frequent first: "TIFF, uint8 (12), PNG … (3)"."""
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    shown = "; ".join(f"{value} ({count})" for value, count in counts[:limit])
    rest = len(counts) - limit
    return shown + (f"; and {rest} more" if rest > 0 else "")


def _tiff_facts(path: Path) -> ImageFacts:
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        return ImageFacts(
            height=int(page.imagelength), width=int(page.imagewidth), kind=f"TIFF, {page.dtype}"
        )


def _other_facts(path: Path) -> ImageFacts:
    from PIL import Image as Pillow

    with pillow_without_limit(), Pillow.open(path) as image:
        depth = "uint16" if image.mode.startswith("I") else "uint8"
        return ImageFacts(
            height=image.height, width=image.width, kind=f"{image.format}, {depth}, {image.mode}"
        )
