"""Where the scores of a folder came from: the rules, the true labels and the masks."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, CellbenchError, label_name, label_stem, list_labels
from evaluator.scores.protocols import PROTOCOLS, Protocol
from evaluator.scores.rows import ScoreRow


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run folder, or what `score_folders` wrote."""

    protocol: Protocol
    border: bool
    pair: Callable[[ScoreRow], tuple[Path, Path | None]]
    """Gives the files of a row's truth and mask; None for a mask that was never there."""

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
        if (folder / "run.json").is_file():
            return _run(folder)
        if (folder / "score.json").is_file():
            return _scored(folder)
    except (ValueError, KeyError, TypeError) as error:
        raise CellbenchError(
            f"{folder} has no usable run.json or score.json: {error}",
            "it was edited, cut short or written by another version",
            "score the masks again",
        ) from error
    raise CallError(
        f"{folder} is neither a run nor a folder of scores.",
        "it has no run.json, and no score.json as `evaluator score` writes it",
        "give the folder of --out",
    )


def _run(folder: Path) -> Source:
    from evaluator.runs.records import RunFolder, RunRecord

    run = RunFolder(folder)
    record = RunRecord.model_validate_json(run.run_json.read_bytes())
    labels = {image.image: Path(image.label_path) for image in record.dataset.images}

    def pair(row: ScoreRow) -> tuple[Path, Path | None]:
        if row.image not in labels:
            raise CellbenchError(
                f"{row.image} is in scores.csv but not in run.json.",
                "one of the two files was edited or copied from another run",
            )
        return labels[row.image], run.step(row.model, row.seed, "predict") / label_name(row.image)

    return Source(protocol=record.protocol, border=False, pair=pair)


def _scored(folder: Path) -> Source:
    record = json.loads((folder / "score.json").read_text(encoding="utf-8"))
    truth, predicted = Path(record["truth"]), Path(record["predicted"])
    if record["protocol"] not in PROTOCOLS:
        raise ValueError(f"protocol {record['protocol']} is not known here")
    masks = (
        {label_stem(path.name): path for path in list_labels(predicted)}
        if predicted.is_dir()
        else {}
    )

    def pair(row: ScoreRow) -> tuple[Path, Path | None]:
        return truth / row.image, masks.get(label_stem(row.image))

    return Source(protocol=record["protocol"], border=bool(record["border"]), pair=pair)
