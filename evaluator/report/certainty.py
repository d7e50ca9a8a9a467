"""How sure the report can be: intervals of means, models two by two, stability of the ranking."""

import pandas as pd

from evaluator.report.tables import Column, Estimate, Row, Table, Value, compact
from evaluator.statistics.bootstrap import Interval, bootstrap_interval
from evaluator.statistics.paired import Comparison, compare_models
from evaluator.statistics.ranks import rank_stability
from evaluator.statistics.score_matrix import ScoreMatrix


def matrix(rows: pd.DataFrame, models: list[str], score: str = "f1") -> ScoreMatrix:
    """The scores of *models*, those with rows, in the given order; rows are at one threshold."""
    images = list(dict.fromkeys(rows["image"]))
    by_seed = {}
    for model in models:
        of_model = rows[rows["model"] == model]
        if len(of_model):
            table = of_model.pivot(index="seed", columns="image", values=score)
            by_seed[model] = table.reindex(columns=images).to_numpy(dtype=float)
    return ScoreMatrix(images=tuple(images), by_seed=by_seed)


def mean_interval(rows: pd.DataFrame, score: str = "f1") -> Interval | None:
    """The interval of one model's mean over images, seeds averaged; None below 5 images."""
    return bootstrap_interval(rows.groupby("image")[score].mean().to_numpy(dtype=float))


def estimate(rows: pd.DataFrame, model: str, value: float | None, score: str = "f1") -> Value:
    """A mean with its interval over the images of *rows*; no interval without a scored image."""
    of_model = rows[rows["model"] == model]
    if value is None or not (of_model["outcome"] == "scored").any():
        return value
    interval = mean_interval(of_model, score)
    return Estimate(value, interval.low, interval.high) if interval else value


def compared(rows: pd.DataFrame, models: list[str]) -> tuple[Comparison, ...]:
    """Every two of *models* in their order, p corrected by Holm's method over all of them."""
    return compare_models(matrix(rows, models))


def matrix_table(pairs: tuple[Comparison, ...], base: float) -> Table | None:
    """The significance matrix, None below three models, whose one pair needs no matrix."""
    names = list(dict.fromkeys(name for pair in pairs for name in (pair.first, pair.second)))
    if len(names) < 3:
        return None
    cells = {}
    for pair in pairs:
        for row, column, sign in ((pair.first, pair.second, 1), (pair.second, pair.first, -1)):
            mark = " *" if pair.separable else ""
            cells[row, column] = f"{sign * pair.difference:+.3f}, {p_text(pair.p_holm)}{mark}"
    return Table(
        name="significance",
        caption=f"Mean F1 at IoU {base:g}, row minus column; * separable",
        columns=(
            Column(label="Model", kind="text"),
            *(Column(label=name) for name in names),
        ),
        rows=tuple(Row(cells=(row, *(cells.get((row, name)) for name in names))) for row in names),
    )


def differences_table(pairs: tuple[Comparison, ...], base: float) -> Table | None:
    """Every two models with the interval of their difference, None for fewer than two models."""
    if not pairs:
        return None
    return compact(
        name="differences",
        caption=f"Paired differences in mean F1 at IoU {base:g}",
        columns=(
            Column(label="Models", kind="text"),
            Column(label="Difference, 95 % interval"),
            Column(label="p after Holm"),
            Column(label="Separable", kind="text"),
            Column(label="Images", kind="count"),
            Column(label="Smallest separable", digits=3),
            Column(label="Images needed, about", kind="count", optional=True),
            Column(label="95 % interval over trainings", optional=True),
        ),
        rows=tuple(
            Row(
                cells=(
                    f"{pair.first} − {pair.second}",
                    Estimate(pair.difference, pair.interval.low, pair.interval.high)
                    if pair.interval
                    else pair.difference,
                    pair.p_holm,
                    "yes" if pair.separable else "no",
                    pair.images,
                    pair.smallest_separable,
                    pair.images_needed,
                    f"{pair.seeds.low:.3f} to {pair.seeds.high:.3f}" if pair.seeds else None,
                )
            )
            for pair in pairs
        ),
        sortable=True,
    )


def ranks_table(rows: pd.DataFrame, models: list[str]) -> Table | None:
    """How firm each model's rank is, None for fewer than two models or too few images."""
    scores = matrix(rows, models)
    found = rank_stability(scores) if len(scores.models) > 1 else ()
    if not found:
        return None
    return Table(
        name="ranks",
        caption="Stability of the ranking",
        columns=(
            Column(label="Model", kind="text"),
            Column(label="Rank", kind="count"),
            Column(label="First in % of draws", digits=1),
            Column(label="Same rank in % of draws", digits=1),
            Column(label="95 % range of ranks"),
        ),
        rows=tuple(
            Row(
                cells=(
                    rank.model,
                    rank.rank,
                    100 * rank.first_share,
                    100 * rank.same_share,
                    str(rank.low) if rank.low == rank.high else f"{rank.low} to {rank.high}",
                )
            )
            for rank in found
        ),
    )


def p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
