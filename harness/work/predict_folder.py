"""Predicting a folder of images outside a run, and finding the weights for it."""

import shutil
from collections import Counter
from pathlib import Path

from contract import CallError, ExitCode, label_name, list_images, refuse_shared_stems
from contract.diameters import Diameters
from contract.names import passed_over
from contract.train import demonstration
from contract.written import Written
from evaluator.runs.folder import PREDICTIONS_JSONL, USAGE_JSON, RunFolder
from evaluator.runs.read import read_step
from harness.models.registry import Model
from harness.runners.arguments import RUN_LABEL
from harness.runners.choose import Chosen
from harness.runners.job import Limits
from harness.work.attempts import Predicting
from harness.work.lock import locked
from harness.work.progress import Display
from harness.work.sizes import warn_of_size

PART = ".part/"
BESIDE = (PREDICTIONS_JSONL, USAGE_JSON, "log.txt")
"""What lies beside the masks; people do not correct it by hand."""


def find_weights(model: Model, run: Path | None, weights: Path | None, seed: int) -> Path | None:
    """The weights folder that `--run` or `--weights` names, else the one that comes with the model.

    None for a model that needs none. Raises CallError when it is missing or comes from a training
    that failed, when both are given, and when a model that learns comes with none.
    """
    if model.folder is None or not model.learns:
        return weights
    if weights is not None and run is not None:
        raise CallError(
            f"{model.name} needs weights, from one place.",
            do="give either --run RUN to take those of a run, or --weights DIR",
        )
    if weights is None and run is None:
        if model.shipped_weights is not None:
            return model.shipped_weights
        raise CallError(
            f"{model.name} needs weights to predict, and comes with none.",
            do="give --run RUN to take those of a run, or --weights DIR",
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
    cell_diameter: float | None = None,
) -> ExitCode:
    """Writes a mask for every image of `source` into `out`; returns 0, or 3 with failures.

    `cell_diameter` is the width of a typical cell in pixels, for images of which the folder's own
    table, cell_diameter.csv, says no other.

    When it is interrupted, the masks that are finished are there all the same.

    Raises CallError for a folder without images, two images with one stem, a model that needs the
    truth, or when a mask would replace a file that no earlier call wrote.
    """
    if not source.is_dir():
        raise CallError(f"No folder {source}.", "the path has a typing error")
    if model.card.needs_truth:
        raise CallError(f"{model.name} is a control that needs the truth.", do="use it in run-all")
    images = list_images(source) or _below(source)
    if not images:
        raise CallError(f"No images in {source}.", passed_over(source) or "the folder is empty")
    refuse_shared_stems(images)
    diameters = Diameters(images[0].parent, cell_diameter)
    known = {image.name: diameters.of(image.name) for image in images}
    written = Written(out)
    written.refuse_others([*(label_name(image.name) for image in images), *BESIDE, PART])
    if said := demonstration(weights):
        show.say(f"note: {said}")
    if left := passed_over(images[0].parent):
        show.say(f"note: {left}")
    chosen.runner.prepare(model, show.say)
    for sentence in chosen.told():
        show.say(sentence)
    warn_of_size(model, chosen.runner, images, limits, show)
    with locked(out):
        chosen.runner.remove_leftovers(out)
        work = out / PART
        written.note(PART)
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
                cell_diameters={name: px for name, px in known.items() if px is not None},
            ).run(show.step(f"{model.name}: predict"))
        finally:
            for path in work.iterdir():
                if path.is_file():
                    written.note(path.name)
                    path.replace(out / path.name)
                    written.note(path.name, final=path.name not in BESIDE)
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
