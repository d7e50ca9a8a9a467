"""Laying one picture over another by their common keypoints, and how well they then agree."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.datasets.leakage.matching import WAYS, Matches, Way, similarities
from harness.datasets.leakage.signature import Signature

CLOSE = 6.0
"""Pixels of the small picture between a point and where the other picture has it, at most."""
SAME_SIZE = 0.4
"""Natural logarithm by which sizes of points may differ beside that of the pictures."""
SMALLEST, LARGEST = 0.2, 5.0
"""Sizes to which a picture may have been brought."""
SMOOTH, COARSE = 1.0, 12.0
"""Pixels: finer differences are noise, coarser ones light and contrast."""
MARGIN = 5
LEAST_PIXELS = 400
"""Of the small picture: less common ground says nothing."""
ROUNDS = 30

Matrix = npt.NDArray[np.float64]
Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """How the first picture lies on the second."""

    matrix: Matrix
    """(2, 3): takes x, y, 1 of the first small picture to x, y of the second."""
    way: Way
    points: int
    """Keypoints that agree with it."""

    @property
    def scale(self) -> float:
        """Size of the first in the second."""
        return float(np.sqrt(abs(np.linalg.det(self.matrix[:, :2]))))

    @property
    def turn(self) -> float:
        """Degrees, clockwise as rows run downwards, by which the first was turned, if mirrored so
        after that."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What two pictures have in common, one lying on the other."""

    correlation: float
    """Of grey values where both are, without noise and light, -1 to 1."""
    of_first: float
    """Part of the first picture that lies on the second, 0 to 1."""
    of_second: float


def align(first: Signature, second: Signature, matches: Matches) -> Alignment | None:
    """The similarity with which the most matched keypoints agree; None without any."""
    best: Alignment | None = None
    for number, way in enumerate(WAYS):
        chosen = matches.way == number
        points = first.points[matches.first[chosen]]
        others = second.points[matches.second[chosen]]
        found = _consensus(points, others, number)
        if found is not None and (best is None or found[1] > best.points):
            best = Alignment(matrix=found[0], way=way, points=found[1])
    return best


def _consensus(
    points: npt.NDArray[np.float32], others: npt.NDArray[np.float32], way: int
) -> tuple[Matrix, int] | None:
    """The similarity proposed by one match that most others agree with, fitted to them all."""
    if len(points) < 2:
        return None
    matrices, shifts = similarities(points, others, np.full(len(points), way))
    placed = np.einsum("hij,mj->hmi", matrices, points[:, :2]) + shifts[:, None]
    near = np.linalg.norm(placed - others[None, :, :2], axis=-1) < CLOSE
    sizes = np.log(others[:, 2] / np.maximum(points[:, 2], 1e-3))
    near &= np.abs(sizes[None] - sizes[:, None]) < SAME_SIZE
    near &= ((sizes > np.log(SMALLEST)) & (sizes < np.log(LARGEST)))[:, None]
    counts = [_distinct(points[row], others[row]) for row in near]
    best = int(np.argmax(counts))
    if counts[best] < 2:
        return None
    agreeing = near[best]
    return _fit(points[agreeing, :2], others[agreeing, :2], WAYS[way].mirrored), counts[best]


def _distinct(points: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> int:
    """Points at different places: one place may have several directions."""
    return min(
        len({(round(float(x)), round(float(y))) for x, y in side[:, :2]})
        for side in (points, others)
    )


def _fit(points: npt.NDArray[Any], others: npt.NDArray[Any], mirror: bool) -> Matrix:
    """The (2, 3) similarity of least squares (Umeyama 1991), of known handedness."""
    flip = np.array([1.0, -1.0 if mirror else 1.0])
    source, target = points.astype(np.float64) * flip, others.astype(np.float64)
    centre, goal = source.mean(axis=0), target.mean(axis=0)
    source, target = source - centre, target - goal
    spread = max(float((source**2).sum()), 1e-9)
    along = float((source * target).sum()) / spread
    across = float((source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum()) / spread
    turn = np.array([[along, -across], [across, along]])
    return np.column_stack([turn * flip, goal - turn @ centre])


def agreement(first: Picture, second: Picture, found: Alignment) -> Agreement:
    """How well two small pictures agree, one lying on the other; the fit is refined first."""
    import cv2

    matrix = _refined(first, second, found)
    height, width = second.shape
    size = (width, height)
    laid = cv2.warpAffine(_fit_for(first, found), matrix, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(
        np.full(first.shape, 255, np.uint8), matrix, size, flags=cv2.INTER_NEAREST
    )
    common = cv2.erode(inside, np.ones((MARGIN, MARGIN), np.uint8), borderValue=255) > 0
    if np.count_nonzero(common) < LEAST_PIXELS:
        return Agreement(correlation=0.0, of_first=0.0, of_second=0.0)
    a, b = _detail(laid, common), _detail(second.astype(np.float32), common)
    spread = float(a.std() * b.std())
    correlation = float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread else 0.0
    covered = np.count_nonzero(inside)
    area = abs(float(np.linalg.det(matrix[:, :2])))
    return Agreement(
        correlation=correlation,
        of_first=float(min(1.0, covered / max(area * first.size, 1.0))),
        of_second=float(covered / second.size),
    )


def _fit_for(first: Picture, found: Alignment) -> npt.NDArray[np.float32]:
    """The first picture with the second's signs, as coarse as it will be at the second's size."""
    import cv2

    picture = first.astype(np.float32)
    if found.way.inverted:
        picture = 255 - picture
    if found.scale < 0.9:
        picture = cv2.GaussianBlur(picture, (0, 0), 0.5 / found.scale)
    return picture


def _refined(first: Picture, second: Picture, found: Alignment) -> Matrix:
    """The alignment moved to where grey values correlate best (Evangelidis and Psarakis 2008)."""
    import cv2

    inverse = cv2.invertAffineTransform(found.matrix.astype(np.float32)).astype(np.float32)
    rules = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, ROUNDS, 1e-4)
    try:
        _, moved = cv2.findTransformECC(
            second.astype(np.float32), _fit_for(first, found), inverse, cv2.MOTION_AFFINE, rules
        )
        back = cv2.invertAffineTransform(moved)
    except cv2.error:  # it says so when it finds nothing better
        return found.matrix
    scale = np.sqrt(abs(np.linalg.det(back[:, :2])))
    return back if 0.8 < scale / max(found.scale, 1e-6) < 1.25 else found.matrix


def _detail(
    picture: npt.NDArray[np.float32], inside: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float32]:
    """The values inside, (n,), without what is finer than SMOOTH or coarser than COARSE."""
    import cv2

    weight = inside.astype(np.float32)
    smooth = cv2.GaussianBlur(picture, (0, 0), SMOOTH)
    near = cv2.GaussianBlur(weight, (0, 0), COARSE)
    coarse = cv2.GaussianBlur(smooth * weight, (0, 0), COARSE) / np.maximum(near, 1e-3)
    return np.asarray((smooth - coarse)[inside], np.float32)
