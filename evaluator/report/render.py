"""Writes the report: one HTML file, its Markdown twin, the figures and the tables."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from contract import __version__, write_aside, write_text
from contract.written import Written
from evaluator.report.data import ReportData
from evaluator.report.drawing import Figure
from evaluator.report.numbers import Numbers
from evaluator.report.section import Panels, Section, every_block
from evaluator.report.sections import make_sections
from evaluator.report.tables import Table, escape_markdown
from evaluator.statistics.paired import MARGIN

PUBLISHED = frozenset({"performance", "summary"})
"""The section, and the table in it, that show published scores, where a file of them was given."""


@dataclass(frozen=True, kw_only=True)
class ReportPaths:
    """Where the parts of a written report lie."""

    index_html: Path
    report_md: Path
    figures: Path
    tables: Path


def write_report(numbers: Numbers, out: Path) -> ReportPaths:
    """Renders all sections into the folder `out`; index.html is put in its place last."""
    paths = _paths(out)
    sections = make_sections(numbers)
    page = html(
        numbers.data,
        sections,
        margin=numbers.margin,
        published=numbers.published is not None,
    )
    _write(paths, sections, page, markdown(numbers.data, sections))
    return paths


def write_page(title: str, subtitle: str, sections: Sequence[Section], out: Path) -> ReportPaths:
    """Renders sections that are of no run into the folder `out`, otherwise as `write_report`."""
    paths = _paths(out)
    told = {"title": title, "subtitle": subtitle, "sections": sections}
    _write(paths, sections, _html("plain.html.j2", **told), _markdown("plain.md.j2", **told))
    return paths


def _paths(out: Path) -> ReportPaths:
    return ReportPaths(
        index_html=out / "index.html",
        report_md=out / "report.md",
        figures=out / "figures",
        tables=out / "tables",
    )


def _write(paths: ReportPaths, sections: Sequence[Section], page: str, twin: str) -> None:
    _replace(paths.tables, {name: text.encode() for name, text in tables(sections)})
    _replace(paths.figures, dict(_figures(sections)))
    write_text(paths.report_md, twin)
    write_text(paths.index_html, page)


def tables(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    """Name and contents of every file of tables/."""
    for section in sections:
        for name, text in section.files.items():
            yield f"{name}.csv", text
        for block in every_block(section.blocks):
            if isinstance(block, Table) and block.stored:
                yield f"{block.name}.csv", block.csv()


def _figures(sections: Sequence[Section]) -> Iterator[tuple[str, bytes]]:
    """Name and contents of every file of figures/."""
    for section in sections:
        for block in every_block(section.blocks):
            if isinstance(block, Figure):
                yield f"{block.name}.svg", block.svg.encode()
            elif isinstance(block, Panels):
                for place, panel in enumerate(block.panels):
                    if panel.jpeg:
                        yield block.file(place), panel.jpeg


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    """Makes these the files of the folder; those of an earlier report that are no more go."""
    folder.mkdir(parents=True, exist_ok=True)
    written = Written(folder.parent)
    for name, content in files.items():
        written.note(f"{folder.name}/{name}")
        write_aside(folder / name, partial(_write_bytes, content))
    for path in folder.iterdir():
        ours = f"{folder.name}/{path.name}" in written.names
        if ours and path.name not in files and path.is_file():
            path.unlink()


def _write_bytes(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def html(
    data: ReportData,
    sections: Sequence[Section],
    *,
    margin: float = MARGIN,
    published: bool = False,
) -> str:
    """The page, whole in itself; it records by which rules it was made."""
    return _html("page.html.j2", data=data, sections=sections, margin=margin, published=published)


def _html(template: str, **told: Any) -> str:
    environment = _environment(autoescape=True)
    environment.filters["zip"] = zip
    scripts = [_resource("page.js"), _resource("viewer.js")]
    return environment.get_template(template).render(
        **told,
        version=__version__,
        style=_resource("style.css"),
        scripts=scripts,
        # Only these two scripts may run: a name that slipped through as markup stays inert.
        script_hashes=Markup(" ").join(_hash(script) for script in scripts),
    )


def markdown(data: ReportData, sections: Sequence[Section]) -> str:
    """The same in Markdown, with the figures and pictures by their files."""
    return _markdown("page.md.j2", data=data, sections=sections)


def _markdown(template: str, **told: Any) -> str:
    # Nothing is escaped for HTML here: the filter does it for both languages at once.
    environment = _environment(autoescape=False)
    environment.filters["md"] = escape_markdown
    text = environment.get_template(template).render(**told)
    return re.sub(r"\n{3,}", "\n\n", text)


def _environment(*, autoescape: bool) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("evaluator.report"),
        autoescape=autoescape,  # noqa: S701  # off for Markdown, see there
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )


def _hash(script: str) -> Markup:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return Markup("'sha256-{}'").format(base64.b64encode(digest).decode("ascii"))


def _resource(name: str) -> Markup:
    """A file of ours that goes into the page as it stands."""
    text = resources.files("evaluator.report").joinpath("templates", name).read_text("utf-8")
    return Markup(text)  # noqa: S704  # a file of this package, with no value of a run in it
