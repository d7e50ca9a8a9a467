"""Opening every image and label of a dataset before any model meets them."""

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from contract import ExitCode, UnreadableImage, read_image, read_mask
from harness.datasets.folder import TEST_PART, TRAIN_PART, Pair, load_dataset, split_training


def check_dataset(folder: Path) -> ExitCode:
    """Prints what the dataset holds and each image that cannot be used; returns 0, or 3 with any.

    Raises CallError when the folder is no dataset at all.
    """
    dataset = load_dataset(folder)
    console = Console(soft_wrap=True)
    complaints = [f"{fault.part}/{fault.image}: {fault.reason}" for fault in dataset.faults]
    split = split_training(dataset.train)
    table = Table("part", "images", "cells", "types", "largest")
    for part, pairs in ((TRAIN_PART, dataset.train), (TEST_PART, dataset.test)):
        types: Counter[str] = Counter()
        cells, largest = 0, (0, 0)
        for pair in pairs:
            try:
                pixels = read_image(pair.image)
            except UnreadableImage as error:
                complaints.append(f"{part}/{pair.name}: unreadable: {error.what}")
                continue
            types[f"{pixels.dtype} {pair.image.suffix.lower().lstrip('.')}"] += 1
            cells += _cells(pair)
            largest = max(largest, pixels.shape[:2], key=lambda size: size[0] * size[1])
        kinds = ", ".join(f"{number} {kind}" for kind, number in types.most_common())
        size = f"{largest[0]}×{largest[1]}"
        table.add_row(part, str(len(pairs)), str(cells), kinds, size)
    console.print(table)
    held_out = sum(subset == "val" for subset in split.values())
    console.print(f"split: {len(split) - held_out} train, {held_out} val, the same for all models")
    for complaint in complaints:
        console.print(complaint, markup=False, highlight=False)
    return ExitCode.FAILURES if complaints else ExitCode.DONE


def _cells(pair: Pair) -> int:
    import numpy as np

    return int(np.count_nonzero(np.unique(read_mask(pair.label))))
