"""What a report consists of: sections, each a title and the blocks below it.

A section is made by one function of `sections/`; the templates show any list of them, in HTML and
in Markdown, so that both have the same contents.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from markupsafe import Markup

from evaluator.report.drawing import Figure
from evaluator.report.tables import Table


@dataclass(frozen=True, kw_only=True)
class Text:
    """Paragraphs of prose, plain and unescaped."""

    kind: ClassVar = "text"
    lines: tuple[str, ...]
    role: Literal["", "note", "list", "warning"] = ""
    """A `note` explains how to read what stands beside it; each line of a `list` is an item."""


def prose(*lines: str) -> Text:
    """Paragraphs that state what the numbers show."""
    return Text(lines=lines)


def note(*lines: str) -> Text:
    """Paragraphs that explain what stands beside them."""
    return Text(lines=lines, role="note")


@dataclass(frozen=True, kw_only=True)
class Callout:
    """A framed text with a heading of its own, to be read before anything else."""

    kind: ClassVar = "callout"
    title: str
    lines: tuple[str, ...]
    bad: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture and what is said under it; without a picture, `note` says why."""

    label: str
    note: str
    alt: str = ""
    jpeg: bytes = b""
    width: int = 0
    height: int = 0

    @property
    def uri(self) -> str:
        """The picture in a `data:` address; empty when there is none."""
        if not self.jpeg:
            return ""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode("ascii")


@dataclass(frozen=True, kw_only=True)
class Panels:
    """Pictures side by side."""

    kind: ClassVar = "panels"
    name: str
    """Unique in the report: panel n, counted from 1, is also written to figures/NAME-n.jpg."""
    title: str
    panels: tuple[Panel, ...]

    def file(self, place: int) -> str:
        """The file name of the panel at `place`, counted from 0."""
        return f"{self.name}-{place + 1}.jpg"


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """All images with layers of outlines, to be leafed through in the page.

    Markdown cannot show it and links to the page.
    """

    kind: ClassVar = "viewer"
    setup: Markup
    """JSON: the models with their colours, and the names of the images."""
    images: tuple[Markup, ...]
    """JSON of each image, read by the page when it is chosen."""
    legend: tuple[tuple[str, str], ...]
    """What a layer's colours mean: word and CSS colour."""
    threshold: float
    """The IoU at which cells are judged."""
    note: str
    """Which images are there, when not all are."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Blocks under a heading inside a section."""

    kind: ClassVar = "part"
    title: str
    blocks: "tuple[Block, ...]"
    tag: str = ""
    """A word that marks the title, such as `control`."""
    note: str = ""
    """What the title stands for, when that needs more words."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Tables that the page shows on a click."""

    kind: ClassVar = "fold"
    title: str
    blocks: tuple[Table, ...]
    open: bool = False
    """Whether they are shown from the start."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Narrow tables that stand beside each other where there is room."""

    kind: ClassVar = "beside"
    blocks: tuple[Table, ...]


Block = Text | Callout | Table | Figure | Panels | Viewer | Part | Fold | Beside


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section of the report."""

    id: str
    """Unique; the element's id in the page."""
    title: str
    """In the list of contents, and above the blocks."""
    blocks: tuple[Block, ...]
    titled: bool = True
    """False when the first block brings a heading that says more."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Contents of further files tables/NAME.csv, by name; tables among the blocks write theirs."""


def blocks(*found: Block | None) -> tuple[Block, ...]:
    """The blocks that there are."""
    return tuple(block for block in found if block is not None)


def every_block(found: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks and what is inside them, in the order of the page."""
    result: list[Block] = []
    for block in found:
        result.append(block)
        if isinstance(block, Part | Fold | Beside):
            result.extend(every_block(tuple(block.blocks)))
    return tuple(result)
