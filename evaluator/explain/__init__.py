"""What explains a score: ceilings, thresholds, foreground and splitting, agreement, rules."""

from evaluator.explain.agreement import Agreement, agreement
from evaluator.explain.attribution import Attribution, attribution, transplanted
from evaluator.explain.best_of import BestOf, best_of
from evaluator.explain.ceiling import Ceiling, ceiling_rows, ceilings, disturbed
from evaluator.explain.proximity import NearThreshold, near_threshold
from evaluator.explain.rules import RULE_SETS, Ranking, RuleSet, rankings, surviving

__all__ = [
    "RULE_SETS",
    "Agreement",
    "Attribution",
    "BestOf",
    "Ceiling",
    "NearThreshold",
    "Ranking",
    "RuleSet",
    "agreement",
    "attribution",
    "best_of",
    "ceiling_rows",
    "ceilings",
    "disturbed",
    "near_threshold",
    "rankings",
    "surviving",
    "transplanted",
]
