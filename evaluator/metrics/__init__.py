"""One metric a file, from counts, a match, a table or outline distances; none reads pixels."""

from evaluator.metrics.aji import aji
from evaluator.metrics.aji_plus import aji_plus
from evaluator.metrics.average_precision import average_precision
from evaluator.metrics.boundary_f1 import boundary_f1
from evaluator.metrics.count_error import CountError, count_error
from evaluator.metrics.f1 import f1
from evaluator.metrics.foreground_dice import foreground_dice
from evaluator.metrics.hausdorff_95 import hausdorff_95
from evaluator.metrics.matched_dice import matched_dice
from evaluator.metrics.mean_average_precision import AP_THRESHOLDS, mean_average_precision
from evaluator.metrics.panoptic_quality import PanopticQuality, panoptic_quality
from evaluator.metrics.precision import precision
from evaluator.metrics.recall import recall
from evaluator.metrics.seg import seg

__all__ = [
    "AP_THRESHOLDS",
    "CountError",
    "PanopticQuality",
    "aji",
    "aji_plus",
    "average_precision",
    "boundary_f1",
    "count_error",
    "f1",
    "foreground_dice",
    "hausdorff_95",
    "matched_dice",
    "mean_average_precision",
    "panoptic_quality",
    "precision",
    "recall",
    "seg",
]
