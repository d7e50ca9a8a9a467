"""Scoring one pair of masks, and two folders of them."""

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract import (
    CallError,
    CellbenchError,
    UnreadableMask,
    WrongMaskType,
    __version__,
    guarded,
    label_stem,
    list_labels,
    write_json,
)
from contract.guarded import open_mask
from contract.masks import MaskFile, WrongMaskSize
from contract.names import LABEL_SUFFIXES, normal, passed_over
from contract.pairing import Distinct, Pairing, distinct_labels, other_formats, pair_labels
from contract.written import Written
from evaluator.overlap.ignored import ignored_cells, without_cells
from evaluator.overlap.mask_checks import mask_warnings
from evaluator.overlap.matching import exact
from evaluator.overlap.table import Labels, OverlapTable, overlap_table
from evaluator.runs.folder import OVERLAPS, SCORE_JSON, SCORES_CSV
from evaluator.runs.records import ScoreRecord
from evaluator.runs.words import (
    DEFAULT_METRICS,
    DEFAULT_PROTOCOL,
    DEFAULT_THRESHOLDS,
    OUTCOMES,
    Metrics,
    Outcome,
    Protocol,
)
from evaluator.scores.incomplete import finished, sparse_stems
from evaluator.scores.regions import UnusableRegion, read_region
from evaluator.scores.rows import ScoreRow, rows_for, write_scores
from evaluator.scores.truths import truth_sha256


class TruthFault(CellbenchError):
    """A truth that cannot be scored against: a fault of the dataset, not of any model."""


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """How one image ended for one model."""

    outcome: Outcome
    truth_table: OverlapTable
    """Truth against prediction, without predicted cells in an ignored region; against an empty
    prediction unless the outcome is "scored"."""
    message: str = ""
    """Why the pair was not scored."""
    truth_sha256: str
    """Of the truth's ids, however they are stored."""
    truth_warnings: tuple[str, ...] = ()
    """What is suspicious about the truth, which is used as it is."""
    mask_warnings: tuple[str, ...] = ()
    """What is suspicious about the prediction, which is scored as it is."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is suspicious about either."""
        return (*self.truth_warnings, *self.mask_warnings)

    @property
    def table(self) -> OverlapTable | None:
        """Truth against prediction; None unless the outcome is "scored"."""
        return self.truth_table if self.outcome == "scored" else None


def score_pair(truth_path: Path, mask_path: Path | None) -> PairResult:
    """Reads a truth and a predicted mask and lays one over the other.

    A mask that is absent or None is `missing`, one that cannot be decoded `unreadable`, one of
    another size `wrong_shape`, one that holds no whole ids ≥ 0 on one plane `wrong_type`. The
    truth's side is counted in any case, for the true cells that were then missed.

    Raises TruthFault when the truth itself is missing, unreadable or no label mask.
    """
    try:
        truth = open_mask(truth_path)
    except (UnreadableMask, WrongMaskType) as error:
        raise TruthFault(error.what, error.why, error.do) from error
    try:
        region = read_region(truth_path, _size(truth))
    except UnusableRegion as error:
        raise TruthFault(error.what) from error
    if mask_path is None or not mask_path.exists():
        return _result("missing", truth, region, message="there is no mask")
    try:
        predicted = open_mask(mask_path, expected=_size(truth))
    except UnreadableMask as error:
        return _result("unreadable", truth, region, message=error.what)
    except WrongMaskSize as error:
        return _result("wrong_shape", truth, region, message=error.what)
    except WrongMaskType as error:
        return _result("wrong_type", truth, region, message=error.what)
    return _result("scored", truth, region, predicted)


def _result(
    outcome: Outcome,
    truth: MaskFile,
    region: Labels | None,
    predicted: MaskFile | None = None,
    message: str = "",
) -> PairResult:
    table = overlap_table(truth.labels, predicted.labels if predicted else None)
    of_mask: tuple[str, ...] = ()
    if predicted is not None:
        of_mask = mask_warnings("prediction", predicted, table.predicted, table.pair_predicted)
    of_truth = mask_warnings("truth", truth, table.truth, table.pair_truth)
    if predicted is not None and region is not None:
        table = without_cells(table, ignored_cells(truth.labels, predicted.labels, region))
    return PairResult(
        outcome=outcome,
        truth_table=table,
        message=message,
        truth_sha256=truth_sha256(truth.labels, region),
        truth_warnings=of_truth,
        mask_warnings=of_mask,
    )


def _size(mask: MaskFile) -> tuple[int, int]:
    height, width = mask.labels.shape
    return height, width


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
    passed_over: Mapping[str, str] = field(default_factory=dict)
    """Path → why a file, or what kind of files of a folder, plays no part."""

    @property
    def complete(self) -> bool:
        """Whether every truth was scored."""
        return not self.failures and not self.faults

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
    metrics: Metrics = DEFAULT_METRICS,
) -> FolderScores:
    """Scores every mask of the folder `truth` against its namesake in `predicted`.

    Pairs by the name up to its first dot, an optional trailing "_label" removed on either side;
    tif, tiff, png, bmp and npy. Accents are compared in one form; of several files of one name
    <stem>_label.tiff is taken, else the only one with "_label"; names that differ behind the first
    dot make no pair. The truth's folder is the denominator: an image without a usable mask counts
    0. Writes `out`/scores.csv, `out`/score.json (how it was scored) and `out`/overlaps/<stem>.npz,
    from which other thresholds and protocols follow without the masks. `model` is the name in the
    rows, by default that of the folder `predicted`; `metrics` "all" adds the further columns.

    Raises CallError, before anything is written, when a folder is missing, it is not clear which
    of several files of one name is meant, a threshold is outside (0, 1], not one mask has a truth,
    or `out` holds such files that this program did not write; and when no truth can be read.
    """
    guarded.start()  # it gets ready while this process loads what it needs
    thresholds = tuple(dict.fromkeys(thresholds))
    _refuse_thresholds(thresholds)
    truths, masks = _files(truth, "truth"), _files(predicted, "prediction")
    pairing = _pairing(truth, truths, predicted, masks)
    _claim(out)
    model = predicted.resolve().name if model is None else model
    rows: list[ScoreRow] = []
    failures: dict[str, str] = {}
    faults: dict[str, str] = {}
    truth_hashes: dict[str, str] = {}
    stems, sparse = sparse_stems(truth), list[str]()
    warnings: dict[str, tuple[str, ...]] = {}
    for path in truths.labels:
        try:
            result = score_pair(path, pairing.labels.get(path.name))
        except TruthFault as fault:
            faults[path.name] = fault.what
            continue
        result.truth_table.save(out / OVERLAPS / f"{label_stem(path.name)}.npz")
        truth_hashes[path.name] = result.truth_sha256
        if result.outcome != "scored":
            absent = path.name not in pairing.labels
            failures[path.name] = _no_mask(path, predicted, pairing) if absent else result.message
        loose = [pairing.remarks[path.name]] if path.name in pairing.remarks else []
        if loose or result.warnings:
            warnings[path.name] = (*loose, *result.warnings)
        found = rows_for(
            result.truth_table,
            model=model,
            image=path.name,
            outcome=result.outcome,
            thresholds=thresholds,
            protocol=protocol,
            border=border,
        )
        is_sparse = normal(label_stem(path.name)) in stems
        if is_sparse:
            sparse.append(path.name)
        rows += finished(
            found,
            result.truth_table,
            (path, pairing.labels.get(path.name)),
            sparse=is_sparse,
            protocol=protocol,
            border=border,
            metrics=metrics,
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
        unpaired=tuple(path.name for path in pairing.strangers),
        passed_over=_passed_over(truth, truths, predicted, {**masks.beside, **pairing.beside}),
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
        metrics=metrics,
        outcomes=scores.outcomes,
        failures=failures,
        warnings=warnings,
        faults=faults,
        unpaired=scores.unpaired,
        passed_over=scores.passed_over,
        masks={name: mask.name for name, mask in pairing.labels.items()},
        truth_sha256=truth_hashes,
        sparse=tuple(sparse),
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


def _files(folder: Path, side: str) -> Distinct:
    """The masks of a folder, one for each name; CallError when it is not clear which."""
    if not folder.is_dir():
        raise CallError(
            f"No folder {folder}.", f"the {side} is a folder of label masks", "check the path"
        )
    found = distinct_labels(list_labels(folder))
    if found.several:
        raise CallError(
            f"{folder} has {found.several[0]}.",
            "masks are paired by the name up to its first dot, without a trailing _label",
            "leave one of them in the folder, or rename the others",
        )
    return found


def _pairing(truth: Path, truths: Distinct, predicted: Path, masks: Distinct) -> Pairing:
    found = pair_labels(truths.labels, masks.labels, own_stem=label_stem)
    if not found.labels:
        raise CallError(
            f"No mask in {predicted} belongs to a truth in {truth}.",
            next(iter(found.misnamed.values()), "")
            or f"{len(truths.labels)} truths and {len(masks.labels)} masks were found, but no two"
            " share a name up to the first dot (with or without _label)",
            "check the order, truth before prediction, and the file names",
        )
    return found


def _passed_over(
    truth: Path, truths: Distinct, predicted: Path, masks: Mapping[str, str]
) -> dict[str, str]:
    """Files, with their folder, that play no part, and why."""
    left = passed_over(truth, LABEL_SUFFIXES)
    return {
        **({str(truth): left} if left else {}),
        **{str(truth / name): reason for name, reason in truths.beside.items()},
        **{str(predicted / name): reason for name, reason in masks.items()},
    }


def _no_mask(truth: Path, predicted: Path, pairing: Pairing) -> str:
    """Why a truth has no mask."""
    reason = pairing.misnamed.get(truth.name) or other_formats(predicted, truth.name)
    return f"there is no mask{f': {reason}' if reason else ''}"


def _claim(out: Path) -> None:
    """Makes the folder, unless it holds files of these names that somebody else wrote."""
    if out.exists() and not out.is_dir():
        raise CallError(f"{out} is a file.", do="give --out a folder")
    Written(out).claim((SCORES_CSV, SCORE_JSON, f"{OVERLAPS}/"))
    (out / OVERLAPS).mkdir(exist_ok=True)
