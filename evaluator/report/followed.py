"""Which images' cells a report follows: all, or of very many a part that nothing measured chose.

All cells of such an image are kept in memory, so that there is a bound to how many they may be.
"""

from dataclasses import replace
from hashlib import sha256

from evaluator.report.data import ReportData
from evaluator.statistics.intervals import FEWEST

MOST_FOLLOWED = 10_000
"""Overlap tables of all seeds that are kept at a time; a table takes some tens of kB."""


def followed_part(data: ReportData) -> ReportData:
    """The same of the images whose cells are followed; `data` itself where these are all.

    Which images these are depends on their names alone, by hash.
    """
    runs = sum(len(model.runs) for model in data.models)
    most = max(FEWEST, MOST_FOLLOWED // max(1, runs))
    if len(data.images) <= most:
        return data
    by_chance = sorted(data.images, key=lambda image: sha256(image.name.encode()).digest())
    names = {image.name for image in by_chance[:most]}
    return replace(
        data,
        images=tuple(image for image in data.images if image.name in names),
        scores=data.scores[data.scores["image"].isin(names)],
    )


def told_part(part: ReportData, data: ReportData) -> str:
    """A sentence about which images' cells are followed; empty when all are."""
    if part is data:
        return ""
    return (
        f"Cells are followed on {len(part.images):,} of {len(data.images):,} images, drawn by a"
        " hash of their names, so that memory and time stay bounded; scores.csv and every mean"
        " elsewhere cover all images."
    )
