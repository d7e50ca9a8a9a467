"""A run takes a folder only when nothing in it would be lost."""

from pathlib import Path

from contract.written import Written
from evaluator.runs.folder import LEAKAGE_JSON, RUN_JSON, SCORES_CSV, SEEN_JSON
from evaluator.runs.read import read_record
from evaluator.runs.records import RunRecord

WRITES = (
    RUN_JSON,
    LEAKAGE_JSON,
    SEEN_JSON,
    SCORES_CSV,
    "models/",
    "report/",
    "simulated/",
    ".stage/",
)


def refuse_foreign(folder: Path) -> None:
    """Raises CallError when a run would replace files of a folder that holds no run."""
    if read_record(folder / RUN_JSON, RunRecord) is None:
        Written(folder).refuse_others(WRITES)


def claim(folder: Path) -> None:
    """Records that what a run writes into this folder is its own; raises as `refuse_foreign`."""
    if read_record(folder / RUN_JSON, RunRecord) is None:
        Written(folder).claim(WRITES)
