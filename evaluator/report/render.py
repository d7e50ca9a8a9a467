"""Writes the report: one HTML file, its Markdown twin, the figures and the tables."""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path

import jinja2
from markupsafe import Markup

from contract import __version__, write_text
from evaluator.overlap.cell_fates import Fate
from evaluator.report.content import Content, Frames, build_content, build_frames
from evaluator.report.data import ReportData
from evaluator.report.figures import Drawing
from evaluator.report.tables import Table, escape_markdown
from evaluator.report.training import training_frame
from evaluator.report.viewer import COLOURS, TRUTH

CONTENTS = (
    ("result", "Result"),
    ("performance", "Performance"),
    ("certainty", "Certainty"),
    ("thresholds", "IoU thresholds"),
    ("groups", "Groups of images"),
    ("errors", "Kinds of error"),
    ("outcomes", "Outcomes"),
    ("samples", "Samples"),
    ("viewer", "Viewer"),
    ("images", "Every image"),
    ("models", "Each model"),
    ("training", "Training"),
    ("cost", "Cost"),
    ("dataset", "Dataset"),
    ("methods", "Methods"),
    ("provenance", "Provenance"),
)
LEGEND = tuple(
    (name, f"rgb{COLOURS[fate]}")
    for name, fate in (
        ("truth", TRUTH),
        ("matched", Fate.MATCHED),
        ("missed", Fate.MISSED),
        ("spurious", Fate.SPURIOUS),
        ("split", Fate.SPLIT),
        ("merged", Fate.MERGED),
    )
)
SUMMARY_COLUMNS = [
    "model",
    "images",
    "mean_f1",
    "median_f1",
    "std_f1",
    "mean_dice",
    "mean_precision",
    "mean_recall",
]


@dataclass(frozen=True, kw_only=True)
class ReportPaths:
    """Where the parts of a written report lie."""

    index_html: Path
    report_md: Path
    figures: Path
    tables: Path


def write_report(data: ReportData, out: Path) -> ReportPaths:
    """Render *data* into the folder *out*; index.html is put in its place last."""
    paths = ReportPaths(
        index_html=out / "index.html",
        report_md=out / "report.md",
        figures=out / "figures",
        tables=out / "tables",
    )
    frames = build_frames(data)
    content = build_content(data, frames)
    _write_tables(frames, paths.tables)
    for table in _further_tables(content):
        write_text(paths.tables / f"{table.name}.csv", table.csv())
    write_text(paths.tables / "training.csv", training_frame(data).to_csv(index=False))
    _write_figures(content.figures.values(), paths.figures)
    write_text(paths.report_md, _markdown(content))
    write_text(paths.index_html, _html(content))
    return paths


def _write_tables(frames: Frames, folder: Path) -> None:
    for field in fields(frames):
        frame = getattr(frames, field.name)
        columns = SUMMARY_COLUMNS if field.name == "summary" else list(frame.columns)
        write_text(folder / f"{field.name}.csv", frame[columns].to_csv(index=False))


def _further_tables(content: Content) -> list[Table]:
    """The tables of the page that are no part of the fixed files."""
    named = [
        content.seeds,
        content.significance,
        content.differences,
        content.ranks,
        *content.groups[1:],
        content.errors,
        content.outcomes,
        content.failures,
        content.images,
        content.sources,
        content.fairness,
        content.cost,
        content.dataset,
        content.faults,
        content.provenance,
        content.hashes,
    ]
    return [table for table in named if table is not None]


def _write_figures(figures: Iterable[Drawing], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        write_text(folder / f"{figure.name}.svg", figure.svg)


def _html(content: Content) -> str:
    environment = _environment(autoescape=True)
    environment.filters["zip"] = zip
    scripts = [_resource("page.js"), _resource("viewer.js")]
    return environment.get_template("index.html.j2").render(
        _shallow(content),
        version=__version__,
        style=_resource("style.css"),
        scripts=scripts,
        # Only these two scripts may run: a name that slipped through as markup stays inert.
        script_hashes=Markup(" ").join(_hash(script) for script in scripts),
        contents=CONTENTS,
        legend=LEGEND,
    )


def _markdown(content: Content) -> str:
    # Nothing is escaped for HTML here: the filter does it for both languages at once.
    environment = _environment(autoescape=False)
    environment.filters["md"] = escape_markdown
    text = environment.get_template("report.md.j2").render(_shallow(content))
    return re.sub(r"\n{3,}", "\n\n", text)


def _shallow(content: Content) -> dict[str, object]:
    return {field.name: getattr(content, field.name) for field in fields(content)}


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
