"""Scoring one pair of masks, and two folders of them."""

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract import (
    CallError,
    CellbenchError,
    UnreadableMask,
    WrongMaskType,
    __version__,
    label_stem,
    list_labels,
    read_mask,
    write_json,
)
from evaluator.overlap.mask_checks import mask_warnings
from evaluator.overlap.matching import exact
from evaluator.overlap.table import Labels, OverlapTable, overlap_table
from evaluator.runs.folder import SCORE_JSON, SCORES_CSV
from evaluator.runs.records import ScoreRecord
from evaluator.runs.words import (
    DEFAULT_PROTOCOL,
    DEFAULT_THRESHOLDS,
    OUTCOMES,
    Outcome,
    Protocol,
)
from evaluator.scores.rows import ScoreRow, rows_for, write_scores


class TruthFault(CellbenchError):
    """A truth that cannot be scored against: a fault of the dataset, not of any model."""


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """How one image ended for one model."""

    outcome: Outcome
    truth_table: OverlapTable
    """Truth against prediction; against an empty prediction unless the outcome is "scored"."""
    message: str = ""
    """Why the pair was not scored."""

    @property
    def table(self) -> OverlapTable | None:
        """Truth against prediction; None unless the outcome is "scored"."""
        return self.truth_table if self.outcome == "scored" else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is suspicious about the masks; see `mask_warnings`."""
        return mask_warnings(self.truth_table)


def score_pair(truth_path: Path, mask_path: Path | None) -> PairResult:
    """Reads a truth and a predicted mask and lays one over the other.

    A mask that is absent or None is `missing`, one that cannot be decoded `unreadable`, one of
    another size `wrong_shape`, one that holds no whole ids ≥ 0 on one plane `wrong_type`. The
    truth's side is counted in any case, for the true cells that were then missed.

    Raises TruthFault when the truth itself is missing, unreadable or no label mask.
    """
    try:
        truth = read_mask(truth_path)
    except (UnreadableMask, WrongMaskType) as error:
        raise TruthFault(error.what, error.why, error.do) from error
    if mask_path is None or not mask_path.exists():
        return _failed("missing", truth, "there is no mask")
    try:
        predicted = read_mask(mask_path)
    except UnreadableMask as error:
        return _failed("unreadable", truth, error.what)
    except WrongMaskType as error:
        return _failed("wrong_type", truth, error.what)
    if predicted.shape != truth.shape:
        (height, width), (true_height, true_width) = predicted.shape, truth.shape
        return _failed(
            "wrong_shape",
            truth,
            f"{mask_path.name}: the mask is {height}×{width} pixels (height × width), the truth"
            f" {true_height}×{true_width}",
        )
    return PairResult(outcome="scored", truth_table=overlap_table(truth, predicted))


def _failed(outcome: Outcome, truth: Labels, message: str) -> PairResult:
    return PairResult(outcome=outcome, truth_table=overlap_table(truth), message=message)


@dataclass(frozen=True, kw_only=True)
class FolderScores:
    """What came of scoring one folder of masks against another."""

    rows: tuple[ScoreRow, ...]
    """One per image and threshold."""
    failures: Mapping[str, str]
    """Image → why it counts 0."""
    warnings: Mapping[str, tuple[str, ...]]
    """Image → what is suspicious about its masks, which were scored as they are."""
    faults: Mapping[str, str]
    """Truth file → why it left the denominator."""
    unpaired: tuple[str, ...]
    """Predicted masks without a truth, which play no part."""

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """Number of images by outcome, those that occur."""
        found = Counter({row.image: row.outcome for row in self.rows}.values())
        return {outcome: found[outcome] for outcome in OUTCOMES if found[outcome]}


def score_folders(
    truth: Path,
    predicted: Path,
    out: Path,
    *,
    model: str | None = None,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
    thresholds: Iterable[float] = DEFAULT_THRESHOLDS,
) -> FolderScores:
    """Scores every mask of the folder `truth` against its namesake in `predicted`.

    Pairs by the name up to its first dot, an optional trailing "_label" removed on either side;
    tif, tiff, png, bmp and npy. The truth's folder is the denominator: an image without a usable
    mask counts 0. Writes `out`/scores.csv, `out`/score.json (how it was scored) and
    `out`/overlaps/<stem>.npz, from which other thresholds and protocols follow without the masks.
    `model` is the name in the rows, by default that of the folder `predicted`.

    Raises CallError, before anything is written, when a folder is missing, two files of one
    folder share a stem, a threshold is outside (0, 1], or not one mask has a truth; and when no
    truth can be read.
    """
    thresholds = tuple(dict.fromkeys(thresholds))
    _refuse_thresholds(thresholds)
    truths, masks = _by_stem(truth, "truth"), _by_stem(predicted, "prediction")
    if not truths.keys() & masks.keys():
        raise CallError(
            f"No mask in {predicted} belongs to a truth in {truth}.",
            f"{len(truths)} truths and {len(masks)} masks were found, but no two share a name up"
            " to the first dot (with or without _label)",
            "check the order, truth before prediction, and the file names",
        )
    if out.exists() and not out.is_dir():
        raise CallError(f"{out} is a file.", do="give --out a folder")
    (out / "overlaps").mkdir(parents=True, exist_ok=True)
    model = predicted.resolve().name if model is None else model
    rows: list[ScoreRow] = []
    failures, faults, warnings = {}, {}, {}
    for stem, path in truths.items():
        try:
            result = score_pair(path, masks.get(stem))
        except TruthFault as fault:
            faults[path.name] = fault.what
            continue
        result.truth_table.save(out / "overlaps" / f"{stem}.npz")
        if result.outcome != "scored":
            failures[path.name] = result.message
        if result.warnings:
            warnings[path.name] = result.warnings
        rows += rows_for(
            result.truth_table,
            model=model,
            image=path.name,
            outcome=result.outcome,
            thresholds=thresholds,
            protocol=protocol,
            border=border,
        )
    if not rows:
        raise CallError(
            f"No truth in {truth} can be read.",
            f"the first fault: {next(iter(faults.values()))}",
            "save each truth as one grey plane of whole numbers, one id per cell",
        )
    write_scores(out / SCORES_CSV, rows)
    scores = FolderScores(
        rows=tuple(rows),
        failures=failures,
        warnings=warnings,
        faults=faults,
        unpaired=tuple(path.name for stem, path in masks.items() if stem not in truths),
    )
    record = ScoreRecord(
        cellbench=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=model,
        truth=str(truth.resolve()),
        predicted=str(predicted.resolve()),
        protocol=protocol,
        border=border,
        thresholds=thresholds,
        outcomes=scores.outcomes,
        failures=failures,
        warnings=warnings,
        faults=faults,
        unpaired=scores.unpaired,
        versions={"python": platform.python_version(), "numpy": np.__version__},
    )
    write_json(out / SCORE_JSON, record.model_dump(mode="json"))
    return scores


def _refuse_thresholds(thresholds: tuple[float, ...]) -> None:
    if not thresholds:
        raise CallError("No threshold is given.", do="give at least one, such as 0.5")
    for threshold in thresholds:
        try:
            exact(threshold)
        except ValueError as error:
            raise CallError(f"{threshold} is no threshold: {error}.") from error


def _by_stem(folder: Path, side: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise CallError(
            f"No folder {folder}.", f"the {side} is a folder of label masks", "check the path"
        )
    files = defaultdict(list)
    for path in list_labels(folder):
        files[label_stem(path.name)].append(path)
    for stem, paths in files.items():
        if len(paths) > 1:
            raise CallError(
                f"{folder} has {len(paths)} masks for {stem}:"
                f" {', '.join(path.name for path in paths)}.",
                "masks are paired by the name up to its first dot, without a trailing _label",
                "leave one of them in the folder, or rename the others",
            )
    return {stem: paths[0] for stem, paths in files.items()}
