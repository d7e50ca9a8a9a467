"""What the truth itself scores when its outlines are off by one pixel."""

from collections.abc import Mapping, Sequence

import numpy as np

from contract import CellbenchError
from contract.guarded import read_mask
from evaluator.explain.ceiling import Ceiling, Disturbance, ceiling_rows, ceilings
from evaluator.report.cells import rules_of
from evaluator.report.data import DatasetImage
from evaluator.report.numbers import Numbers
from evaluator.scores.rows import ScoreRow
from evaluator.statistics.intervals import FEWEST

Band = Mapping[tuple[Disturbance, float], Ceiling]
"""By disturbance and threshold, over all count ranges; empty when no label can be read."""

PIXELS = 8_000_000
"""Of so many pixels in all labels are disturbed, so that the report is hardly slower for it."""


def ceiling(numbers: Numbers) -> Band:
    """The scores of the disturbed truths, by the rules of the run."""
    data = numbers.data
    protocol, border = rules_of(data.protocol)
    rows: list[ScoreRow] = []
    for image in chosen(numbers):
        assert image.label is not None
        try:
            truth = read_mask(image.label)
        except (CellbenchError, OSError):
            continue
        rows += ceiling_rows(
            truth,
            image=image.name,
            thresholds=data.thresholds,
            protocol=protocol,
            border=border,
        )
    found = ceilings(rows, groups=numbers.groups)
    return {(one.disturbance, one.threshold): one for one in found if one.count_range == "all"}


def chosen(numbers: Numbers) -> Sequence[DatasetImage]:
    """Images with a label, evenly from the list: what `PIXELS` allow, or enough for an interval."""
    known = [image for image in numbers.data.images if image.label and image.name in numbers.truth]
    if not known:
        return []
    pixels = [int(np.prod(numbers.truth[image.name].table.shape)) for image in known]
    most = max(FEWEST, int(PIXELS / max(1.0, float(np.mean(pixels)))))
    if len(known) <= most:
        return known
    places = np.linspace(0, len(known) - 1, most).round().astype(int)
    return [known[place] for place in places]
