"""Scoring the masks of a model and seed, as an item of a run: every image becomes rows."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import (
    CellbenchError,
    label_name,
    sha256_tree,
    stem,
    write_json,
)
from contract.guarded import read_mask
from evaluator.overlap.table import OverlapTable, UnreadableTable, overlap_table
from evaluator.runs.folder import INDEX_JSON, REMARKS_JSON, RunFolder, of_shard
from evaluator.runs.read import (
    read_mask_remarks,
    read_overlap_index,
    read_predictions,
    read_step,
    read_usage,
)
from evaluator.runs.records import PredictionRecord, TestImage, Usage
from evaluator.runs.remarks import told_of_masks
from evaluator.runs.words import Outcome
from evaluator.scores.incomplete import finished
from evaluator.scores.regions import pair_hashes
from evaluator.scores.rows import ScoreRow, rows_for
from evaluator.scores.score import TruthFault, score_pair
from harness.work.items import Context, Done
from harness.work.progress import Display
from harness.work.steps import Decision


@dataclass(frozen=True, kw_only=True)
class ScoreItem:
    """The scores of one model and seed.

    There are none when it has not been tried with its present weights. A stored overlap table is
    used again as long as mask and label are the same files, so another protocol costs milliseconds.
    """

    context: Context
    model: str
    seed: int
    failed: Outcome | None = None
    """Of all images, where the run folder cannot tell of the failure."""
    quiet: bool = False
    """For scores that only repeat what an earlier call has said."""
    shard: int | None = None
    """Which part of the test images `context` is narrowed to; None: it has all of them."""

    @property
    def name(self) -> str:
        """For people: model, seed and what is done."""
        which = "" if self.shard is None else f" shard {self.shard + 1}"
        return f"{self.model} seed {self.seed}: score{which}"

    @property
    def place(self) -> Path:
        """The folder of its model and seed; shards go on beside each other and have their own."""
        run = self.context.run
        if self.shard is None:
            return run.seed(self.model, self.seed)
        return run.stage / "scoring" / self.model / f"seed{self.seed}" / f"{self.shard:04d}"

    @property
    def runs(self) -> None:
        """None: scoring is the harness's own."""
        return None

    def decide(self) -> Decision:
        """Always due: labels and protocol may be others, and what is stored makes it cheap."""
        return Decision(action="redo", reasons=("the stored tables are looked through",))

    def do(self, decision: Decision, show: Display) -> Done:
        """Stores the overlap tables that are missing and gives the rows."""
        run, record = self.context.run, self.context.record
        predict = run.step(self.model, self.seed, "predict")
        failed = self.failed or _failed_training(run.step(self.model, self.seed, "train"))
        if failed is None and not _is_of_these_weights(run, self.model, self.seed):
            return Done(outcome="done")
        lines = {line.image: line for line in read_predictions(predict).records}
        usage = read_usage(predict)
        store = _Overlaps(run.overlaps(self.model, self.seed), self.shard)
        rows: list[ScoreRow] = []
        for image in record.dataset.images:
            outcome = failed or _line_outcome(lines.get(image.image), usage)
            table = None
            if outcome is not None:
                store.forget(image)
            else:
                try:
                    outcome, table, message = store.table(image, predict / label_name(image.image))
                except (TruthFault, OSError) as error:
                    reason = error.what if isinstance(error, TruthFault) else error.strerror
                    outcome, message = "missing", f"its truth cannot be read any more: {reason}"
                if outcome != "scored" and not self.quiet:
                    show.say(f"{self.model} seed {self.seed}: {image.image}: {outcome}: {message}")
            counted = table if table is not None else _of_truth(image)
            found = rows_for(
                counted,
                model=self.model,
                image=image.image,
                seed=self.seed,
                modality=image.modality,
                outcome=outcome,
                thresholds=record.thresholds,
                protocol=record.protocol,
            )
            rows += finished(
                found,
                counted,
                (Path(image.label_path), predict / label_name(image.image)),
                sparse=image.sparse,
                protocol=record.protocol,
                metrics=record.metrics,
            )
        store.save()
        if not self.quiet:
            for sentence in told_of_masks(store.remarks):
                show.say(f"warning: {self.model} seed {self.seed}: {sentence}")
        return Done(outcome="done", rows=tuple(rows))

    def give_up(self, message: str) -> bool:
        """False: the folder tells how masks were made, not how they were scored."""
        return False


class _Overlaps:
    """The stored overlap tables of one model and seed, with the hashes they were made from."""

    def __init__(self, folder: Path, shard: int | None = None) -> None:
        self._folder = folder
        self._shard = shard
        self._index = read_overlap_index(folder, shard)
        self.remarks = dict(read_mask_remarks(folder, shard))
        """By image, what is suspicious about its mask."""

    def table(self, image: TestImage, mask: Path) -> tuple[Outcome, OverlapTable | None, str]:
        """The pair's outcome and table, from the store when its files are the same."""
        label = Path(image.label_path)
        path = self._folder / f"{stem(image.image)}.npz"
        hashes = pair_hashes(label, mask) if mask.is_file() else []
        if hashes and self._index.get(image.image) == hashes:
            with suppress(UnreadableTable, OSError):
                return "scored", OverlapTable.load(path), ""
        scored = score_pair(label, mask)
        self.remarks.pop(image.image, None)
        if scored.mask_warnings:
            self.remarks[image.image] = scored.mask_warnings
        if self._index.pop(image.image, None):
            self.save()  # before the table changes under the old hashes
        if scored.table is not None:
            scored.table.save(path)
            self._index[image.image] = hashes
        return scored.outcome, scored.table, scored.message

    def forget(self, image: TestImage) -> None:
        """Drops what is known of a mask that does not count."""
        self._index.pop(image.image, None)
        self.remarks.pop(image.image, None)

    def save(self) -> None:
        """Writes the index, after the tables that it speaks of."""
        write_json(self._folder / of_shard(REMARKS_JSON, self._shard), self.remarks)
        write_json(self._folder / of_shard(INDEX_JSON, self._shard), self._index)


def _of_truth(image: TestImage) -> OverlapTable:
    """The true cells alone; none when the label has gone since the run began."""
    try:
        return overlap_table(read_mask(Path(image.label_path)))
    except (CellbenchError, OSError):
        return overlap_table(np.zeros((1, 1), np.uint8))


def _line_outcome(line: PredictionRecord | None, usage: Usage | None) -> Outcome | None:
    """The outcome that a prediction's line settles; None when there should be a mask to score.

    An image without a line shares the ending of its step.
    """
    if line is None:
        return "missing" if usage is None or usage.outcome == "done" else usage.outcome
    return None if line.outcome == "predicted" else line.outcome


def _is_of_these_weights(run: RunFolder, model: str, seed: int) -> bool:
    """Whether there is a prediction, made with the weights that lie there, if any do."""
    step = read_step(run.step(model, seed, "predict"))
    weights = run.step(model, seed, "train") / "weights"
    if step is None or not weights.is_dir():
        return step is not None
    return step.inputs.get("weights") == sha256_tree(weights)


def _failed_training(train: Path) -> Outcome | None:
    """The outcome of all images when the training failed; None when it did not, or is not due."""
    step = read_step(train)
    if step is None or step.finished:
        return None
    usage = read_usage(train)
    return "crashed" if usage is None or usage.outcome == "done" else usage.outcome


def failures(rows: Sequence[ScoreRow]) -> int:
    """How many (model, seed, image) ended in anything but a score."""
    return len({(row.model, row.seed, row.image) for row in rows if row.outcome != "scored"})
