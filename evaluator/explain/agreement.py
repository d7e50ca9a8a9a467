"""Which true cells every model misses, and which only one finds."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import Flags, Labels, OverlapTable, Whole


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Who found which true cell of one image."""

    models: tuple[str, ...]
    ids: Labels
    """(n,) ids of the true cells."""
    found: Flags
    """(n, models) whether the model found the cell."""

    @property
    def missed_by_all(self) -> Labels:
        """Ids of the cells that no model found: hard ones, or faults of the truth."""
        return np.compress(self._finders == 0, self.ids)

    @property
    def found_by_all(self) -> Labels:
        """Ids of the cells that every model found."""
        return np.compress(self._finders == len(self.models), self.ids)

    def found_only_by(self, model: str) -> Labels:
        """Ids of the cells that this model alone found."""
        column = self.models.index(model)
        return np.compress(self.found[:, column] & (self._finders == 1), self.ids)

    @property
    def union_recall(self) -> float:
        """Share of true cells that at least one model found, in [0, 1]; NaN without cells."""
        return float(self.found.any(axis=1).mean()) if len(self.ids) else float("nan")

    @property
    def _finders(self) -> Whole:
        """(n,) number of models that found each cell."""
        return np.array(np.count_nonzero(self.found, axis=1))


def agreement(tables: Mapping[str, OverlapTable], threshold: float) -> Agreement:
    """Which true cells the models found at IoU ≥ `threshold`, from their tables of one image.

    Give tables `without_border()` to leave out cells on the border. Raises ValueError when there
    is no table or when they are not of the same truth.
    """
    if not tables:
        raise ValueError("no table is given")
    truth = next(iter(tables.values())).truth
    found = np.zeros((len(truth), len(tables)), np.bool_)
    for column, (model, table) in enumerate(tables.items()):
        if not np.array_equal(table.truth.ids, truth.ids):
            raise ValueError(f"the table of {model} is of another truth")
        found[match_cells(table, threshold).truth, column] = True
    return Agreement(models=tuple(tables), ids=truth.ids, found=found)
