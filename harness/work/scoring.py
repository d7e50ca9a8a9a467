"""Scoring the masks of a run: every image of a model and seed becomes rows of scores.csv."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from pydantic import RootModel

from contract import label_name, read_mask, sha256_file, sha256_tree, stem, write_json
from evaluator.overlap.table import OverlapTable, UnreadableTable, overlap_table
from evaluator.runs.folder import RunFolder
from evaluator.runs.read import read_predictions, read_record, read_step, read_usage
from evaluator.runs.records import PredictionRecord, RunRecord, TestImage
from evaluator.runs.words import Outcome
from evaluator.scores.rows import ScoreRow, rows_for
from evaluator.scores.score import score_pair

INDEX = "index.json"


def score_model(
    run: RunFolder, record: RunRecord, model: str, seed: int, say: Callable[[str], None]
) -> list[ScoreRow]:
    """The rows of one model and seed; none when it has not been tried with its present weights.

    A stored overlap table is used again as long as mask and label are the same files, so another
    protocol costs milliseconds.
    """
    predict = run.step(model, seed, "predict")
    lines = {line.image: line for line in read_predictions(predict).records}
    failed = _failed_training(run.step(model, seed, "train"))
    if failed is None and not _is_of_these_weights(run, model, seed):
        return []
    store = _Overlaps(run.overlaps(model, seed))
    rows: list[ScoreRow] = []
    for image in record.dataset.images:
        outcome = failed or _line_outcome(lines.get(image.image))
        mask = predict / label_name(image.image)
        if outcome is None:
            outcome, table, message = store.table(image, mask)
            if outcome != "scored":
                say(f"{model} seed {seed}: {image.image}: {outcome}: {message}")
        else:
            table = None
        rows += rows_for(
            table if table is not None else overlap_table(read_mask(Path(image.label_path))),
            model=model,
            image=image.image,
            seed=seed,
            modality=image.modality,
            outcome=outcome,
            thresholds=record.thresholds,
            protocol=record.protocol,
        )
    store.save()
    return rows


class _Index(RootModel[dict[str, list[str]]]):
    """By image, the hashes of the label and the mask that its table was made from."""


class _Overlaps:
    """The stored overlap tables of one model and seed, with the hashes they were made from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        index = read_record(folder / INDEX, _Index)
        self._index = dict(index.root) if index else {}

    def table(self, image: TestImage, mask: Path) -> tuple[Outcome, OverlapTable | None, str]:
        """The pair's outcome and table, from the store when its files are the same."""
        label = Path(image.label_path)
        path = self._folder / f"{stem(image.image)}.npz"
        hashes = [sha256_file(label), sha256_file(mask)] if mask.is_file() else []
        if hashes and self._index.get(image.image) == hashes:
            with suppress(UnreadableTable, OSError):
                return "scored", OverlapTable.load(path), ""
        scored = score_pair(label, mask)
        if self._index.pop(image.image, None):
            self.save()  # before the table changes under the old hashes
        if scored.table is not None:
            scored.table.save(path)
            self._index[image.image] = hashes
        return scored.outcome, scored.table, scored.message

    def save(self) -> None:
        """Writes the index, after the tables that it speaks of."""
        write_json(self._folder / INDEX, self._index)


def _line_outcome(line: PredictionRecord | None) -> Outcome | None:
    """The outcome that a prediction's line settles; None when there should be a mask to score."""
    if line is None:
        return "missing"
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
    outcomes: Mapping[str, Outcome] = {"out_of_memory": "out_of_memory", "timeout": "timeout"}
    return outcomes.get(usage.outcome if usage else "", "crashed")


def failures(rows: Sequence[ScoreRow]) -> int:
    """How many (model, seed, image) ended in anything but a score."""
    return len({(row.model, row.seed, row.image) for row in rows if row.outcome != "scored"})
