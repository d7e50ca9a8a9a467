"""Pure functions from the frame of scores.csv to small frames.

A model's number is the mean over its seeds of that seed's number, so a model with two seeds does
not weigh its images twice in a standard deviation. An image that was not scored counts as 0 in
every mean, except in the columns that say `scored`.
"""

import pandas as pd

from evaluator.scores.strata import COUNT_RANGES, count_range

METRICS = {
    "f1": "mean_f1",
    "dice": "mean_dice",
    "precision": "mean_precision",
    "recall": "mean_recall",
}
ENDS = ("top", "bottom")


def by_seed(rows: pd.DataFrame) -> pd.DataFrame:
    """Per model and seed: the numbers of the performance summary, from rows at one threshold.

    The columns: model, seed, images, mean_f1, median_f1, std_f1 (n - 1), mean_dice,
    mean_precision, mean_recall, scored (images), scored_f1, scored_dice (means over the scored
    images; NaN when there is none).
    """
    groups = rows.groupby(["model", "seed"], sort=False)
    table = groups.agg(
        images=("image", "nunique"),
        mean_f1=("f1", "mean"),
        median_f1=("f1", "median"),
        std_f1=("f1", "std"),
        mean_dice=("dice", "mean"),
        mean_precision=("precision", "mean"),
        mean_recall=("recall", "mean"),
    )
    good = rows[rows["outcome"] == "scored"].groupby(["model", "seed"], sort=False)
    table["scored"] = good.size().reindex(table.index).fillna(0).astype(int)
    table["scored_f1"] = good["f1"].mean().reindex(table.index)
    table["scored_dice"] = good["dice"].mean().reindex(table.index)
    return table.reset_index()


def by_model(rows: pd.DataFrame) -> pd.DataFrame:
    """`by_seed` averaged over the seeds of each model; images and scored are the largest seed's.

    Adds `seeds`, the number of seeds, and `seed_std_f1`, the standard deviation (n - 1) of the
    seeds' mean F1 (NaN for one seed).
    """
    seeds = by_seed(rows)
    groups = seeds.groupby("model", sort=False)
    numbers = [name for name in seeds.columns if name not in ("model", "seed", "images", "scored")]
    table = groups[numbers].mean()
    table.insert(0, "images", groups["images"].max())
    table["scored"] = groups["scored"].mean()
    table["seeds"] = groups.size()
    table["seed_std_f1"] = groups["mean_f1"].std()
    return table.reset_index()


def by_threshold(scores: pd.DataFrame) -> pd.DataFrame:
    """model, threshold, mean_f1, mean_dice, mean_precision, mean_recall, images."""
    parts = []
    for threshold, rows in scores.groupby("threshold"):
        table = by_model(rows)
        table.insert(1, "threshold", threshold)
        parts.append(table)
    columns = ["model", "threshold", *METRICS.values(), "images"]
    if not parts:
        return pd.DataFrame(columns=columns)
    whole = pd.concat(parts, ignore_index=True)[columns]
    order = {name: place for place, name in enumerate(scores["model"].unique())}
    return whole.sort_values(
        ["model", "threshold"],
        key=lambda column: column.map(order) if column.name == "model" else column,
        ignore_index=True,
    )


def by_group(rows: pd.DataFrame, group: pd.Series, name: str) -> pd.DataFrame:
    """Mean F1 of each model inside groups of images: model, <name>, mean_f1, images.

    `rows` are at one threshold; `group` holds the group of each, on the index of `rows`.
    """
    frame = rows.assign(**{name: group})
    per_seed = frame.groupby(["model", "seed", name], sort=False).agg(
        mean_f1=("f1", "mean"), images=("image", "nunique")
    )
    table = per_seed.groupby(["model", name], sort=False).agg(
        mean_f1=("mean_f1", "mean"), images=("images", "max")
    )
    return table.reset_index()


def by_count_range(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean F1 by the true number of cells: model, range, mean_f1, images; empty ranges left out."""
    table = by_group(rows, rows["true_cells"].map(count_range), "range")
    order = {name: place for place, name in enumerate(COUNT_RANGES)}
    models = {name: place for place, name in enumerate(rows["model"].unique())}
    return table.sort_values(
        ["model", "range"],
        key=lambda column: column.map(models if column.name == "model" else order),
        ignore_index=True,
    )


def image_means(rows: pd.DataFrame) -> pd.DataFrame:
    """Per model and image the means over seeds of f1 and dice: model, image, f1, dice."""
    groups = rows.groupby(["model", "image"], sort=False)
    return groups[["f1", "dice"]].mean().reset_index()


def extremes(rows: pd.DataFrame, count: int = 5) -> pd.DataFrame:
    """The best and worst images of each model: model, end, rank (from 1), image, f1, dice.

    Top goes by F1 descending, bottom by F1 ascending; equal F1 goes by name.
    """
    means = image_means(rows)
    parts = []
    for model in rows["model"].unique():
        of_model = means[means["model"] == model]
        for end in ENDS:
            ordered = of_model.sort_values(["f1", "image"], ascending=[end == "bottom", True])
            chosen = ordered.head(count)
            parts.append(chosen.assign(end=end, rank=range(1, len(chosen) + 1)))
    columns = ["model", "end", "rank", "image", "f1", "dice"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def failed_share(rows: pd.DataFrame) -> float:
    """Share of (model, seed, image) pairs that were not scored; 0 when there are none."""
    return float((rows["outcome"] != "scored").mean()) if len(rows) else 0.0


def samples(rows: pd.DataFrame) -> dict[str, str]:
    """Images worth a picture: the best, median and worst by F1 averaged over the given models.

    Images without cells are no samples, since every model gets the same score on them, unless
    there are no others.  Returns a mapping from image to `Best`, `Median` or `Worst`; ties
    go by name.  Fewer than three images give fewer entries.
    """
    with_cells = rows[rows["true_cells"] > 0]
    means = (with_cells if len(with_cells) else rows).groupby("image")["f1"].mean().reset_index()
    ordered = means.sort_values(["f1", "image"], ascending=[False, True])["image"].tolist()
    if not ordered:
        return {}
    places = {"Best": 0, "Median": (len(ordered) - 1) // 2, "Worst": len(ordered) - 1}
    chosen: dict[str, str] = {}
    for label, place in places.items():
        chosen.setdefault(ordered[place], label)
    return chosen


def disagreements(
    rows: pd.DataFrame, leave_out: set[str], count: int = 3, least: float = 0.2
) -> dict[str, str]:
    """The images on which the given models differ most in F1, at least by `least`.

    Returns a mapping from image to the span of F1 in words; images of `leave_out` are passed over.
    """
    means = image_means(rows).groupby("image")["f1"].agg(["min", "max"]).reset_index()
    means["span"] = means["max"] - means["min"]
    wide = means[(means["span"] >= least) & ~means["image"].isin(leave_out)]
    ordered = wide.sort_values(["span", "image"], ascending=[False, True]).head(count)
    return {
        str(row["image"]): f"F1 from {row['min']:.2f} to {row['max']:.2f}"
        for row in ordered.to_dict("records")
    }
