"""Scores masks of cells against the truth and renders the report.

The names in __all__ are the public interface. Importing the package loads nothing; a name loads
its module when it is first used, so that whoever needs one part does not wait for all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluator.cell_fates import Fate, Fates, fates
    from evaluator.mask_checks import mask_warnings
    from evaluator.matching import Match, match_by_overlap, match_cells
    from evaluator.metrics import (
        AP_THRESHOLDS,
        CountError,
        PanopticQuality,
        aji,
        aji_plus,
        average_precision,
        boundary_f1,
        count_error,
        f1,
        foreground_dice,
        hausdorff_95,
        matched_dice,
        mean_average_precision,
        panoptic_quality,
        precision,
        recall,
        seg,
    )
    from evaluator.outlines import OutlinePair, cell_boxes, outline_pairs
    from evaluator.overlap import OverlapTable, Side, UnreadableTable, overlap_table
    from evaluator.protocols import (
        PROTOCOLS,
        Counts,
        Protocol,
        count,
        counted_tables,
    )
    from evaluator.report import ReportPaths, build_report
    from evaluator.rescore import rescore_folder
    from evaluator.score import (
        FolderScores,
        PairResult,
        TruthFault,
        score_folders,
        score_pair,
    )
    from evaluator.scores import (
        DEFAULT_THRESHOLDS,
        OUTCOMES,
        SCORE_COLUMNS,
        MalformedScores,
        Outcome,
        ScoreRow,
        read_scores,
        rows_for,
        write_scores,
    )
    from evaluator.strata import COUNT_RANGES, count_range
    from evaluator.summaries import (
        Pooled,
        Score,
        Summary,
        by_group,
        pool,
        summarise,
    )

__all__ = [
    "AP_THRESHOLDS",
    "COUNT_RANGES",
    "DEFAULT_THRESHOLDS",
    "OUTCOMES",
    "PROTOCOLS",
    "SCORE_COLUMNS",
    "CountError",
    "Counts",
    "Fate",
    "Fates",
    "FolderScores",
    "MalformedScores",
    "Match",
    "Outcome",
    "OutlinePair",
    "OverlapTable",
    "PairResult",
    "PanopticQuality",
    "Pooled",
    "Protocol",
    "ReportPaths",
    "Score",
    "ScoreRow",
    "Side",
    "Summary",
    "TruthFault",
    "UnreadableTable",
    "aji",
    "aji_plus",
    "average_precision",
    "boundary_f1",
    "build_report",
    "by_group",
    "cell_boxes",
    "count",
    "count_error",
    "count_range",
    "counted_tables",
    "f1",
    "fates",
    "foreground_dice",
    "hausdorff_95",
    "mask_warnings",
    "match_by_overlap",
    "match_cells",
    "matched_dice",
    "mean_average_precision",
    "outline_pairs",
    "overlap_table",
    "panoptic_quality",
    "pool",
    "precision",
    "read_scores",
    "recall",
    "rescore_folder",
    "rows_for",
    "score_folders",
    "score_pair",
    "seg",
    "summarise",
    "write_scores",
]

_MODULES = {
    "cell_fates": (
        "Fate",
        "Fates",
        "fates",
    ),
    "mask_checks": ("mask_warnings",),
    "matching": (
        "Match",
        "match_by_overlap",
        "match_cells",
    ),
    "metrics": (
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
    ),
    "outlines": (
        "OutlinePair",
        "cell_boxes",
        "outline_pairs",
    ),
    "overlap": (
        "OverlapTable",
        "Side",
        "UnreadableTable",
        "overlap_table",
    ),
    "protocols": (
        "PROTOCOLS",
        "Counts",
        "Protocol",
        "count",
        "counted_tables",
    ),
    "report": (
        "ReportPaths",
        "build_report",
    ),
    "rescore": ("rescore_folder",),
    "score": (
        "FolderScores",
        "PairResult",
        "TruthFault",
        "score_folders",
        "score_pair",
    ),
    "scores": (
        "DEFAULT_THRESHOLDS",
        "OUTCOMES",
        "SCORE_COLUMNS",
        "MalformedScores",
        "Outcome",
        "ScoreRow",
        "read_scores",
        "rows_for",
        "write_scores",
    ),
    "strata": (
        "COUNT_RANGES",
        "count_range",
    ),
    "summaries": (
        "Pooled",
        "Score",
        "Summary",
        "by_group",
        "pool",
        "summarise",
    ),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'evaluator' has no attribute {name!r}")
    return getattr(import_module(f"evaluator.{_HOME[name]}"), name)
