"""The result in words: every sentence is computed from the scores, none is fixed praise."""

import pandas as pd

from evaluator.report.data import PAIR, SCORED, Model, ReportData
from evaluator.report.numbers import Numbers
from evaluator.report.section import Callout, Section, blocks, prose
from evaluator.report.summary import by_group
from evaluator.report.training_fields import FIELDS, field_text
from evaluator.report.units import p_text
from evaluator.statistics.conclusions import conclusion

FAILED_LIMIT = 0.1
"""Above this share of failed (model, image) pairs the report names no best model."""
FEWEST_IN_GROUP = 3
"""A group of fewer images is not called anybody's best or worst."""
UNEQUAL = ("input_size", "epochs", "steps", "pretrained", "val_images", "train_images")


def section(numbers: Numbers) -> Section:
    findings = _findings(numbers)
    return Section(
        id="result",
        title="Result",
        blocks=blocks(_headline(numbers), prose(*findings) if findings else None),
        titled=False,
    )


def _headline(numbers: Numbers) -> Callout:
    """The one thing to know first: the failures if there are many, else the best model."""
    if numbers.failed_share > FAILED_LIMIT:
        return _many_failures(numbers)
    if not numbers.ranking:
        controls = bool(numbers.of_model)
        title = "Only controls have been scored" if controls else "No model has been scored yet"
        return Callout(title=title, lines=())
    best = numbers.ranking[0]
    score = numbers.mean_f1[best.name]
    detail = f"Mean F1 {score:.4f}. {_score_sentence(numbers, best)}"
    if not numbers.data.finished:
        return Callout(title=f"Not finished; so far {best.name} leads", lines=(detail,))
    if len(numbers.ranking) == 1:
        title = f"{best.name}: mean F1 {score:.4f}"
        return Callout(title=title, lines=(_score_sentence(numbers, best),))
    detail += _not_separable(numbers, best)
    return Callout(title=f"Best model: {best.name}", lines=(detail,))


def _many_failures(numbers: Numbers) -> Callout:
    rows = numbers.rows
    failed = rows[rows["outcome"] != SCORED]
    worst = failed.groupby("model").size().sort_values(ascending=False)
    per_model = ", ".join(f"{name} {count}" for name, count in worst.items())
    return Callout(
        title=f"{len(failed)} of {len(rows)} predictions failed, so no best model is named",
        lines=(
            f"Failed pairs of seed and image by model: {per_model}. A failed pair counts as 0.",
        ),
        bad=True,
    )


def _findings(numbers: Numbers) -> list[str]:
    """The written summary, a sentence or two for each thing that the numbers show."""
    modalities = by_group(numbers.rows, numbers.rows["modality"], "group")
    sentences = [
        _margin(numbers),
        *(_profile(numbers, model, modalities) for model in numbers.ranking),
        _controls(numbers),
        _failures(numbers),
        _empty_images(numbers),
        _unequal_training(numbers.data),
        _cut_short(numbers.data),
    ]
    return [sentence for sentence in sentences if sentence]


def _margin(numbers: Numbers) -> str:
    """How far the first is ahead of the second, in percent, and whether the images can tell."""
    if numbers.failed_share > FAILED_LIMIT or len(numbers.ranking) < 2:
        return ""
    score = numbers.mean_f1
    first, second = (model.name for model in numbers.ranking[:2])
    gap = score[first] - score[second]
    percent = f" ({gap / score[second]:.1%})" if score[second] > 0 else ""
    sentence = (
        f"{first} is {gap:.4f}{percent} ahead of {second} in mean F1 at IoU"
        f" {numbers.data.base:g} ({score[first]:.4f} against {score[second]:.4f})."
    )
    found = [pair for pair in numbers.pairs if {pair.first, pair.second} == {first, second}]
    if not found:
        return sentence + " There are too few images to tell whether that is chance."
    pair = found[0]
    if not pair.separable or pair.interval is None or pair.seeds is not None:
        return f"{sentence} {conclusion(pair)}"
    return (
        f"{sentence} The images separate the two: the 95\u00a0% interval of the paired difference"
        f" is {pair.interval.low:.3f} to {pair.interval.high:.3f}, {p_text(pair.p_holm)}"
        " after Holm's correction."
    )


def _score_sentence(numbers: Numbers, model: Model) -> str:
    row, data = numbers.of_model[model.name], numbers.data
    seeds = f", mean of {row['seeds']} seeds" if row["seeds"] > 1 else ""
    return f"At IoU {data.base:g}, over {row['images']} images{seeds}, protocol {data.protocol}."


def _not_separable(numbers: Numbers, best: Model) -> str:
    """Who may be as good as the best one, as far as these images tell."""
    close = [
        pair.second for pair in numbers.pairs if pair.first == best.name and not pair.separable
    ]
    return f" Not separable from {', '.join(close)} on these images." if close else ""


def _profile(numbers: Numbers, model: Model, modalities: pd.DataFrame) -> str:
    """What a model is good and bad at; `modalities` holds every model's means by modality."""
    row, data = numbers.of_model[model.name], numbers.data
    if not row["scored"]:
        reason = numbers.state(model)
        return f"{model.name}: no image was scored{f' ({reason})' if reason else ''}."
    precision, recall = row["mean_precision"], row["mean_recall"]
    parts = [f"{model.name}: mean F1 {row['mean_f1']:.4f}, foreground Dice {row['mean_dice']:.4f}."]
    highest = max(data.thresholds, default=data.base)
    strict = numbers.thresholds
    strict = strict[(strict["model"] == model.name) & (strict["threshold"] == highest)]
    if highest > data.base and len(strict):
        parts.append(f"At IoU {highest:g} its mean F1 is {strict['mean_f1'].iloc[0]:.4f}.")
    if abs(precision - recall) >= 0.02:
        tendency = (
            "it leaves out cells more often than it invents them"
            if precision > recall
            else "it invents cells more often than it leaves them out"
        )
        parts.append(f"Precision {precision:.4f}, recall {recall:.4f}: {tendency}.")
    ranges = numbers.count_ranges.rename(columns={"range": "group"})
    parts.append(_best_and_worst(ranges[ranges["model"] == model.name], "images with {} cells"))
    parts.append(_best_and_worst(modalities[modalities["model"] == model.name], "{}"))
    return " ".join(part for part in parts if part)


def _best_and_worst(groups: pd.DataFrame, words: str) -> str:
    enough = groups[groups["images"] >= FEWEST_IN_GROUP].sort_values(["mean_f1", "group"])
    if len(enough) < 2 or enough["mean_f1"].nunique() < 2:
        return ""
    worst, best = enough.iloc[0], enough.iloc[-1]
    return (
        f"Best on {words.format(best['group'])} (F1 {best['mean_f1']:.4f}, {best['images']}"
        f" images), worst on {words.format(worst['group'])} (F1 {worst['mean_f1']:.4f},"
        f" {worst['images']} images)."
    )


def _controls(numbers: Numbers) -> str:
    score, models = numbers.mean_f1, numbers.data.models
    controls = [model for model in models if model.is_control and model.name in score]
    if not controls:
        return ""
    listed = ", ".join(f"{model.name} {score[model.name]:.4f}" for model in controls)
    sentence = f"Controls, which bracket the scores and take no part in the ranking: {listed}."
    for control in controls:
        below = [model.name for model in numbers.ranking if score[model.name] < score[control.name]]
        if below and not control.needs_truth:
            sentence += f" Below the control {control.name}: {', '.join(below)}."
    return sentence


def _failures(numbers: Numbers) -> str:
    rows = numbers.rows.drop_duplicates(PAIR)
    failed = rows[rows["outcome"] != SCORED]
    if rows.empty:
        return ""
    if failed.empty:
        return f"All {len(rows)} pairs of model, seed and image were scored."
    return (
        f"{len(failed)} of {len(rows)} pairs of model, seed and image were not scored; they count"
        " as 0 in every mean except the one over scored images."
    )


def _empty_images(numbers: Numbers) -> str:
    empty = int((numbers.true_cells == 0).sum())
    if not empty:
        return ""
    images = "1 image holds" if empty == 1 else f"{empty} images hold"
    if numbers.data.protocol == "challenge":
        return f"{images} no countable cell; the protocol counts that as F1 0 for every model."
    return f"{images} no countable cell."


def _unequal_training(data: ReportData) -> str:
    differing = []
    for field in UNEQUAL:
        texts = {}
        for model in data.models:
            seeds = [
                field_text(field, run.training.get(field)) for run in model.runs if run.training
            ]
            if seeds:
                texts[model.name] = " and ".join(dict.fromkeys(text or "none" for text in seeds))
        if len(set(texts.values())) > 1:
            listed = ", ".join(f"{name}: {text}" for name, text in texts.items())
            differing.append(f"{FIELDS[field].lower()} ({listed})")
    if not differing:
        return ""
    return f"Training was not equal, which the scores do not tell apart: {'; '.join(differing)}."


def _cut_short(data: ReportData) -> str:
    """Which trainings ended by the clock, since another machine would get further or less far."""
    cut = [
        f"{model.name} (seed {run.seed})"
        for model in data.models
        for run in model.runs
        if run.training.get("stopped") == "time_limit"
    ]
    if not cut:
        return ""
    return (
        f"The time limit ended the training of {', '.join(cut)}, so these scores depend on the"
        " speed of the machine."
    )
