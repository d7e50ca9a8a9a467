"""Generating labelled images into a folder outside a run."""

import shutil
from collections import Counter
from pathlib import Path

from contract import CallError, CellbenchError, ExitCode
from contract.samples import CALL, IMAGES, LABELS, LINES
from contract.schema import Masks
from contract.train import demonstration
from contract.written import Written
from evaluator.runs.folder import USAGE_JSON
from harness.datasets.folder import load_training, split_training
from harness.models.registry import Model, all_models
from harness.runners.arguments import RUN_LABEL
from harness.runners.choose import Chosen
from harness.runners.confine import remove_tree
from harness.runners.job import Limits
from harness.work.generating import LOG, Generated, Generating
from harness.work.lock import LOCK, locked
from harness.work.predict_folder import PART
from harness.work.progress import Display

FILES = (LINES, CALL, USAGE_JSON, LOG)
"""What lies beside images/ and labels/."""


def refuse_call(model: Model, count: int, seed: int, masks: str | None) -> Masks | None:
    """Where the masks come from, as the model's card knows it; None where there is no choice.

    Raises CallError for a model that generates nothing, for one that gives out held-back images,
    and for a count, seed or word that it does not take.
    """
    if not model.generates:
        known = [one.name for one in all_models().values() if one.generates]
        raise CallError(
            f"{model.name} does not generate images.",
            "it is no generator",
            f"choose from: {', '.join(known)}",
        )
    if model.card.needs_held:
        raise CallError(
            f"{model.name} gives out labelled images that are held back, and none are here.",
            "only a trial holds images back",
            "use it in harness run-synthetic",
        )
    if count < 1:
        raise CallError(f"--count {count} asks for no image.", do="ask for one or more")
    if seed < 0:
        raise CallError(f"The seed {seed} is negative.", do="choose one from 0 on")
    for one in model.card.masks:
        if one == (masks or model.card.masks[0]):
            return one
    if masks is None:
        return None
    raise CallError(
        f"{model.name} does not know the masks {masks!r}.",
        do=f"choose from: {', '.join(model.card.masks)}"
        if model.card.masks
        else "leave --masks out: it has one way",
    )


def generate_folder(
    model: Model,
    data: Path,
    out: Path,
    *,
    count: int,
    seed: int,
    masks: str | None,
    weights: Path | None,
    chosen: Chosen,
    limits: Limits,
    show: Display,
) -> ExitCode:
    """Has a generator make `count` images of the training images of `data`; returns 0, or 3.

    `out` becomes a training folder with generated.jsonl, log.txt and usage.json beside it. The
    validation images, by the split that every training of this dataset has, and the test images
    are not handed to the generator. Images that an interrupted call has finished are kept.

    Raises CallError for a wrong call, for a dataset without training images, when the generator
    refuses the call, and for files in `out` that no earlier call wrote; CellbenchError when it
    ended without making anything.
    """
    how = refuse_call(model, count, seed, masks)
    pairs, faults = load_training(data)
    written = Written(out)
    written.refuse_others([f"{IMAGES}/", f"{LABELS}/", *FILES, PART])
    for fault in faults:
        show.say(f"left out: {fault.image}: {fault.reason}")
    if said := demonstration(weights):
        show.say(f"note: {said}")
    chosen.runner.prepare(model, show.say)
    for sentence in chosen.told():
        show.say(sentence)
    with locked(out):
        chosen.runner.remove_leftovers(out)
        work = out / PART
        written.note(PART)
        work.mkdir(exist_ok=True)
        _move(out, work)
        try:
            made = Generating(
                runner=chosen.runner,
                model=model,
                pairs=pairs,
                split=split_training(pairs),
                folder=work,
                count=count,
                seed=seed,
                masks=how,
                limits=limits,
                weights=weights,
                labels={RUN_LABEL: str(out.resolve())},
            ).run(show.step(f"{model.name}: generate"))
        finally:
            for name in (f"{IMAGES}/", f"{LABELS}/", *FILES):
                written.note(name)
            _move(work, out)
            remove_tree(work)
            (out / LOCK).unlink(missing_ok=True)
    return _told(made, model, count, out, show)


def _told(made: Generated, model: Model, count: int, out: Path, show: Display) -> ExitCode:
    outcomes = Counter(line.outcome for line in made.lines)
    if made.ended.exit_code == ExitCode.WRONG_CALL:
        raise CallError(
            f"{model.name} refuses the call: {made.ended.message}", do=f"see {out / LOG}"
        )
    if made.ended.outcome != "done" and not outcomes["generated"]:
        raise CellbenchError(
            f"{model.name} made no image: {made.ended.message}", do=f"see {out / LOG}"
        )
    for line in made.lines:
        if line.outcome not in ("generated", "dropped"):
            show.say(f"{line.image}: {line.outcome}: {line.message}")
    dropped = f"; {outcomes['dropped']} others were dropped" if outcomes["dropped"] else ""
    show.say(f"{outcomes['generated']} of {count} images are in {out}{dropped}")
    return ExitCode.DONE if made.complete else ExitCode.FAILURES


def _move(source: Path, target: Path) -> None:
    """Moves what generating leaves; what lies at its target already is newer and stays."""
    for name in (IMAGES, LABELS, *FILES):
        if (source / name).exists():
            if (target / name).exists():
                remove_tree(source / name)
            else:
                shutil.move(source / name, target / name)
