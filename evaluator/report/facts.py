"""Facts about the dataset, drawn from the images themselves: sizes, formats, depths, cells."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from contract import UnreadableImage, read_header
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
        header = read_header(path)
    except UnreadableImage:
        return None
    return ImageFacts(height=header.height, width=header.width, kind=header.format)


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
