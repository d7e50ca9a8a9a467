"""Whether a written report says what the scores give: it is made again and held against it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from html.parser import HTMLParser
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.render import PUBLISHED, html, markdown, tables
from evaluator.report.sections import make_sections
from evaluator.runs.words import PROTOCOLS, Metrics
from evaluator.statistics.paired import MARGIN

QUIET = ("script", "style", "svg", "title")
"""Elements whose text says nothing about scores, or is drawn."""
BLOCKS = ("p", "li", "h1", "h2", "h3", "h4", "caption", "figcaption", "summary", "tr", "pre")
SHOWN = 3
"""Differing lines that are named of one table or section."""


class Chunk(NamedTuple):
    """The text of one paragraph, heading or row of a table."""

    place: str
    """The id of its table, or else of its section."""
    text: str


def report_faults(source: Path, report: Path) -> tuple[str, ...]:
    """Sentences on each number, sentence or table of a report that its scores do not give.

    `source` is a run or a folder of scores, `report` the folder that `build_report` made of it:
    tables/, report.md and the words of index.html are compared with those of a report that is made
    again in memory, by the same protocol, metrics and margin. Published scores, whose file is no
    part of a run, are left out with the tables that show them. Pictures are not compared.

    Raises what `build_report` does of its source, and FileNotFoundError without an index.html.
    """
    written = (report / "index.html").read_text("utf-8")
    page = _Page(written)
    rules = page.rules
    protocol = next((name for name in PROTOCOLS if name == rules.get("protocol")), None)
    margin = float(rules.get("margin") or MARGIN)
    metrics: Metrics | None = "all" if rules.get("metrics") == "all" else None
    data = load_report(source, protocol, metrics)
    sections = make_sections(Numbers(data=data, margin=margin))
    published = rules.get("published") == "yes"
    spared = PUBLISHED if published else frozenset[str]()
    fresh = _Page(html(data, sections, margin=margin, published=published))
    faults = list(_chunks(page.chunks, fresh.chunks, spared))
    faults += _files(report / "tables", dict(tables(sections)), spared)
    twin = report / "report.md"
    if not published and (
        not twin.is_file() or twin.read_text("utf-8") != markdown(data, sections)
    ):
        faults.append("report.md is not what the scores give")
    return tuple(faults)


def _chunks(
    written: Sequence[Chunk], fresh: Sequence[Chunk], spared: frozenset[str]
) -> Iterator[str]:
    extra, absent = Counter(written) - Counter(fresh), Counter(fresh) - Counter(written)
    for place in dict.fromkeys(chunk.place for chunk in (*extra, *absent)):
        if place.removeprefix("table-") in spared:
            continue
        sides = [
            [chunk.text for chunk in side.elements() if chunk.place == place]
            for side in (extra, absent)
        ]
        pairs = list(zip_longest(*sides, fillvalue=""))
        for has, gives in pairs[:SHOWN]:
            yield f"index.html, {place}: it says “{has}”, the scores give “{gives}”"
        if len(pairs) > SHOWN:
            yield f"index.html, {place}: {len(pairs) - SHOWN} more lines differ"


def _files(folder: Path, fresh: Mapping[str, str], spared: frozenset[str]) -> Iterator[str]:
    written = {path.name: path for path in sorted(folder.glob("*.csv"))}
    for name in sorted({*written, *fresh}):
        if name.removesuffix(".csv") in spared:
            continue
        if name not in written:
            yield f"tables/{name} is missing"
        elif name not in fresh:
            yield f"tables/{name} is no table of this report"
        else:
            lines = written[name].read_text("utf-8").splitlines()
            both = zip_longest(lines, fresh[name].splitlines(), fillvalue="")
            for number, (has, gives) in enumerate(both, start=1):
                if has != gives:
                    yield f"tables/{name}, line {number}: it says {has}, the scores give {gives}"
                    break


class _Page(HTMLParser):
    """The rules and the words of a report's page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rules: dict[str, str] = {}
        self.chunks: list[Chunk] = []
        self._section = self._table = ""
        self._quiet = 0
        self._words: list[str] = []
        self.feed(text)
        self._flush()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "meta" and (named.get("name") or "").startswith("cellbench-"):
            self.rules[str(named["name"]).removeprefix("cellbench-")] = named.get("content") or ""
        elif tag == "section":
            self._section = named.get("id") or ""
        elif tag == "table":
            self._table = named.get("id") or ""
        elif tag in QUIET:
            self._quiet += 1
        if tag in BLOCKS:
            self._flush()
        elif tag in ("td", "th") and self._words:
            self._words.append("|")

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self._flush()
        if tag == "table":
            self._table = ""
        elif tag in QUIET:
            self._quiet -= 1

    def handle_data(self, data: str) -> None:
        if not self._quiet and data.strip():
            self._words.append(" ".join(data.split()))

    def _flush(self) -> None:
        if self._words:
            self.chunks.append(Chunk(self._table or self._section, " ".join(self._words)))
        self._words = []
