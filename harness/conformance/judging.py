"""Judging what came back: a mask for a picture, a refusal for a wrong call."""

from typing import Any

import numpy as np
import numpy.typing as npt

from contract import ExitCode, UnreadableMask, WrongMaskType, label_name
from contract.guarded import read_mask
from contract.shown import shown
from harness.conformance.findings import NotChecked, Verdict, fault, passed
from harness.conformance.subject import Answer, Call, Subject

TRACEBACK = "Traceback (most recent call last)"


def mask_verdict(subject: Subject, answer: Answer) -> Verdict:
    """Whether a picture has the mask that is due: there, readable, of its size, counted rightly."""
    expected = answer.picture.size
    if answer.died:
        return fault(
            f"no mask; the container ended with: {shown(answer.died)}",
            f"let a failure at one picture be its own outcome; show it {answer.picture.title}",
        )
    line = answer.line
    if line is not None and line.outcome != "predicted":
        return fault(
            f"{line.outcome}: {shown(line.message)}",
            "such pictures are in users' folders: make the model take them",
        )
    if answer.mask is None:
        return fault("no mask", f"write {label_name(answer.picture.name)!r} into the output folder")
    try:
        labels = read_mask(answer.mask, expected=expected)
    except (UnreadableMask, WrongMaskType) as error:
        return fault(error.what, error.do or "write one plane of whole ids, of the picture's size")
    cells = count_cells(labels)
    if line is not None and line.cells is not None and line.cells != cells:
        return fault(
            f"its line says {line.cells} cells, the mask holds {cells}",
            "count the ids of the mask that is written",
        )
    if line is None and subject.speaks_contract:
        return fault(
            "a mask, but no line in predictions.jsonl",
            "append a line for each picture as it is finished",
        )
    return passed(f"{cells:,} cells, {_size(labels)} {labels.dtype}")


def labels_of(answer: Answer) -> npt.NDArray[np.integer]:
    """The mask of an answer, H×W ids; raises NotChecked when there is none that can be read."""
    if answer.mask is None:
        raise NotChecked(f"there is no mask for {answer.picture.title}")
    try:
        return read_mask(answer.mask, expected=answer.picture.size)
    except (UnreadableMask, WrongMaskType) as error:
        raise NotChecked(error.what) from error


def refusal_verdict(call: Call, *, names: str = "") -> Verdict:
    """Whether a wrong call was refused: exit code 2, and words for people that name the matter."""
    if call.code != ExitCode.WRONG_CALL:
        return fault(
            f"{ending(call)}, not with 2: {shown(call.last_words)}",
            "look at the call before any work, and end with exit code 2",
        )
    if TRACEBACK in call.words or not call.words.strip():
        return fault(
            "exit code 2 with a traceback or without a word",
            "say on stderr what is wrong, why that is likely and what to do",
        )
    if names and names not in call.words:
        return fault(
            f"the message does not name {names!r}: {shown(call.last_words)}",
            "name what is wrong in the message",
        )
    return passed(f"exit code 2: {shown(call.last_words, 160)}")


def ending(call: Call) -> str:
    """How a call ended, in words."""
    if call.code is None or call.ended.outcome == "timeout":
        return f"it was stopped ({call.ended.message or call.ended.outcome})"
    return f"it ended with exit code {call.code}"


def count_cells(labels: npt.NDArray[np.integer]) -> int:
    """How many ids other than 0 a mask holds."""
    return int(np.count_nonzero(np.unique(labels)))


def same_cells(first: npt.NDArray[np.integer], second: npt.NDArray[np.integer]) -> str:
    """Where two masks differ, in words; "" when all cells agree at IoU 0.9 and in number."""
    from evaluator import match_cells, overlap_table

    if first.shape != second.shape:
        return f"the masks are {_size(first)} and {_size(second)}"
    match = match_cells(overlap_table(first, second), 0.9)
    if match.true_cells == match.predicted_cells == match.tp:
        return ""
    counts = f"{match.true_cells} and {match.predicted_cells} cells"
    return f"{counts}, of which {match.tp} agree at IoU 0.9"


def _size(labels: npt.NDArray[Any]) -> str:
    return "×".join(map(str, labels.shape))
