"""Other thresholds and protocols from the stored overlap tables, without the masks."""

from collections.abc import Callable, Iterable
from pathlib import Path

from contract import CellbenchError, label_stem, stem
from evaluator.overlap import OverlapTable
from evaluator.protocols import Protocol
from evaluator.scores import DEFAULT_THRESHOLDS, ScoreRow, read_scores, rows_for


def rescore_folder(
    source: Path,
    *,
    thresholds: Iterable[float] = DEFAULT_THRESHOLDS,
    protocol: Protocol = "challenge",
    border: bool = False,
) -> list[ScoreRow]:
    """The rows of a run folder, or of what `score_folders` wrote, under other rules.

    Images, outcomes and modalities are those of `source`/scores.csv, and so is the order.
    Nothing is written.

    Raises FileNotFoundError without a scores.csv, CellbenchError when an image's table is not
    there, UnreadableTable when it is damaged, ValueError for a threshold outside (0, 1].
    """
    thresholds = tuple(thresholds)
    table_path = _table_paths(source)
    # Rows of one image that differ in the threshold alone name it once.
    images = dict.fromkeys(
        (row.model, row.seed, row.image, row.outcome, row.modality)
        for row in read_scores(source / "scores.csv")
    )
    rows: list[ScoreRow] = []
    for model, seed, image, outcome, modality in images:
        path = table_path(model, seed, image)
        try:
            table = OverlapTable.load(path)
        except FileNotFoundError as error:
            raise CellbenchError(
                f"No overlap table {path}.",
                "it was deleted, or the folder was copied without its overlaps",
                "score the masks again",
            ) from error
        rows += rows_for(
            table,
            model=model,
            seed=seed,
            image=image,
            modality=modality,
            outcome=outcome,
            thresholds=thresholds,
            protocol=protocol,
            border=border,
        )
    return rows


def _table_paths(source: Path) -> Callable[[str, int, str], Path]:
    """Where the table of a model, seed and image lies."""
    if not (source / "run.json").exists():
        return lambda model, seed, image: source / "overlaps" / f"{label_stem(image)}.npz"
    from evaluator.runfolder import RunFolder

    run = RunFolder(source)
    return lambda model, seed, image: run.overlaps(model, seed) / f"{stem(image)}.npz"
