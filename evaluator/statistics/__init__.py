"""What scores over images can settle: intervals, paired comparisons, ranks, power, seeds."""

from evaluator.statistics.bootstrap import Interval, bootstrap_interval
from evaluator.statistics.conclusions import conclusion
from evaluator.statistics.paired import (
    Comparison,
    StratumComparisons,
    compare_models,
    compare_within,
    holm,
    sign_flip_p,
)
from evaluator.statistics.power import images_needed, smallest_separable
from evaluator.statistics.ranks import RankStability, rank_stability
from evaluator.statistics.score_matrix import ScoreMatrix, score_matrix
from evaluator.statistics.seeds import SeedSpread, seed_interval, seed_spread

__all__ = [
    "Comparison",
    "Interval",
    "RankStability",
    "ScoreMatrix",
    "SeedSpread",
    "StratumComparisons",
    "bootstrap_interval",
    "compare_models",
    "compare_within",
    "conclusion",
    "holm",
    "images_needed",
    "rank_stability",
    "score_matrix",
    "seed_interval",
    "seed_spread",
    "sign_flip_p",
    "smallest_separable",
]
