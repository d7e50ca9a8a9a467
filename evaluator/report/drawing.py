"""What the figures share: their style, and SVG with the same bytes for the same numbers."""

import io
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from evaluator.report.data import Model

TEXT = "#24292f"
GRID = "#d0d7de"
CONTROL = "#7d8590"
# Okabe and Ito's colours, told apart by most colour-blind readers; markers differ as well.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = "osD^vP*X"
WIDTH = 7.6
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "cellbench",
    "font.family": "sans-serif",
    "font.size": 11,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "axes.edgecolor": TEXT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
    "legend.frameon": False,
}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A finished figure."""

    kind: ClassVar = "figure"
    name: str
    """Unique in the report; it is also written to figures/NAME.svg."""
    caption: str
    svg: str
    """A whole SVG document with a white ground."""

    @property
    def inline(self) -> str:
        """The `<svg>` element for a page: the page's text colour, ids made unique, no ground."""
        element = self.svg[self.svg.index("<svg") :]
        element = re.sub(r"<metadata>.*?</metadata>", "", element, flags=re.DOTALL)
        element = re.sub(r'\bid="', f'id="{self.name}-', element)
        element = re.sub(r'(href="|url\()#', rf"\1#{self.name}-", element)
        element = element.replace(TEXT, "currentColor").replace(GRID, "var(--line)")
        element = element.replace("fill: #ffffff", "fill: none")
        # The figure's caption and the tables say the same in text.
        return element.replace("<svg ", '<svg role="img" aria-hidden="true" focusable="false" ', 1)


def looks(models: Iterable[Model]) -> dict[str, dict[str, Any]]:
    """Colour, marker and line style of each model, the same in every figure."""
    result: dict[str, dict[str, Any]] = {}
    place = 0
    for number, model in enumerate(models):
        marker = MARKERS[number % len(MARKERS)]
        if model.is_control:
            result[model.name] = {"color": CONTROL, "marker": marker, "linestyle": "--"}
        else:
            colour = COLOURS[place % len(COLOURS)]
            result[model.name] = {"color": colour, "marker": marker, "linestyle": "-"}
            place += 1
    return result


def style() -> AbstractContextManager[None]:
    """The report's style, for as long as a figure is drawn and finished."""
    return mpl.rc_context(STYLE)


def canvas(height: float) -> tuple[Drawing, Axes]:
    """A drawing of the page's width and `height` inches with one pair of axes."""
    drawing = Drawing(figsize=(WIDTH, height), layout="constrained")
    return drawing, drawing.add_subplot()


def pair_of_axes(height: float, *, sharey: bool = False) -> tuple[Drawing, tuple[Axes, Axes]]:
    """The same with two axes side by side."""
    drawing = Drawing(figsize=(WIDTH, height), layout="constrained")
    left, right = drawing.subplots(1, 2, sharey=sharey)
    return drawing, (left, right)


def legend_above(drawing: Drawing, axes: Axes, columns: int) -> None:
    """What the marks of `axes` stand for, each label once, above everything."""
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    if unique:
        drawing.legend(
            list(unique.values()), list(unique), loc="outside upper center", ncols=columns
        )


def finished(drawing: Drawing, name: str, caption: str) -> Figure:
    """The drawing as SVG."""
    buffer = io.StringIO()
    drawing.savefig(buffer, format="svg", metadata={"Date": None})
    return Figure(name=name, caption=caption, svg=buffer.getvalue())
