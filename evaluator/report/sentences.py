"""The report's prose: every sentence is computed from the scores, none is fixed praise."""

from typing import Any, NamedTuple

import pandas as pd

from evaluator.report.certainty import p_text
from evaluator.report.data import PAIR, SCORED, Model, ReportData
from evaluator.report.sections import state
from evaluator.report.summary import by_count_range, by_group, failed_share
from evaluator.report.training import FIELDS, field_text
from evaluator.statistics.conclusions import conclusion
from evaluator.statistics.paired import Comparison

FAILED_LIMIT = 0.1
"""Above this share of failed (model, image) pairs the report names no best model."""
FEWEST_IN_GROUP = 3
"""A group of fewer images is not called anybody's best or worst."""
UNEQUAL = ("input_size", "epochs", "steps", "pretrained", "val_images", "train_images")


class Headline(NamedTuple):
    text: str
    detail: str
    failed: bool


def headline(data: ReportData, summary: pd.DataFrame, pairs: tuple[Comparison, ...]) -> Headline:
    """The one thing to know first: the failures if there are many, else the best model."""
    share = failed_share(data.at_base)
    if share > FAILED_LIMIT:
        failed = data.at_base[data.at_base["outcome"] != SCORED]
        worst = failed.groupby("model").size().sort_values(ascending=False)
        per_model = ", ".join(f"{name} {count}" for name, count in worst.items())
        return Headline(
            f"{len(failed)} of {len(data.at_base)} predictions failed, so no best model is named",
            f"Failed pairs of seed and image by model: {per_model}. A failed pair counts as 0.",
            True,
        )
    contenders = ranking(data, summary)
    if not contenders:
        text = "No model has been scored yet"
        if set(summary["model"]):
            text = "Only controls have been scored"
        return Headline(text, "", False)
    best = contenders[0]
    if not data.finished:
        text = f"Not finished; so far {best.name} leads"
        score = _numbers(summary, best)["mean_f1"]
        detail = f"Mean F1 {score:.4f}. {_score_sentence(data, summary, best)}"
        return Headline(text, detail, False)
    score = _numbers(summary, best)["mean_f1"]
    if len(contenders) == 1:
        detail = _score_sentence(data, summary, best)
        return Headline(f"{best.name}: mean F1 {score:.4f}", detail, False)
    detail = f"Mean F1 {score:.4f}. {_score_sentence(data, summary, best)}"
    detail += _not_separable(contenders, pairs)
    return Headline(f"Best model: {best.name}", detail, False)


def findings(data: ReportData, summary: pd.DataFrame, pairs: tuple[Comparison, ...]) -> list[str]:
    """The written summary, a sentence or two for each thing that the numbers show."""
    contenders = ranking(data, summary)
    result = []
    if failed_share(data.at_base) <= FAILED_LIMIT and len(contenders) > 1:
        result.append(margin(data, summary, contenders[:2], pairs))
    result.extend(_profile(data, summary, model) for model in contenders)
    result.extend(
        sentence
        for sentence in (
            _controls(data, summary, contenders),
            _failures(data),
            _empty_images(data),
            _unequal_training(data),
            _cut_short(data),
        )
        if sentence
    )
    return result


def ranking(data: ReportData, summary: pd.DataFrame) -> list[Model]:
    """The models that can be best, by mean F1: controls bracket the scores and never win."""
    score = dict(zip(summary["model"], summary["mean_f1"], strict=True))
    scored = [model for model in data.models if model.name in score and not model.is_control]
    return sorted(scored, key=lambda model: (-score[model.name], model.name))


def margin(
    data: ReportData, summary: pd.DataFrame, two: list[Model], pairs: tuple[Comparison, ...]
) -> str:
    """How far the first is ahead of the second, in percent, and whether the images can tell."""
    score = dict(zip(summary["model"], summary["mean_f1"], strict=True))
    first, second = (model.name for model in two)
    gap = score[first] - score[second]
    percent = f" ({gap / score[second]:.1%})" if score[second] > 0 else ""
    sentence = (
        f"{first} is {gap:.4f}{percent} ahead of {second} in mean F1 at IoU"
        f" {data.base:g} ({score[first]:.4f} against {score[second]:.4f})."
    )
    found = [pair for pair in pairs if {pair.first, pair.second} == {first, second}]
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


def _score_sentence(data: ReportData, summary: pd.DataFrame, model: Model) -> str:
    row = _numbers(summary, model)
    seeds = f", mean of {row['seeds']} seeds" if row["seeds"] > 1 else ""
    return f"At IoU {data.base:g}, over {row['images']} images{seeds}, protocol {data.protocol}."


def _not_separable(contenders: list[Model], pairs: tuple[Comparison, ...]) -> str:
    """Who may be as good as the best one, as far as these images tell."""
    best = contenders[0].name
    close = [pair.second for pair in pairs if pair.first == best and not pair.separable]
    return f" Not separable from {', '.join(close)} on these images." if close else ""


def _numbers(summary: pd.DataFrame, model: Model) -> dict[str, Any]:
    row = summary[summary["model"] == model.name].to_dict("records")[0]
    return {str(name): value for name, value in row.items()}


def _profile(data: ReportData, summary: pd.DataFrame, model: Model) -> str:
    """What a model is good and bad at."""
    row = _numbers(summary, model)
    if not row["scored"]:
        reason = state(data, model)
        return f"{model.name}: no image was scored{f' ({reason})' if reason else ''}."
    precision, recall = row["mean_precision"], row["mean_recall"]
    parts = [f"{model.name}: mean F1 {row['mean_f1']:.4f}, foreground Dice {row['mean_dice']:.4f}."]
    highest = max(data.thresholds, default=data.base)
    strict = data.scores[
        (data.scores["model"] == model.name) & (data.scores["threshold"] == highest)
    ]
    if highest > data.base and len(strict):
        at_highest = strict.groupby("seed")["f1"].mean().mean()
        parts.append(f"At IoU {highest:g} its mean F1 is {at_highest:.4f}.")
    if abs(precision - recall) >= 0.02:
        tendency = (
            "it leaves out cells more often than it invents them"
            if precision > recall
            else "it invents cells more often than it leaves them out"
        )
        parts.append(f"Precision {precision:.4f}, recall {recall:.4f}: {tendency}.")
    rows = data.at_base[data.at_base["model"] == model.name]
    ranges = by_count_range(rows).rename(columns={"range": "group"})
    parts.append(_best_and_worst(ranges, "images with {} cells"))
    if rows["modality"].nunique() > 1:
        modalities = by_group(rows, rows["modality"], "group")
        parts.append(_best_and_worst(modalities, "{}"))
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


def _controls(data: ReportData, summary: pd.DataFrame, contenders: list[Model]) -> str:
    score = dict(zip(summary["model"], summary["mean_f1"], strict=True))
    controls = [model.name for model in data.models if model.is_control and model.name in score]
    if not controls:
        return ""
    listed = ", ".join(f"{name} {score[name]:.4f}" for name in controls)
    sentence = f"Controls, which bracket the scores and take no part in the ranking: {listed}."
    for model in data.models:
        name = model.name
        if name not in controls or model.needs_truth:
            continue
        below = [other.name for other in contenders if score[other.name] < score[name]]
        if below:
            sentence += f" Below the control {name}: {', '.join(below)}."
    return sentence


def _failures(data: ReportData) -> str:
    rows = data.at_base.drop_duplicates(PAIR)
    failed = rows[rows["outcome"] != SCORED]
    if rows.empty:
        return ""
    if failed.empty:
        return f"All {len(rows)} pairs of model, seed and image were scored."
    return (
        f"{len(failed)} of {len(rows)} pairs of model, seed and image were not scored; they count"
        " as 0 in every mean except the one over scored images."
    )


def _empty_images(data: ReportData) -> str:
    cells = data.at_base.groupby("image")["true_cells"].max()
    empty = int((cells == 0).sum())
    if not empty:
        return ""
    images = "1 image holds" if empty == 1 else f"{empty} images hold"
    if data.protocol == "challenge":
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
