"""Opening every image and label of a dataset before any model meets them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contract import ExitCode, UnreadableImage
from contract.guarded import read_picture
from contract.names import printable
from evaluator.runs.health import told_health
from evaluator.runs.likeness import is_leak, told_comparison, told_likeness
from evaluator.runs.records import Health, Remark
from evaluator.runs.remarks import told
from harness.datasets.folder import (
    TEST_PART,
    TRAIN_PART,
    Pair,
    decoded_remarks,
    load_dataset,
    split_training,
)
from harness.datasets.leakage.audit import audit


def check_dataset(folder: Path) -> ExitCode:
    """Prints what the dataset holds, each image that cannot be used and every remark.

    Returns 0, or 3 when an image cannot be used, a label looks wrong or a test image is in training
    too. Raises CallError when the folder is no dataset at all.
    """
    dataset = load_dataset(folder)
    console = Console(soft_wrap=True)
    complaints = [f"{fault.part}/{fault.image}: {fault.reason}" for fault in dataset.faults]
    table = Table("part", "images", "cells", "types", "largest")
    remarks = [*dataset.remarks]
    for part, pairs in ((TRAIN_PART, dataset.train), (TEST_PART, dataset.test)):
        row, unreadable, seen = _look_at(pairs, part)
        remarks += seen
        table.add_row(part, *row)
        complaints += [f"{part}/{line}" for line in unreadable]
    console.print(table)
    odd = _health(dataset.health)
    console.print(odd if odd.row_count else "labels: nothing odd about them or their cells")
    split = split_training(dataset.train)
    held_out = sum(subset == "val" for subset in split.values())
    console.print(f"split: {len(split) - held_out} train, {held_out} val, the same for all models")
    likenesses = audit(dataset, split)
    console.print(f"likeness: {told_comparison(likenesses)}")
    leaks = [told_likeness(one) for one in likenesses.found if is_leak(one)]
    similar = [told_likeness(one) for one in likenesses.found if not is_leak(one)]
    suspicious = told((one for one in remarks if one.suspicious), every=True)
    notes = told((one for one in remarks if not one.suspicious), every=True)
    notes += similar
    for line in (*complaints, *suspicious, *leaks, *(f"note: {line}" for line in notes)):
        console.print(printable(line), markup=False, highlight=False)
    return ExitCode.FAILURES if complaints or suspicious or leaks else ExitCode.DONE


def _health(found: Mapping[str, Health]) -> Table:
    """What is odd about the labels of each part, counted; a row for what there is in any."""
    table = Table("labels", *found)
    columns = [dict(told_health(health)) for health in found.values()]
    for words in columns[0]:
        cells = [column[words] for column in columns]
        if set(cells) != {"0"}:
            table.add_row(words, *cells)
    return table


def _look_at(pairs: Sequence[Pair], part: str) -> tuple[list[str], list[str], list[Remark]]:
    """The cells of a part's row in the table, a line for each image that is unreadable, and
    remarks about the others, which loading made of test images already."""
    types: Counter[str] = Counter()
    unreadable, remarks = [], list[Remark]()
    cells, largest = 0, (0, 0)
    for pair in pairs:
        try:
            picture = read_picture(pair.image)
        except UnreadableImage as error:
            unreadable.append(f"{pair.name}: unreadable: {error.what}")
            continue
        pixels = picture.pixels
        if part == TRAIN_PART:
            remarks += decoded_remarks(picture, pair.image, pair.label, part)
        types[f"{pixels.dtype} {pair.image.suffix.lower().lstrip('.')}"] += 1
        cells += pair.health.cells
        largest = max(largest, pixels.shape[:2], key=lambda size: size[0] * size[1])
    kinds = ", ".join(f"{number} {kind}" for kind, number in types.most_common())
    row = [str(len(pairs)), str(cells), kinds, f"{largest[0]}×{largest[1]}"]
    return row, unreadable, remarks
