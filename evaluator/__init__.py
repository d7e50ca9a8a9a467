"""Scores masks of cells against the truth and renders the report.

The names in __all__ are the public interface. Importing the package loads nothing; a name loads
its module when it is first used, so that whoever needs one part does not wait for all.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evaluator.matching import Match, match_cells
    from evaluator.metrics import (
        PanopticQuality,
        aji,
        average_precision,
        f1,
        foreground_dice,
        matched_dice,
        panoptic_quality,
        precision,
        recall,
        seg,
    )
    from evaluator.overlap import OverlapTable, Side, UnreadableTable, overlap_table
    from evaluator.protocols import PROTOCOLS, Counts, Protocol, count, counted_tables
    from evaluator.report import ReportPaths, build_report
    from evaluator.rescore import rescore_folder
    from evaluator.score import FolderScores, PairResult, TruthFault, score_folders, score_pair
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
    from evaluator.summaries import Pooled, Score, Summary, by_group, pool, summarise

__all__ = [
    "COUNT_RANGES",
    "DEFAULT_THRESHOLDS",
    "OUTCOMES",
    "PROTOCOLS",
    "SCORE_COLUMNS",
    "Counts",
    "FolderScores",
    "MalformedScores",
    "Match",
    "Outcome",
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
    "average_precision",
    "build_report",
    "by_group",
    "count",
    "count_range",
    "counted_tables",
    "f1",
    "foreground_dice",
    "match_cells",
    "matched_dice",
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
    "matching": ("Match", "match_cells"),
    "metrics": (
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
    ),
    "overlap": ("OverlapTable", "Side", "UnreadableTable", "overlap_table"),
    "protocols": ("PROTOCOLS", "Counts", "Protocol", "count", "counted_tables"),
    "report": ("ReportPaths", "build_report"),
    "rescore": ("rescore_folder",),
    "score": ("FolderScores", "PairResult", "TruthFault", "score_folders", "score_pair"),
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
    "strata": ("COUNT_RANGES", "count_range"),
    "summaries": ("Pooled", "Score", "Summary", "by_group", "pool", "summarise"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'evaluator' has no attribute {name!r}")
    return getattr(import_module(f"evaluator.{_HOME[name]}"), name)
