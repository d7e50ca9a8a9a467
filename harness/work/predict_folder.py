"""Predicting a folder of images outside a run, and finding the weights for it."""

import shutil
from collections import Counter
from pathlib import Path

from contract import CallError, ExitCode, list_images, refuse_shared_stems
from evaluator.runs.folder import RunFolder
from evaluator.runs.read import read_step
from harness.models.registry import Model
from harness.runners.arguments import RUN_LABEL
from harness.runners.choose import Chosen
from harness.runners.job import Limits
from harness.work.lock import locked
from harness.work.predicting import Predicting
from harness.work.progress import Display


def find_weights(model: Model, run: Path | None, weights: Path | None, seed: int) -> Path | None:
    """The weights folder that `--run` or `--weights` names; None for a model that needs none.

    Raises CallError when it is missing or comes from a training that failed, and when a model
    that learns is given neither or both.
    """
    if model.folder is None or "train" not in model.card.verbs:
        return weights
    if (weights is None) == (run is None):
        raise CallError(
            f"{model.name} needs weights to predict, from one place.",
            do="give either --run RUN to take those of a run, or --weights DIR",
        )
    if run is not None:
        step = RunFolder(run).step(model.name, seed, "train")
        record = read_step(step)
        if record is None or not record.finished:
            raise CallError(
                f"No weights in {run} for {model.name} with seed {seed}.",
                "it was not trained there, or its training failed or is still going on",
                f"train it: harness train {model.name} --data DIR --out {run}",
            )
        weights = step / "weights"
    if weights is None or not weights.is_dir() or not any(weights.iterdir()):
        raise CallError(
            f"No weights in {weights}.",
            "the folder is missing or empty",
            "name the folder weights/ that training wrote",
        )
    return weights.resolve()


def predict_folder(
    model: Model,
    source: Path,
    out: Path,
    *,
    weights: Path | None,
    chosen: Chosen,
    limits: Limits,
    show: Display,
) -> ExitCode:
    """Writes a mask for every image of `source` into `out`; returns 0, or 3 with failures.

    When it is interrupted, the masks that are finished are there all the same.

    Raises CallError for a folder without images, two images with one stem, or a model that
    needs the truth.
    """
    if not source.is_dir():
        raise CallError(f"No folder {source}.", "the path has a typing error")
    if model.card.needs_truth:
        raise CallError(f"{model.name} is a control that needs the truth.", do="use it in run-all")
    images = list_images(source) or _below(source)
    if not images:
        raise CallError(
            f"No images in {source}.",
            "the folder is empty, or its files are no tif, tiff, png, bmp, jpg or jpeg",
        )
    refuse_shared_stems(images)
    chosen.runner.prepare(model, show.say)
    show.say(f"runner {chosen.runner.name}: {chosen.reason}")
    with locked(out):
        chosen.runner.remove_leftovers(out)
        work = out / ".part"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        try:
            lines = Predicting(
                runner=chosen.runner,
                model=model,
                images=[image.absolute() for image in images],
                folder=work,
                limits=limits,
                weights=weights,
                labels={RUN_LABEL: str(out.resolve())},
            ).run(show.step(f"{model.name}: predict"))
        finally:
            for path in work.iterdir():
                if path.is_file():
                    path.replace(out / path.name)
            shutil.rmtree(work, ignore_errors=True)
            (out / ".lock").unlink(missing_ok=True)
    for line in lines:
        if line.outcome != "predicted":
            show.say(f"{line.image}: {line.outcome}: {line.message}")
    outcomes = Counter(line.outcome for line in lines)
    show.say(f"{outcomes['predicted']} of {len(lines)} images have a mask in {out}")
    return ExitCode.DONE if outcomes["predicted"] == len(lines) else ExitCode.FAILURES


def _below(source: Path) -> list[Path]:
    folder = source / "images"
    return list_images(folder) if folder.is_dir() else []
