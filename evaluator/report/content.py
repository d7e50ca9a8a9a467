"""Everything that the report shows, computed from the data and ready for the templates."""

from dataclasses import dataclass

import pandas as pd

from evaluator.report import certainty, ledger, provenance, published, sections, sentences, training
from evaluator.report.cost import cost_table, costs
from evaluator.report.data import DatasetImage, Model, ReportData
from evaluator.report.error_pictures import ErrorKind, error_kinds
from evaluator.report.errors import errors_table
from evaluator.report.facts import all_facts
from evaluator.report.figures import Drawing, all_figures
from evaluator.report.groups import group_table, image_ranges, stratum_columns
from evaluator.report.methods import methods_text
from evaluator.report.pictures import Panel, sample_panels
from evaluator.report.sentences import Headline
from evaluator.report.summary import (
    by_count_range,
    by_group,
    by_model,
    by_threshold,
    disagreements,
    extremes,
    samples,
)
from evaluator.report.tables import Table
from evaluator.report.viewer import Viewer, build_viewer
from evaluator.scores.strata import COUNT_RANGES


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The tables that are written as CSV, unrounded."""

    summary: pd.DataFrame
    thresholds: pd.DataFrame
    count_ranges: pd.DataFrame
    extremes: pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image with its panels; *reason* says why it was chosen."""

    image: DatasetImage
    reason: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, kw_only=True)
class ModelSection:
    """One model's part of the report; without scores it has no tables."""

    model: Model
    role: str
    state: str
    tables: tuple[Table, ...]
    examples: tuple[Sample, ...]
    """Its own best and worst image; none for controls."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What the templates show, under the names that they use."""

    data: ReportData
    headline: Headline
    findings: list[str]
    figures: dict[str, Drawing]
    summary: Table
    published: str
    seeds: Table | None
    significance: Table | None
    differences: Table | None
    ranks: Table | None
    thresholds: Table
    groups: list[Table]
    errors: Table | None
    error_kinds: list[ErrorKind]
    outcomes: Table
    failures: Table | None
    samples: list[Sample]
    disagreements: list[Sample]
    viewer: Viewer | None
    images: Table
    models: list[ModelSection]
    sources: Table | None
    training: Table | None
    training_summary: list[str]
    fairness: Table | None
    cost: Table | None
    dataset: Table
    faults: Table | None
    methods: list[str]
    provenance: Table | None
    hashes: Table | None


def build_frames(data: ReportData) -> Frames:
    return Frames(
        summary=by_model(data.at_base),
        thresholds=by_threshold(data.scores),
        count_ranges=by_count_range(data.at_base),
        extremes=extremes(data.at_base),
    )


def build_content(data: ReportData, frames: Frames) -> Content:
    """All parts of the report."""
    summary = frames.summary
    order = sections.ranked(data, summary)
    # A model without a single mask would only show that it failed, which stands elsewhere.
    scored = set(summary.loc[summary["scored"] > 0, "model"])
    ranking = [model.name for model in sentences.ranking(data, summary)]
    contenders = [name for name in ranking if name in scored]
    facts = all_facts(data)
    pairs = certainty.compared(data.at_base, contenders)
    found_costs = costs(data, summary, facts, order)
    places = {model.name: place for place, model in enumerate(order)}
    by_rank = summary.sort_values("model", key=lambda names: names.map(places))
    drawings = all_figures(data, by_rank, frames.thresholds, found_costs)
    shown = samples(_of(data, contenders))
    summary_table = sections.summary_table(data, summary)
    compared = any(column.label == "Published F1" for column in summary_table.columns)
    return Content(
        data=data,
        headline=sentences.headline(data, summary, pairs),
        findings=sentences.findings(data, summary, pairs),
        figures={drawing.name: drawing for drawing in drawings},
        summary=summary_table,
        published=published.NOTE if compared else "",
        seeds=sections.seeds_table(data),
        significance=certainty.matrix_table(pairs, data.base),
        differences=certainty.differences_table(pairs, data.base),
        ranks=certainty.ranks_table(data.at_base, contenders),
        thresholds=sections.thresholds_table(data, frames.thresholds, order),
        groups=_groups(data, frames.count_ranges, order),
        errors=errors_table(data, order),
        error_kinds=error_kinds(data, [model for model in order if model.name in contenders]),
        outcomes=ledger.outcomes_table(data, order),
        failures=ledger.failures_table(data),
        samples=_pictures(data, shown, order),
        disagreements=_pictures(
            data, disagreements(_of(data, contenders), leave_out=set(shown)), order
        ),
        viewer=build_viewer(data),
        images=sections.images_table(data, order),
        models=_models(data, frames, order),
        sources=training.sources_table(data),
        training=training.training_table(data),
        training_summary=training.training_summary(data),
        fairness=training.fairness_table(data),
        cost=cost_table(found_costs),
        dataset=sections.dataset_table(data, facts),
        faults=ledger.faults_table(data),
        methods=methods_text(data),
        provenance=provenance.provenance_table(data),
        hashes=provenance.models_table(data),
    )


def _of(data: ReportData, contenders: list[str]) -> pd.DataFrame:
    """The rows of the models that are no controls, or of all when there are only controls."""
    rows = data.at_base
    return rows[rows["model"].isin(contenders)] if contenders else rows


def _groups(data: ReportData, ranges: pd.DataFrame, order: list[Model]) -> list[Table]:
    """Mean F1 by count range, by modality and by the other columns of the manifest."""
    tables = [
        group_table(
            data,
            ranges,
            image_ranges(data),
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
        tables.append(
            group_table(
                data,
                by_group(rows, rows["image"].map(modality), "modality"),
                modality,
                order,
                name="modalities",
                caption=f"Mean F1 at IoU {data.base:g} by modality",
                label="Modality",
                names=sorted(modality.unique()),
            )
        )
    for name in stratum_columns(data):
        values = {image.name: image.strata.get(name) or "not recorded" for image in data.images}
        stratum = pd.Series(values)
        tables.append(
            group_table(
                data,
                by_group(rows, rows["image"].map(stratum), name),
                stratum,
                order,
                name=f"stratum-{len(tables)}",
                caption=f"Mean F1 at IoU {data.base:g} by {name.replace('_', ' ')}",
                label=name.replace("_", " "),
                names=sorted(stratum.unique()),
            )
        )
    return tables


def _pictures(data: ReportData, chosen: dict[str, str], order: list[Model]) -> list[Sample]:
    """The panels of the chosen images, from a mapping of image to reason.

    Controls are left out unless there is nothing else: they repeat the truth or show nothing.
    """
    models = [model for model in order if not model.is_control] or order
    by_name = {image.name: image for image in data.images}
    found = [
        Sample(
            image=by_name[name],
            reason=reason,
            panels=sample_panels(data, by_name[name], models),
        )
        for name, reason in chosen.items()
        if name in by_name
    ]
    return [sample for sample in found if sample.panels]


def _models(data: ReportData, frames: Frames, order: list[Model]) -> list[ModelSection]:
    scored = set(frames.summary.loc[frames.summary["scored"] > 0, "model"])
    return [
        ModelSection(
            model=model,
            role=sections.role(model),
            state=sections.state(data, model),
            tables=(
                sections.model_thresholds_table(model, frames.thresholds),
                sections.extremes_table(model, frames.extremes, "top"),
                sections.extremes_table(model, frames.extremes, "bottom"),
            )
            if model.name in scored
            else (),
            examples=_examples(data, model) if model.name in scored else (),
        )
        for model in order
    ]


def _examples(data: ReportData, model: Model) -> tuple[Sample, ...]:
    """The model's best image and its worst one that holds cells, with image, truth, prediction."""
    if model.is_control:
        return ()
    rows = data.at_base[(data.at_base["model"] == model.name) & (data.at_base["true_cells"] > 0)]
    ends = extremes(rows, count=1)
    words = {"top": "Highest F1", "bottom": "Lowest F1"}
    chosen = {str(row["image"]): words[row["end"]] for row in ends.to_dict("records")[::-1]}
    return tuple(_pictures(data, dict(reversed(chosen.items())), [model]))
