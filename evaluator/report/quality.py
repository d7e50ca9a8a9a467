"""What is shown of a comparison of generated with real images: tables, a figure and pictures."""

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image as Pillow

from evaluator.report import drawing
from evaluator.report.drawing import Figure
from evaluator.report.section import Block, Fold, Panel, Panels, blocks, note, prose
from evaluator.report.tables import Column, Estimate, Row, Table, compact
from evaluator.synthetic.result import Comparison, Measure, Topic

SHOWN_FEATURES = 20
EXPLANATION = (
    "Every number stands beside its floor: the same number between two random halves of the real"
    " images, over twenty splits, with the range in which 95 % of them lie. At equal size is the"
    " number between one half and as many generated images, cut to as many cells; it is the one to"
    " hold against the floor, because most of these numbers depend on how many cells there are."
    " Beyond the floor: worse than 97.5 % of the splits. As real: no difference was seen with these"
    " images, which is no proof that there is none. Intervals are 95 %, by drawing whole images"
    " again."
)
CAPTIONS: dict[Topic, str] = {
    "distance": "Distances of distributions",
    "neighbours": "Fidelity and diversity: 1 is good, and density may exceed 1",
    "features": "Features of cells by group, in interquartile ranges of the real cells (W1/IQR)",
    "memory": "Repeats of training images: the share as near as 1 in 20 held-out ones",
}
NOTES: dict[Topic, str] = {
    "distance": (
        "fd is the Fréchet distance, kd the kernel distance of the features that are named behind"
        " the underscore; morphology is what cp-measure says of cells, in 20 principal components."
        " They are no FID and no KID, which are of the Inception network alone."
    ),
    "neighbours": (
        "Precision and density: how much of what was generated lies among the real cells. Recall"
        " and coverage: how much of the real cells is among the generated ones; they fall when a"
        " generator leaves out kinds of cells."
    ),
    "features": (
        "Medians over the features of a group. KS is the largest difference of the distribution"
        " functions; no p is given, because cells of one image are no independent draws."
        " Correlation is the mean absolute difference of Spearman's correlations of all pairs of"
        " features."
    ),
    "memory": (
        "By construction about 0.05 of held-out images or cells are as near to training; a"
        " generator that repeats its training images has more. Pictures are compared at 32×32"
        " pixels, turned and mirrored as well: copies of parts of an image are seen by their cells"
        " alone."
    ),
}


def quality_blocks(comparison: Comparison, folder: Path, name: str) -> tuple[Block, ...]:
    """The blocks of one comparison, whose pictures lie in `folder`.

    `name` tells tables and figures of several comparisons apart.
    """
    slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "synthetic"
    found: list[Block | None] = [prose(*sentences(comparison))]
    for topic, caption in CAPTIONS.items():
        measures = [one for one in comparison.measures if one.topic == topic]
        if measures:
            found += [
                _table(f"{slug}_{topic}", caption, measures),
                _figure(f"{slug}_{topic}", measures) if topic == "features" else None,
                note(NOTES[topic]),
            ]
    found += [
        _pairs(slug, comparison),
        _features(slug, comparison),
        _nearest(slug, comparison, folder),
        note(EXPLANATION, *comparison.notes),
    ]
    return blocks(*found)


def feature_csv(comparison: Comparison) -> str:
    """Every feature of cells, as CSV."""
    return _feature_table("features", comparison, len(comparison.by_feature)).csv()


def sentences(comparison: Comparison) -> list[str]:
    """What was compared, and in which numbers the generated images are beyond the floor."""
    methods = f" by {', '.join(comparison.methods)}" if comparison.methods else ""
    what = (
        f"{comparison.synthetic_images} generated images{methods} were compared with"
        f" {comparison.real_images} real ones ({comparison.real}), by"
        f" {comparison.features} features of their cells."
    )
    lines = [what]
    judged = [one for one in comparison.measures if one.verdict]
    beyond = [one.name for one in judged if one.verdict == "beyond the floor"]
    if beyond:
        lines.append(
            f"{len(beyond)} of {len(judged)} numbers are beyond what real images differ by among"
            f" themselves: {', '.join(beyond)}."
        )
    elif judged:
        lines.append(
            f"In none of {len(judged)} numbers do they differ more than real images do among"
            " themselves."
        )
    withheld: dict[str, list[str]] = {}
    for one in comparison.measures:
        if one.withheld:
            withheld.setdefault(one.withheld, []).append(one.name)
    lines += [f"Withheld: {', '.join(names)}: {why}." for why, names in withheld.items()]
    if comparison.weights:
        weights = comparison.weights
        lines.append(
            f"Features of Inception come from {weights.file}, SHA-256 {weights.sha256}:"
            f" {weights.known or 'no published sum of this file is known here'}."
        )
    return lines


def _table(name: str, caption: str, measures: Sequence[Measure]) -> Table:
    rows = []
    for one in measures:
        value = one.value
        rows.append(
            Row(
                cells=(
                    one.name,
                    Estimate(value, one.interval.low, one.interval.high)
                    if value is not None and one.interval
                    else value,
                    one.equal,
                    Estimate(one.floor.middle, one.floor.low, one.floor.high)
                    if one.floor
                    else None,
                    one.verdict or (f"withheld: {one.withheld}" if one.withheld else ""),
                    f"{one.real_images} / {one.synthetic_images}",
                    f"{one.real_rows} / {one.synthetic_rows}",
                ),
                role="few" if one.withheld else "",
            )
        )
    return Table(
        name=name,
        caption=caption,
        columns=(
            Column(label="Number", kind="text"),
            Column(label="All images", digits=3),
            Column(label="At equal size", digits=3),
            Column(label="Floor", digits=3),
            Column(label="Verdict", kind="text"),
            Column(label="Images, real / generated", kind="text"),
            Column(label="Cells or crops", kind="text"),
        ),
        rows=tuple(rows),
    )


def _figure(name: str, measures: Sequence[Measure]) -> Figure | None:
    """The range of the floor as a bar, the number at equal size as a point."""
    shown = [
        (one, one.equal, one.floor)
        for one in measures
        if one.equal is not None and one.floor is not None and not one.name.startswith("KS")
    ]
    if not shown:
        return None
    with drawing.style():
        canvas, axes = drawing.canvas(height=0.8 + 0.32 * len(shown))
        for place, (one, equal, floor) in enumerate(shown):
            axes.plot(
                [floor.low, floor.high],
                [place, place],
                color=drawing.CONTROL,
                linewidth=9,
                alpha=0.45,
                solid_capstyle="butt",
                label="floor, 95 % of splits",
            )
            beyond = one.verdict == "beyond the floor"
            axes.plot(
                [equal],
                [place],
                linestyle="",
                marker="D" if beyond else "o",
                markersize=8,
                color=drawing.COLOURS[1] if beyond else drawing.COLOURS[0],
                label="generated, beyond the floor" if beyond else "generated, as real",
            )
        axes.set_yticks(range(len(shown)), [one.name for one, _, _ in shown])
        axes.invert_yaxis()
        axes.set_xlim(left=0)
        axes.set_xlabel("difference from half of the real images")
        drawing.legend_above(canvas, axes, columns=3)
        return drawing.finished(
            canvas, f"{name}_floor", "Groups of features at equal size, beside the floor."
        )


def _pairs(slug: str, comparison: Comparison) -> Table | None:
    if not comparison.pairs:
        return None
    rows = tuple(
        Row(
            cells=(
                one.way,
                one.metric,
                Estimate(one.value, one.interval.low, one.interval.high)
                if one.value is not None and one.interval
                else one.value,
                Estimate(one.difference, one.difference_interval.low, one.difference_interval.high)
                if one.difference is not None and one.difference_interval
                else one.difference,
                one.pairs,
                one.withheld,
            ),
            role="control" if one.way != "synthetic" else "",
        )
        for one in comparison.pairs
    )
    return compact(
        name=f"{slug}_pairs",
        caption="Pairs of images with the same name",
        columns=(
            Column(label="Image", kind="text"),
            Column(label="Metric", kind="text"),
            Column(label="Mean", digits=3),
            Column(label="Generated is better by", digits=3, optional=True),
            Column(label="Pairs", kind="count"),
            Column(label="Withheld", kind="text", optional=True),
        ),
        rows=rows,
    )


def _features(slug: str, comparison: Comparison) -> Fold | None:
    if not comparison.by_feature:
        return None
    table = _feature_table(f"{slug}_furthest", comparison, SHOWN_FEATURES)
    return Fold(title=f"The {len(table.rows)} features that are furthest off", blocks=(table,))


def _feature_table(name: str, comparison: Comparison, rows: int) -> Table:
    return Table(
        name=name,
        caption="Features of cells; all of them are in tables/",
        columns=(
            Column(label="Feature", kind="text"),
            Column(label="W1/IQR", digits=3),
            Column(label="KS", digits=3),
            Column(label="Median, real"),
            Column(label="Median, generated"),
        ),
        rows=tuple(
            Row(
                cells=(
                    one.feature,
                    one.wasserstein,
                    one.kolmogorov,
                    one.real_median,
                    one.synthetic_median,
                )
            )
            for one in comparison.by_feature[:rows]
        ),
        stored=False,
    )


def _nearest(slug: str, comparison: Comparison, folder: Path) -> Panels | None:
    panels = []
    for one in comparison.nearest:
        path = folder / one.picture
        if not path.is_file():
            continue
        with Pillow.open(path) as picture:
            width, height = picture.size
        panels.append(
            Panel(
                label=one.synthetic,
                note=f"nearest real image: {one.real}, distance {one.distance:.2f}",
                alt=f"Generated image {one.synthetic} beside the real image {one.real}",
                jpeg=path.read_bytes(),
                width=width,
                height=height,
            )
        )
    if not panels:
        return None
    return Panels(
        name=f"{slug}_nearest",
        title="Generated images (left), each beside the training image most like it (right)",
        panels=tuple(panels),
    )
