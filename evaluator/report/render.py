"""Puts the report together and writes it: one HTML file, its Markdown twin, figures, tables."""

import base64
import hashlib
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from contract import __version__, write_text
from evaluator.report import provenance, sections, sentences, training
from evaluator.report.cells import Fate
from evaluator.report.facts import all_facts
from evaluator.report.figures import Drawing, all_figures
from evaluator.report.load import DatasetImage, Model, ReportData
from evaluator.report.pictures import Panel, sample_panels
from evaluator.report.summary import (
    by_count_range,
    by_group,
    by_model,
    by_threshold,
    extremes,
    samples,
)
from evaluator.report.tables import Table, escape_markdown
from evaluator.report.viewer import COLOURS, TRUTH, build_viewer
from evaluator.strata import COUNT_RANGES

CONTENTS = (
    ("result", "Result"),
    ("performance", "Performance"),
    ("thresholds", "IoU thresholds"),
    ("groups", "Groups of images"),
    ("outcomes", "Outcomes"),
    ("samples", "Samples"),
    ("viewer", "Viewer"),
    ("images", "Every image"),
    ("models", "Each model"),
    ("training", "Training and cost"),
    ("dataset", "Dataset"),
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


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image with its panels; *reason* says why it was chosen."""

    image: DatasetImage
    reason: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class ModelSection:
    model: Model
    role: str
    state: str
    tables: tuple[Table, ...]


def write_report(data: ReportData, out: Path) -> ReportPaths:
    """Render *data* into the folder *out*; index.html is put in its place last."""
    paths = ReportPaths(
        index_html=out / "index.html",
        report_md=out / "report.md",
        figures=out / "figures",
        tables=out / "tables",
    )
    frames = _frames(data)
    figures = all_figures(data, frames["summary"], frames["thresholds"])
    _write_tables(frames, paths.tables)
    _write_figures(figures, paths.figures)
    context = _context(data, frames, figures)
    write_text(paths.report_md, _markdown(context))
    write_text(paths.index_html, _html(context))
    return paths


def _frames(data: ReportData) -> dict[str, pd.DataFrame]:
    """The tables that are written as CSV, by their file's name."""
    summary = by_model(data.at_base)
    return {
        "summary": summary,
        "thresholds": by_threshold(data.scores),
        "count_ranges": by_count_range(data.at_base),
        "extremes": extremes(data.at_base),
    }


def _write_tables(frames: dict[str, pd.DataFrame], folder: Path) -> None:
    for name, frame in frames.items():
        columns = SUMMARY_COLUMNS if name == "summary" else list(frame.columns)
        write_text(folder / f"{name}.csv", frame[columns].to_csv(index=False))


def _write_figures(figures: tuple[Drawing, ...], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for figure in figures:
        write_text(folder / f"{figure.name}.svg", figure.svg)


def _context(
    data: ReportData, frames: dict[str, pd.DataFrame], figures: tuple[Drawing, ...]
) -> dict[str, Any]:
    """Everything that the templates show."""
    summary = frames["summary"]
    order = sections.ranked(data, summary)
    facts = all_facts(data)
    return {
        "data": data,
        "version": __version__,
        "headline": sentences.headline(data, summary),
        "findings": sentences.findings(data, summary),
        "figures": {figure.name: figure for figure in figures},
        "summary": sections.summary_table(data, summary),
        "seeds": sections.seeds_table(data),
        "thresholds": sections.thresholds_table(data, frames["thresholds"], order),
        "groups": _groups(data, frames["count_ranges"], order),
        "outcomes": sections.outcomes_table(data, order),
        "failures": sections.failures_table(data),
        "samples": _samples(data),
        "viewer": build_viewer(data),
        "images": sections.images_table(data, order),
        "models": _models(data, frames, order),
        "sources": training.sources_table(data),
        "training": training.training_table(data),
        "training_summary": training.training_summary(data),
        "fairness": training.fairness_table(data),
        "cost": training.cost_table(data, facts, order) if data.run else None,
        "dataset": sections.dataset_table(data, facts),
        "faults": sections.faults_table(data),
        "provenance": provenance.provenance_table(data),
        "hashes": provenance.models_table(data),
    }


def _groups(data: ReportData, ranges: pd.DataFrame, order: list[Model]) -> list[Table]:
    """Mean F1 by count range and, where there are several, by modality."""
    images = sections.image_ranges(data)
    tables = [
        sections.group_table(
            data,
            ranges,
            images,
            order,
            name="count-ranges",
            caption=f"Mean F1 at IoU {data.base:g} by the true number of cells",
            label="Cells",
            names=COUNT_RANGES,
        )
    ]
    rows = data.at_base
    modality = rows.groupby("image")["modality"].first().replace("", "not recorded")
    if modality.nunique() > 1:
        groups = by_group(rows, rows["image"].map(modality), "modality")
        tables.append(
            sections.group_table(
                data,
                groups,
                modality,
                order,
                name="modalities",
                caption=f"Mean F1 at IoU {data.base:g} by modality",
                label="Modality",
                names=sorted(modality.unique()),
            )
        )
    return tables


def _samples(data: ReportData) -> list[Sample]:
    """Pictures of the best, median and worst image by F1 averaged over all but the controls."""
    contenders = [model.name for model in data.models if not model.is_control]
    rows = data.at_base
    chosen = samples(rows[rows["model"].isin(contenders)] if contenders else rows)
    by_name = {image.name: image for image in data.images}
    found = [
        Sample(image=by_name[name], reason=reason, panels=sample_panels(data, by_name[name]))
        for name, reason in chosen.items()
        if name in by_name
    ]
    return [sample for sample in found if sample.panels]


def _models(
    data: ReportData, frames: dict[str, pd.DataFrame], order: list[Model]
) -> list[ModelSection]:
    summary = frames["summary"]
    scored = set(summary.loc[summary["scored"] > 0, "model"])
    return [
        ModelSection(
            model=model,
            role=sections.role(model),
            state=sections.state(data, model),
            tables=(
                sections.model_thresholds_table(model, frames["thresholds"]),
                sections.extremes_table(model, frames["extremes"], "top"),
                sections.extremes_table(model, frames["extremes"], "bottom"),
            )
            if model.name in scored
            else (),
        )
        for model in order
    ]


def _html(context: dict[str, Any]) -> str:
    environment = _environment(autoescape=True)
    environment.filters["zip"] = zip
    template = environment.get_template("index.html.j2")
    scripts = [_resource("page.js"), _resource("viewer.js")]
    return template.render(
        context,
        style=_resource("style.css"),
        scripts=scripts,
        # Only these two scripts may run: a name that slipped through as markup stays inert.
        script_hashes=" ".join(_hash(script) for script in scripts),
        contents=CONTENTS,
        legend=LEGEND,
    )


def _markdown(context: dict[str, Any]) -> str:
    # Nothing is escaped for HTML here: the filter does it for both languages at once.
    environment = _environment(autoescape=False)
    environment.filters["md"] = escape_markdown
    text = environment.get_template("report.md.j2").render(context)
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
