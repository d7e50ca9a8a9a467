"""Where the scores of a folder came from: the rules, the true labels and the masks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, CellbenchError, label_name, label_stem, stem
from evaluator.runs.folder import OVERLAPS, RunFolder
from evaluator.runs.read import UnusableRecord, read_run, read_score
from evaluator.runs.records import RunRecord, ScoreRecord
from evaluator.runs.words import Metrics, Protocol
from evaluator.scores.rows import Key, ScoreRow


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run folder, or what `score_folders` wrote."""

    protocol: Protocol
    border: bool
    metrics: Metrics
    pair: Callable[[ScoreRow], tuple[Path, Path | None]]
    """Gives the files of a row's truth and mask; None for a mask that was never there."""
    table: Callable[[ScoreRow], Path]
    """Gives the file of a row's overlap table, whether or not there is one."""
    truth_sha256: Mapping[str, str]
    """Image → hash of its true ids; absent or "" where that is not recorded."""
    rows: tuple[Key, ...]
    """What scores.csv has to hold, each once: every model, seed, image and threshold."""
    sparse: frozenset[str] = frozenset()
    """Images of which only some cells are labelled."""
    run: RunRecord | None = None
    """None for a folder of scores."""

    @property
    def rules(self) -> str:
        """The protocol in words."""
        plain = self.protocol == "plain"
        return f"{self.protocol} with border rule" if plain and self.border else self.protocol


def open_source(folder: Path) -> Source:
    """Reads run.json or score.json of `folder`.

    Raises CallError when there is neither, and CellbenchError when it is damaged.
    """
    try:
        if run := read_run(folder):
            return _run(folder, run)
        if score := read_score(folder):
            return _scored(folder, score)
    except UnusableRecord as error:
        raise CellbenchError(
            f"{folder} has no usable run.json or score.json: {error.reason}.",
            "it was edited, cut short or written by another version",
            "score the masks again",
        ) from error
    raise CallError(
        f"{folder} is neither a run nor a folder of scores.",
        "it has no run.json, and no score.json as `evaluator score` writes it",
        "give the folder of --out",
    )


def _run(folder: Path, record: RunRecord) -> Source:
    run = RunFolder(folder)
    labels = {image.image: Path(image.label_path) for image in record.dataset.images}

    def pair(row: ScoreRow) -> tuple[Path, Path | None]:
        if row.image not in labels:
            raise CellbenchError(
                f"{row.image} is in scores.csv but not in run.json.",
                "one of the two files was edited or copied from another run",
            )
        return labels[row.image], run.step(row.model, row.seed, "predict") / label_name(row.image)

    return Source(
        protocol=record.protocol,
        border=False,
        metrics=record.metrics,
        pair=pair,
        table=lambda row: run.overlaps(row.model, row.seed) / f"{stem(row.image)}.npz",
        truth_sha256={image.image: image.truth_sha256 for image in record.dataset.images},
        rows=tuple(
            (name, seed, image.image, threshold)
            for name, model in record.models.items()
            if model.kind != "generator"
            for seed in model.seeds
            for image in record.dataset.images
            for threshold in record.thresholds
        ),
        sparse=frozenset(image.image for image in record.dataset.images if image.sparse),
        run=record,
    )


def _scored(folder: Path, record: ScoreRecord) -> Source:
    truth, predicted = Path(record.truth), Path(record.predicted)

    def pair(row: ScoreRow) -> tuple[Path, Path | None]:
        mask = record.masks.get(row.image)
        return truth / row.image, predicted / mask if mask else None

    # Older files record no hashes: an image has a mask or failed for the lack of one.
    images = record.truth_sha256 or {**record.masks, **record.failures}
    return Source(
        protocol=record.protocol,
        border=record.border,
        metrics=record.metrics,
        pair=pair,
        table=lambda row: folder / OVERLAPS / f"{label_stem(row.image)}.npz",
        truth_sha256=record.truth_sha256,
        sparse=frozenset(record.sparse),
        rows=tuple(
            (record.model, 0, image, threshold)
            for image in images
            if image not in record.faults
            for threshold in record.thresholds
        ),
    )
