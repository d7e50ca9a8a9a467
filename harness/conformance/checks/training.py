"""Training ends, says what it did, leaves weights that run no code, and survives being killed."""

import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from contract import ExitCode, HistoryLine, TrainingRecord, read_lines
from contract.shown import shown
from evaluator.runs.folder import HISTORY_JSONL, TRAINING_JSON
from harness.conformance.findings import Check, NotChecked, Verdict, fault, passed
from harness.conformance.judging import ending, labels_of, same_cells
from harness.conformance.material import ordinary, write_pictures
from harness.conformance.subject import Subject

HARMLESS = ("torch", "collections OrderedDict", "numpy", "builtins set", "_codecs encode")
"""What torch and numpy name in a pickle of arrays."""
LATEST = 0.6
"""Of the work, after which the training is killed."""


def _ends(subject: Subject) -> Verdict:
    call = subject.training
    if call.code != ExitCode.DONE:
        return fault(
            f"{ending(call)}: {shown(call.last_words)}",
            f"train on a few small pictures with the profile {subject.training_profile}",
        )
    return passed(f"{call.ended.usage.seconds:.0f} s, profile {subject.training_profile}")


def _record(subject: Subject) -> Verdict:
    path = _finished(subject) / TRAINING_JSON
    try:
        record = TrainingRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        return fault(
            f"no valid training.json: {shown(str(error), 200)}",
            "write the fields of TrainingRecord when all is done; null for what does not apply",
        )
    images = record.train_images, record.val_images
    return passed(f"{images[0]} pictures to train, {images[1]} to validate")


def _history(subject: Subject) -> Verdict:
    lines = read_lines(_finished(subject) / HISTORY_JSONL)
    try:
        epochs = [HistoryLine.model_validate(line).epoch for line in lines]
    except ValidationError as error:
        first = error.errors()[0]
        return fault(
            shown(f"{'.'.join(map(str, first['loc']))}: {first['msg']}"),
            "write the fields of HistoryLine, a line an epoch",
        )
    if epochs != sorted(set(epochs)):
        return fault("an epoch stands there twice", "cut off what was written after a checkpoint")
    return passed(f"{len(epochs)} epochs" if epochs else "no epochs, which not every model has")


def _harmless(subject: Subject) -> Verdict:
    weights = subject.weights
    if weights is None:
        raise NotChecked("there are no weights")
    for path in sorted(weights.rglob("*")):
        for name in _named_in_pickles(path):
            if not name.startswith(HARMLESS):
                return fault(
                    f"{path.name} is a pickle that calls {shown(name, 80)} when it is opened",
                    "save safetensors, or what torch loads with weights_only=True",
                )
    return passed("opening the weights runs no code")


def _resumes(subject: Subject) -> Verdict:
    whole = subject.training
    _finished(subject)
    usage = whole.ended.usage
    before_work = usage.seconds - (usage.work_seconds or usage.seconds)
    out = subject.place / "killed"
    killed = subject.train(out, timeout=before_work + LATEST * (usage.seconds - before_work))
    if killed.ended.outcome != "timeout" and killed.code == ExitCode.DONE:
        return passed("it was done before it could be killed")
    again = subject.train(out)
    if again.code != ExitCode.DONE:
        return fault(
            f"killed and started again, {ending(again)}: {shown(again.last_words)}",
            "go on from the checkpoint in the output folder, or begin anew",
        )
    source, _ = write_pictures(subject.place / "after-the-kill", ordinary())
    call = subject.call("predict", source, weights=out / "weights")
    for picture in ordinary():
        first = labels_of(subject.ordinary[picture])
        second = labels_of(subject.answer(picture, call))
        if difference := same_cells(first, second):
            return fault(
                f"killed and started again it learned something else: {difference}",
                "keep weights, optimiser, random state and place in the data in the checkpoint",
            )
    return passed("killed half-way and started again, it gives the same cells")


def _finished(subject: Subject) -> Path:
    if subject.training.code != ExitCode.DONE:
        raise NotChecked("training failed")
    return subject.training.out


def _named_in_pickles(path: Path) -> Iterator[str]:
    """What the pickles in a file import, as "module name"."""
    if not path.is_file() or path.is_symlink():
        return
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                if entry.endswith(".pkl"):
                    yield from _imports(archive.read(entry))
    elif path.suffix in (".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"):
        yield from _imports(path.read_bytes())


def _imports(pickled: bytes) -> Iterator[str]:
    texts: list[str] = []
    try:
        for code, argument, _ in pickletools.genops(pickled):
            if code.name == "GLOBAL":
                yield str(argument)
            elif code.name == "STACK_GLOBAL":
                yield " ".join(texts[-2:])
            elif isinstance(argument, str):
                texts.append(argument)
    except ValueError:  # no pickle, or raw data behind one
        return


CHECKS = (
    Check(
        id="training.ends",
        title="training ends well",
        look=_ends,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="training.record",
        title="training.json is valid",
        look=_record,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="training.history",
        title="history.jsonl is valid",
        look=_history,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="training.harmless",
        title="opening the weights runs no code",
        look=_harmless,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="training.resumes",
        title="killed and started again, it ends the same",
        look=_resumes,
        concerns="learning",
        slow=True,
    ),
)
