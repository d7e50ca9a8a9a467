"""Several overlap tables as one, such as those of a large image's tiles."""

from collections.abc import Sequence

import numpy as np

from evaluator.overlap.table import OverlapTable, Side


def joined(tables: Sequence[OverlapTable]) -> OverlapTable:
    """The cells of all tables in one, as if they lay beside each other.

    Cells of different tables never overlap. Ids stand as they are and may come twice, so that only
    numbers that go by areas and shared pixels follow from it. Raises ValueError without a table.
    """
    if not tables:
        raise ValueError("no table is given")
    if len(tables) == 1:
        return tables[0]
    truth, predicted = (_side([getattr(one, name) for one in tables]) for name in SIDES)
    before_truth, before_predicted = (
        np.cumsum([0, *(len(getattr(one, name)) for one in tables[:-1])]) for name in SIDES
    )
    return OverlapTable(
        shape=(sum(one.shape[0] for one in tables), max(one.shape[1] for one in tables)),
        truth=truth,
        predicted=predicted,
        pair_truth=np.concatenate(
            [one.pair_truth + offset for one, offset in zip(tables, before_truth, strict=True)]
        ),
        pair_predicted=np.concatenate(
            [
                one.pair_predicted + offset
                for one, offset in zip(tables, before_predicted, strict=True)
            ]
        ),
        pair_pixels=np.concatenate([one.pair_pixels for one in tables]),
    )


SIDES = ("truth", "predicted")


def _side(sides: Sequence[Side]) -> Side:
    return Side(
        ids=np.concatenate([side.ids for side in sides]),
        areas=np.concatenate([side.areas for side in sides]),
        on_frame=np.concatenate([side.on_frame for side in sides]),
    )
