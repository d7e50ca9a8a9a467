"""Sentences about each model and about the run; each is computed, and says no more than holds."""

import numpy as np

from contract.profiles import DEMONSTRATION
from evaluator.overlap.cell_fates import Fate
from evaluator.report.data import PAIR, SCORED, Model, ReportData
from evaluator.report.numbers import Numbers
from evaluator.report.training_fields import FIELDS, field_text

UNEQUAL = ("input_size", "epochs", "steps", "pretrained", "val_images", "train_images")


def findings(numbers: Numbers) -> list[str]:
    """The written summary, a sentence or two for each thing that the numbers show."""
    sentences = [
        *(_profile(numbers, model) for model in numbers.ranking),
        _controls(numbers),
        _failures(numbers),
        _empty_images(numbers),
        _unequal_training(numbers.data),
        _cut_short(numbers.data),
        _demonstration(numbers.data),
    ]
    return [sentence for sentence in sentences if sentence]


def _profile(numbers: Numbers, model: Model) -> str:
    """One model's means, and what became of the cells."""
    row, data = numbers.of_model[model.name], numbers.data
    if not row["scored"]:
        reason = numbers.state(model)
        return f"{model.name}: no image was scored{f' ({reason})' if reason else ''}."
    parts = [f"{model.name}: mean F1 {row['mean_f1']:.4f}, foreground Dice {row['mean_dice']:.4f}."]
    highest = max(data.thresholds, default=data.base)
    if highest > data.base:
        parts.append(_at_highest(numbers, model, highest))
    parts.append(_errors(numbers, model))
    return " ".join(part for part in parts if part)


def _at_highest(numbers: Numbers, model: Model, threshold: float) -> str:
    """The mean at the strictest threshold, with its interval where most images score 0."""
    found = numbers.means(threshold=threshold).get(model.name)
    if found is None:
        return ""
    text = f"At IoU {threshold:g} its mean F1 is {found.mean:.4f}"
    zeros = found.zeros
    if zeros.count > zeros.of / 2:
        if found.interval is not None:
            text += f" (95 % interval {found.interval.low:.3f} to {found.interval.high:.3f})"
        text += f"; it is 0 on {zeros.count} of {zeros.of} images"
    return f"{text}."


def _errors(numbers: Numbers, model: Model) -> str:
    """What became of the cells of the scored images, over all seeds."""
    part = numbers.followed
    images = [image.name for image in part.data.images]
    counts = [part.cells(model, run).count(images) for run in model.runs]
    truth = sum((one.truth for one in counts), start=np.zeros(max(Fate) + 1, np.int64))
    predicted = sum((one.predicted for one in counts), start=np.zeros_like(truth))
    if not truth.sum():
        return ""
    scored = "scored images"
    if part is not numbers:
        scored = f"scored ones of the {len(images):,} images whose cells are followed"
    if len(model.runs) > 1:
        scored += f", those of {len(model.runs)} trainings together,"
    text = (
        f"Of {int(truth.sum()):,} true cells on {scored} it found"
        f" {int(truth[Fate.MATCHED]):,}, missed {int(truth[Fate.MISSED]):,}, merged"
        f" {int(truth[Fate.MERGED]):,} and split {int(truth[Fate.SPLIT]):,};"
        f" {int(predicted[Fate.SPURIOUS]):,} of its {int(predicted.sum()):,} cells are spurious."
    )
    tendency = _tendency(numbers, model)
    return f"{text} {tendency}" if tendency else text


def _tendency(numbers: Numbers, model: Model) -> str:
    """Whether it predicts too few or too many cells, only where the interval says so."""
    found = numbers.count_bias.get(model.name)
    if found is None or found.interval is None:
        return ""
    if found.interval.high < 0:
        return "It predicts fewer cells than there are."
    return "It predicts more cells than there are." if found.interval.low > 0 else ""


def _controls(numbers: Numbers) -> str:
    score, models = numbers.mean_f1, numbers.data.models
    controls = [model for model in models if model.is_control and model.name in score]
    if not controls:
        return ""
    listed = ", ".join(f"{model.name} {score[model.name]:.4f}" for model in controls)
    sentence = f"Controls, for comparison and not ranked: {listed}."
    for control in controls:
        below = [model.name for model in numbers.ranking if score[model.name] < score[control.name]]
        if below and not control.needs_truth:
            sentence += f" Mean below the control {control.name}: {', '.join(below)}."
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
        " as 0 in the means over all images."
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
    return f"Training was not equal, so the scores compare it too: {'; '.join(differing)}."


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


def _demonstration(data: ReportData) -> str:
    """Which models were trained only to show that everything works."""
    names = [
        model.name
        for model in data.models
        if any(run.training.get("profile") == DEMONSTRATION for run in model.runs)
    ]
    if not names:
        return ""
    return (
        f"The profile {DEMONSTRATION} is a demonstration, which trains for less than a minute: the"
        f" scores of {', '.join(names)} say nothing of the methods."
    )
