"""One metric a file, each computed from counts, a match or an overlap table; none reads pixels."""

from evaluator.metrics.aji import aji
from evaluator.metrics.average_precision import average_precision
from evaluator.metrics.f1 import f1
from evaluator.metrics.foreground_dice import foreground_dice
from evaluator.metrics.matched_dice import matched_dice
from evaluator.metrics.panoptic_quality import PanopticQuality, panoptic_quality
from evaluator.metrics.precision import precision
from evaluator.metrics.recall import recall
from evaluator.metrics.seg import seg

__all__ = [
    "PanopticQuality",
    "aji",
    "average_precision",
    "f1",
    "foreground_dice",
    "matched_dice",
    "panoptic_quality",
    "precision",
    "recall",
    "seg",
]
