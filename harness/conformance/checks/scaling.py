"""How time and memory grow with the size of an image."""

import numpy as np

from harness.conformance.findings import Check, NotChecked, Verdict, fault, passed
from harness.conformance.judging import labels_of
from harness.conformance.material import tiled
from harness.conformance.subject import Subject
from harness.models.needs import TOLD_MEMORY, TOLD_SIDE, Needs

SIDES = (256, 768, 1536)
"""px; each in a call of its own."""
MEGA = 1e6


def _fitted(subject: Subject) -> Verdict:
    points = []
    for side in SIDES:
        picture = tiled(side)
        answers = subject.predict([picture], cores=subject.limits.cores)
        labels_of(answers[picture])
        usage = answers.calls[-1].ended.usage
        if usage.peak_memory_bytes is None:
            raise NotChecked("its memory could not be seen")
        points.append((side * side, usage.seconds, usage.peak_memory_bytes))
    needs = fit(points, cores=subject.limits.cores, weights=subject.weights_named)
    subject.needs = needs
    if needs.memory_of(TOLD_SIDE**2) > subject.limits.memory:
        return fault(
            needs.told(TOLD_SIDE, TOLD_MEMORY),
            "predict in tiles, so that memory does not grow with the whole image",
        )
    return passed(needs.told(TOLD_SIDE, TOLD_MEMORY))


def fit(points: list[tuple[int, float, int]], *, cores: int, weights: str) -> Needs:
    """Straight lines through (pixels, seconds, bytes), by least squares, none of them falling."""
    megapixels, seconds, memory = np.array(points, float).T
    megapixels /= MEGA
    slope_s, start_s = np.polyfit(megapixels, seconds, 1)
    slope_m, start_m = np.polyfit(megapixels, memory, 1)
    return Needs(
        seconds=round(max(0.0, float(start_s)), 3),
        seconds_per_megapixel=round(max(0.0, float(slope_s)), 4),
        memory_bytes=round(max(0.0, float(start_m))),
        memory_bytes_per_megapixel=round(max(0.0, float(slope_m))),
        measured_up_to=int(max(point[0] for point in points)),
        cores=cores,
        weights=weights,
    )


CHECKS = (
    Check(
        id="scaling.fitted",
        title="memory suffices for large images",
        look=_fitted,
        slow=True,
    ),
)
