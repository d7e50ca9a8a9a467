"""Whether one run's scores can be held against another's; a gate must not pass what it cannot."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from contract import CallError
from contract.names import normal, some
from evaluator.runs.folder import SCORES_CSV
from evaluator.runs.words import GROUP, STRATUM
from evaluator.scores.incomplete import with_complete_truth
from evaluator.scores.row_set import row_faults
from evaluator.scores.rows import ScoreRow, read_every_row
from evaluator.scores.sources import Source, open_source
from evaluator.scores.truths import Truths, refuse_other_truths

BASE = 0.5
"""The threshold that decides, where both have it."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two, with the names of images in one normal form."""

    letter: str
    path: Path
    source: Source
    rows: tuple[ScoreRow, ...]

    @property
    def controls(self) -> frozenset[str]:
        """Models that are no contestants; a folder of scores knows none."""
        models = self.source.run.models if self.source.run else {}
        return frozenset(name for name, model in models.items() if model.kind == "control")

    @property
    def models(self) -> tuple[str, ...]:
        """The others, in the order of the rows."""
        names = dict.fromkeys(row.model for row in self.rows)
        return tuple(name for name in names if name not in self.controls)

    @property
    def images(self) -> tuple[str, ...]:
        """In the order of the rows."""
        return tuple(dict.fromkeys(row.image for row in self.rows))

    @property
    def thresholds(self) -> frozenset[float]:
        return frozenset(row.threshold for row in self.rows)

    def seeds(self, model: str) -> frozenset[int]:
        """The seeds of one model."""
        return frozenset(row.seed for row in self.rows if row.model == model)

    @property
    def groups(self) -> dict[str, str]:
        """Image → the slide, patient, plate or movie that it is of; those that have one."""
        return self._column(GROUP)

    @property
    def fixed_mix(self) -> dict[str, str]:
        """Image → its part in a mix that was fixed beforehand; those that have one."""
        return self._column(STRATUM)

    def _column(self, name: str) -> dict[str, str]:
        images = self.source.run.dataset.images if self.source.run else ()
        named = {normal(image.image): image.strata.get(name, "") for image in images}
        return {image: value for image, value in named.items() if value}


@dataclass(frozen=True, kw_only=True)
class Comparable:
    """Two sides of which B has all that A has."""

    a: Side
    b: Side
    pairs: tuple[tuple[str, str], ...]
    """What each model is called in A and in B."""
    thresholds: tuple[float, ...]
    """Those of both, ascending."""
    notes: tuple[str, ...]
    """Sentences on what only B has, which plays no part."""

    @property
    def primary(self) -> float:
        """The threshold that decides: 0.5, or the lowest that both have."""
        return BASE if BASE in self.thresholds else self.thresholds[0]


def comparable(a: Path, b: Path) -> Comparable:
    """Reads two runs, or folders of scores, and refuses what would be left out in silence.

    Models are paired by name; where each side has a single one, whatever its name. Controls play
    no part.

    Raises CallError where a folder is neither, where the two have another protocol, dataset or
    truth or no threshold in common, where rows are missing, repeated or foreign, and where A has a
    model, seed or image that B has not.
    """
    left, right = _side("A", a), _side("B", b)
    if left.source.rules != right.source.rules:
        raise CallError(
            f"{a} was scored by the protocol {left.source.rules}, {b} by {right.source.rules}.",
            "numbers of different protocols do not compare",
            "score one of them again with --protocol",
        )
    for side in (left, right):
        _refuse_rows(side)
    _refuse_dataset(left, right)
    pairs = _pairs(left, right)
    _refuse_missing(left, right, pairs)
    thresholds = tuple(sorted(left.thresholds & right.thresholds))
    if not (pairs and thresholds):
        raise CallError(
            f"{a} and {b} have nothing to compare.",
            f"they share {len(pairs)} models and {len(thresholds)} thresholds; controls do not"
            " count",
            "give two runs of the same models on the same dataset",
        )
    truths = [Truths.of(side.rows, side.source.truth_sha256) for side in (left, right)]
    refuse_other_truths(truths[0], truths[1], left.images)
    return Comparable(
        a=left, b=right, pairs=pairs, thresholds=thresholds, notes=tuple(_extra(left, right, pairs))
    )


def _side(letter: str, folder: Path) -> Side:
    source = open_source(folder)
    try:
        rows = with_complete_truth(read_every_row(folder / SCORES_CSV))
    except FileNotFoundError as error:
        raise CallError(
            f"{folder} has no {SCORES_CSV}.", "nothing has been scored yet", "let the run finish"
        ) from error
    named = tuple(replace(row, image=normal(row.image)) for row in rows)
    return Side(letter=letter, path=folder, source=source, rows=named)


def _refuse_rows(side: Side) -> None:
    wanted = [
        (m, seed, normal(image), iou)
        for m, seed, image, iou in side.source.rows
        if image not in side.source.sparse
    ]
    faults = row_faults(side.rows, wanted)
    if not faults:
        return
    going = side.source.run is not None and not side.source.run.finished
    raise CallError(
        f"The scores of run {side.letter} are not those that it was to give, in {len(faults)}"
        f" places: {'; '.join(faults[:3])}{'; …' if len(faults) > 3 else ''}.",
        "the run has not finished" if going else "scores.csv was edited, cut short or joined",
        "let the run finish, or score the masks again; `evaluator verify` names every row",
    )


def _refuse_dataset(a: Side, b: Side) -> None:
    if a.source.run is None or b.source.run is None:
        return  # the truths of the images are compared in any case
    left, right = a.source.run.dataset, b.source.run.dataset
    if left.sha256 and right.sha256 and left.sha256 != right.sha256:
        raise CallError(
            "The two runs are on different datasets: their hashes are"
            f" {left.sha256[:12]} ({left.name}) and {right.sha256[:12]} ({right.name}).",
            "an image or a label was added, removed or changed between the two",
            "run both on the same dataset",
        )


def _pairs(a: Side, b: Side) -> tuple[tuple[str, str], ...]:
    if len(a.models) == len(b.models) == 1:
        return ((a.models[0], b.models[0]),)
    lacking = [model for model in a.models if model not in b.models]
    if lacking:
        raise CallError(
            f"Run B has no model {some(lacking)}, which run A has.",
            "it was renamed or not run; two names are taken for one model only where each run has"
            " a single one",
            "run the same models",
        )
    return tuple((model, model) for model in a.models)


def _refuse_missing(a: Side, b: Side, pairs: Iterable[tuple[str, str]]) -> None:
    seeds = [
        f"{before} seed {seed}"
        for before, after in pairs
        for seed in sorted(a.seeds(before) - b.seeds(after))
    ]
    images = [image for image in a.images if image not in set(b.images)]
    for kind, lacking in (("training", seeds), ("image", images)):
        if lacking:
            raise CallError(
                f"Run B lacks {len(lacking)} {kind}{'' if len(lacking) == 1 else 's'} that run A"
                f" has: {some(lacking)}.",
                "what is left out might be what became worse",
                "run B with the same seeds on the same images",
            )


def _extra(a: Side, b: Side, pairs: Sequence[tuple[str, str]]) -> Iterable[str]:
    models = [model for model in b.models if model not in {after for _, after in pairs}]
    images = [image for image in b.images if image not in set(a.images)]
    seeds = [
        f"{after} seed {seed}"
        for before, after in pairs
        for seed in sorted(b.seeds(after) - a.seeds(before))
    ]
    for kind, names in (("model", models), ("training", seeds), ("image", images)):
        if names:
            yield f"only run B has {kind} {some(names)}"
