"""Two sets of masks without a truth: which cells an update lost, gained, split or merged."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import CallError, CellbenchError, label_stem, list_labels
from contract.guarded import open_mask
from contract.masks import MaskFile
from contract.pairing import distinct_labels, pair_labels
from evaluator.overlap.cell_fates import Fate, fates, wholes
from evaluator.overlap.matching import match_cells
from evaluator.overlap.outlines import outline_pairs
from evaluator.overlap.table import overlap_table
from evaluator.runs.folder import RunFolder
from evaluator.runs.read import read_run, read_score

IOU = 0.5
"""From which a cell of A and one of B are the same cell."""


@dataclass(frozen=True, kw_only=True)
class ImageChanges:
    """What became of the cells of one image, or of all images of a model."""

    model: str
    """With its seed; "" where two folders of masks are compared."""
    image: str
    cells_a: int
    cells_b: int
    same: int
    """Cells that both have, at IoU 0.5."""
    lost: int
    """Cells of A that are in none of B, for none of the reasons below."""
    gained: int
    split: int
    """Cells of A that hold two or more cells of B."""
    merged: int
    """Cells of B that hold two or more cells of A."""
    shifts: tuple[float, ...]
    """Of each cell that both have, the mean distance between its outlines in pixels."""

    @property
    def changed(self) -> bool:
        """Whether cells came or went; an outline that moved is none."""
        return bool(self.lost or self.gained or self.split or self.merged)

    @property
    def mean_shift(self) -> float | None:
        """Mean of `shifts`; None without a cell in common."""
        return float(np.mean(self.shifts)) if self.shifts else None


@dataclass(frozen=True, kw_only=True)
class MaskChanges:
    """What an update did to masks."""

    images: tuple[ImageChanges, ...]
    only_in_one: tuple[str, ...]
    """Sentences on models and images that have masks on one side alone, or whose masks do not
    fit on each other."""

    @property
    def totals(self) -> tuple[ImageChanges, ...]:
        """The sums of each model, in their order."""
        models = dict.fromkeys(one.model for one in self.images)
        return tuple(
            _total(model, [o for o in self.images if o.model == model]) for model in models
        )

    @property
    def changed(self) -> bool:
        """Whether a cell was lost, gained, split or merged, or a mask is on one side alone."""
        return bool(self.only_in_one) or any(one.changed for one in self.images)


def compare_masks(a: Path, b: Path) -> MaskChanges:
    """Compares the masks of two runs, of two folders of scores, or of two folders of label files.

    In runs every model and seed that both have, controls included; images are paired by the name
    up to its first dot. All cells count, those on the border too.

    Raises CallError when a folder is missing, holds two masks of one name, or no mask of A has a
    partner in B.
    """
    folders = [_folders(side) for side in (a, b)]
    shared = [name for name in folders[0] if name in folders[1]]
    loose = [
        f"only {letter} has {name}"
        for letter, mine, other in (("A", *folders), ("B", *reversed(folders)))
        for name in mine
        if name not in other
    ]
    found: list[ImageChanges] = []
    for name in shared:
        for change in _folder(name, folders[0][name], folders[1][name]):
            if isinstance(change, str):
                loose.append(change)
            else:
                found.append(change)
    if not found:
        raise CallError(
            f"No mask in {a} has a partner in {b}.",
            "; ".join(loose[:3]) or "there is no mask",
            "give two runs of the same models, or two folders of masks of the same images",
        )
    return MaskChanges(images=tuple(found), only_in_one=tuple(loose))


def _folders(side: Path) -> dict[str, Path]:
    """The folder of masks of each model and seed; one without a name where there are no models."""
    if not side.is_dir():
        raise CallError(f"No folder {side}.", do="give a run or a folder of label masks")
    if run := read_run(side):
        return {
            f"{name} seed {seed}": RunFolder(side).step(name, seed, "predict")
            for name, model in run.models.items()
            for seed in model.seeds
        }
    if score := read_score(side):
        return {"": Path(score.predicted)}
    return {"": side}


def _folder(model: str, a: Path, b: Path) -> Iterator[ImageChanges | str]:
    pairing = pair_labels(_labels(a), _labels(b), own_stem=label_stem)
    where = f"{model}, " if model else ""
    for path in _labels(a):
        partner = pairing.labels.get(path.name)
        if partner is None:
            yield f"only A has a mask of {where}{path.name}"
            continue
        try:
            before = open_mask(path)
            after = open_mask(partner, expected=_size(before))
        except CellbenchError as error:
            yield f"{where}{path.name} cannot be compared: {error.what}"
            continue
        yield _changes(model, path.name, before, after)
    for path in pairing.strangers:
        yield f"only B has a mask of {where}{path.name}"


def _labels(folder: Path) -> Sequence[Path]:
    if not folder.is_dir():
        return ()
    found = distinct_labels(list_labels(folder))
    if found.several:
        raise CallError(
            f"{folder} has {found.several[0]}.",
            "masks are paired by the name up to its first dot, without a trailing _label",
            "leave one of them in the folder, or rename the others",
        )
    return found.labels


def _size(mask: MaskFile) -> tuple[int, int]:
    height, width = mask.labels.shape
    return height, width


def _changes(model: str, image: str, a: MaskFile, b: MaskFile) -> ImageChanges:
    table = overlap_table(a.labels, b.labels)
    ends = fates(table, IOU)
    match = match_cells(table, IOU)
    split, merged = wholes(table)
    shifts = (
        float(np.concatenate((pair.to_predicted, pair.to_truth)).mean())
        for pair in outline_pairs(a.labels, b.labels, table, match)
    )
    return ImageChanges(
        model=model,
        image=image,
        cells_a=len(table.truth),
        cells_b=len(table.predicted),
        same=match.tp,
        lost=ends.true_counts[Fate.MISSED],
        gained=ends.predicted_counts[Fate.SPURIOUS],
        split=split,
        merged=merged,
        shifts=tuple(shifts),
    )


def _total(model: str, parts: Iterable[ImageChanges]) -> ImageChanges:
    parts = list(parts)
    return ImageChanges(
        model=model,
        image=f"{len(parts)} images",
        cells_a=sum(one.cells_a for one in parts),
        cells_b=sum(one.cells_b for one in parts),
        same=sum(one.same for one in parts),
        lost=sum(one.lost for one in parts),
        gained=sum(one.gained for one in parts),
        split=sum(one.split for one in parts),
        merged=sum(one.merged for one in parts),
        shifts=tuple(shift for one in parts for shift in one.shifts),
    )
