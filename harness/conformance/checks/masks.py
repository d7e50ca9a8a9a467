"""What is written is what the contract says, and not absurd."""

import numpy as np
from pydantic import ValidationError

from contract import PredictionLine, label_name, read_lines
from contract.names import OURS, normal
from contract.shown import shown
from evaluator.runs.folder import PREDICTIONS_JSONL
from harness.conformance.findings import Check, NotChecked, Verdict, fault, not_applicable, passed
from harness.conformance.judging import count_cells, labels_of
from harness.conformance.material import ordinary
from harness.conformance.subject import Subject

PIXELS_A_CELL = 4
"""Cells smaller than this on average are none."""
WHOLE = 0.95
"""Of a picture, covered by one cell."""


def _lines(subject: Subject) -> Verdict:
    call = subject.ordinary.calls[0]
    path = call.out / PREDICTIONS_JSONL
    lines = read_lines(path) if path.is_file() else []
    if len(lines) != len(ordinary()):
        return fault(
            f"{len(lines)} lines for {len(ordinary())} pictures",
            "append a line for each picture to predictions.jsonl as it is finished",
        )
    for line in lines:
        try:
            PredictionLine.model_validate(line)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            return fault(
                shown(f"{where}: {first['msg']}"), "write the fields of PredictionLine, no others"
            )
    return passed(f"{len(lines)} lines, each valid")


def _type(subject: Subject) -> Verdict:
    kinds = set()
    for answer in subject.ordinary.of.values():
        labels = labels_of(answer)
        smallest = np.min_scalar_type(int(labels.max(initial=0)))
        kinds.add(str(labels.dtype))
        if labels.dtype != smallest:
            return fault(
                f"{labels.dtype} for ids up to {labels.max()}",
                f"write the smallest type that holds the ids, here {smallest}",
            )
    return passed(", ".join(sorted(kinds)))


def _alone(subject: Subject) -> Verdict:
    call = subject.ordinary.calls[0]
    known = {normal(label_name(picture.name)) for picture in ordinary()} | {PREDICTIONS_JSONL}
    others = sorted(
        path.name
        for path in call.out.iterdir()
        if normal(path.name) not in known and not path.name.startswith(OURS)
    )
    if others:
        return fault(
            f"also in the output folder: {shown(', '.join(others), 200)}",
            "write masks and predictions.jsonl, nothing else; scratch goes to /tmp",
        )
    return passed("masks and predictions.jsonl, nothing else")


def _plausible(subject: Subject) -> Verdict:
    if subject.model.card.kind == "control":
        return not_applicable("it is a control")
    masks = [labels_of(answer) for answer in subject.ordinary.of.values()]
    counts = [count_cells(labels) for labels in masks]
    if all(
        cells > labels.size / PIXELS_A_CELL for cells, labels in zip(counts, masks, strict=True)
    ):
        return fault(
            f"{counts[0]} cells on {masks[0].size} pixels: nearly one a pixel",
            "give the pixels of one cell one number",
        )
    covered = [(labels > 0).mean() for labels in masks]
    if all(cells == 1 for cells in counts) and min(covered) > WHOLE:
        return fault(
            "one cell covers every picture whole",
            "0 is background; see that the mask is not a constant",
        )
    if not any(counts):
        raise NotChecked("it found no cells, which after a short training says nothing")
    return passed(f"{', '.join(map(str, counts))} cells")


def _events(subject: Subject) -> Verdict:
    names = [event["event"] for event in subject.ordinary.calls[0].events]
    if names.count("progress") < len(ordinary()):
        return fault(
            f"{names.count('progress')} events of progress for {len(ordinary())} pictures",
            'print {"event": "progress", …} on stdout after each picture',
        )
    return passed("progress is told on stdout")


CHECKS = (
    Check(
        id="masks.lines", title="each picture has a valid line", look=_lines, concerns="contract"
    ),
    Check(id="masks.type", title="ids have the smallest type", look=_type, concerns="contract"),
    Check(
        id="masks.alone",
        title="nothing else lies in the output folder",
        look=_alone,
        concerns="contract",
    ),
    Check(id="masks.plausible", title="the masks are not absurd", look=_plausible),
    Check(id="masks.events", title="progress is told on stdout", look=_events, concerns="contract"),
)
