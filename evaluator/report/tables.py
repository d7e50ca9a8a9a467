"""A table as the report shows it, in HTML and in Markdown, from one description."""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from evaluator.report.units import duration, memory
from evaluator.statistics.intervals import Interval
from evaluator.statistics.means import ModelMean

DASH = "–"


class Estimate(NamedTuple):
    """A number with its 95 % interval."""

    value: float
    low: float
    high: float


Value = str | int | float | Estimate | None


def shown(value: float, interval: Interval | None) -> Value:
    """A number with its interval, where there is one."""
    return value if interval is None else Estimate(value, interval.low, interval.high)


def shown_mean(found: ModelMean | None) -> Value:
    """A model's mean with its interval; None where there is no mean."""
    return None if found is None else shown(found.mean, found.interval)


@dataclass(frozen=True, kw_only=True)
class Column:
    label: str
    kind: Literal["text", "count", "number", "memory", "duration"] = "number"
    """`memory` is in bytes and `duration` in seconds."""
    digits: int = 4
    """Digits after the point, for numbers."""
    optional: bool = False
    """Left out by `compact` when no row has a value for it."""

    def text(self, value: Value) -> str:
        """The value as it is printed; None and NaN give a dash, never a made-up value."""
        if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
            return DASH
        if isinstance(value, str):
            return value
        if isinstance(value, Estimate):
            return f"{self.text(value.value)} {self.note(value)}"
        if self.kind == "memory":
            return memory(value)
        if self.kind == "duration":
            return duration(value)
        if self.kind == "count":
            return f"{value:,.0f}"
        if self.kind == "text":
            return f"{value:g}" if isinstance(value, float) else str(value)
        return f"{value:.{self.digits}f}"

    def main(self, value: Value) -> str:
        """The value without the interval that `note` gives."""
        return self.text(value.value if isinstance(value, Estimate) else value)

    def note(self, value: Value) -> str:
        """The interval of an estimate, in brackets; else nothing."""
        return f"({value.low:.3f} to {value.high:.3f})" if isinstance(value, Estimate) else ""


@dataclass(frozen=True, kw_only=True)
class Row:
    cells: tuple[Value, ...]
    role: Literal["", "control", "failed", "few", "total"] = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A captioned table; the first column names its row."""

    kind: ClassVar = "table"
    name: str
    """Unique in the report: the element's id, and the name of its CSV file."""
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    sortable: bool = False
    filterable: bool = False
    stored: bool = True
    """Whether it is written to tables/NAME.csv; not where a file of the section holds more."""

    def csv(self) -> str:
        """The table as CSV, unrounded; an estimate takes three columns, bytes and seconds one."""
        spread = [
            any(isinstance(row.cells[place], Estimate) for row in self.rows)
            for place in range(len(self.columns))
        ]
        units = {"memory": ", bytes", "duration": ", s"}
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        heads: list[str] = []
        for column, wide in zip(self.columns, spread, strict=True):
            label = column.label + units.get(column.kind, "")
            heads += [label, f"{label}: low", f"{label}: high"] if wide else [label]
        writer.writerow(heads)
        for row in self.rows:
            line: list[Value] = []
            for value, wide in zip(row.cells, spread, strict=True):
                if isinstance(value, Estimate):
                    line += [value.value, value.low, value.high]
                else:
                    line += [value, None, None] if wide else [value]
            writer.writerow(line)
        return stream.getvalue()

    def markdown(self) -> str:
        heads = [escape_markdown(column.label) for column in self.columns]
        rule = [":--" if column.kind == "text" else "--:" for column in self.columns]
        lines = [_line(heads), _line(rule)]
        lines.extend(
            _line(
                [
                    escape_markdown(column.text(value))
                    for column, value in zip(self.columns, row.cells, strict=True)
                ]
            )
            for row in self.rows
        )
        return "\n".join(lines)


def compact(
    *,
    name: str,
    caption: str,
    columns: tuple[Column, ...],
    rows: tuple[Row, ...],
    sortable: bool = False,
    stored: bool = True,
) -> Table:
    """A table without those of its optional columns that hold nothing."""
    kept = [
        place
        for place, column in enumerate(columns)
        if not column.optional or any(column.text(row.cells[place]) != DASH for row in rows)
    ]
    return Table(
        name=name,
        caption=caption,
        columns=tuple(columns[place] for place in kept),
        rows=tuple(
            Row(cells=tuple(row.cells[place] for place in kept), role=row.role) for row in rows
        ),
        sortable=sortable,
        stored=stored,
    )


def facts_table(name: str, caption: str, pairs: Iterable[tuple[str, str]]) -> Table:
    """A table of two columns, what and its value."""
    return Table(
        name=name,
        caption=caption,
        columns=(Column(label="What", kind="text"), Column(label="Value", kind="text")),
        rows=tuple(Row(cells=pair) for pair in pairs),
    )


MODEL = Column(label="Model", kind="text")
"""The first column of most tables."""


def escape_markdown(text: str) -> str:
    """The text with everything that Markdown or its HTML could read as markup made plain."""
    flat = re.sub(r"\s+", " ", text)
    return re.sub(r"([\\`*_\[\]<>|#~$])", r"\\\1", flat).replace("&", "&amp;")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
