"""Two runs side by side: paired differences, new failures, and whether the second is worse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from contract import CallError
from contract.names import normal
from evaluator.runs.folder import SCORES_CSV
from evaluator.scores.rows import ScoreRow, read_scores
from evaluator.scores.sources import open_source
from evaluator.scores.truths import Truths, refuse_other_truths
from evaluator.statistics.paired import Comparison, compare_models
from evaluator.statistics.score_matrix import ScoreMatrix, score_matrix


@dataclass(frozen=True, kw_only=True)
class ModelDifference:
    """One model in both runs at one threshold, on the images that both runs scored it on."""

    model: str
    """Its name, or "a → b" when it is called differently."""
    threshold: float
    images: int
    mean_a: float
    mean_b: float
    """Mean F1 in each run, in [0, 1], failed images as 0."""
    comparison: Comparison | None
    """B minus A, each for itself; None below 5 images."""

    @property
    def change(self) -> float:
        """Mean F1 in run B minus that in run A."""
        return self.mean_b - self.mean_a

    @property
    def worse(self) -> bool:
        """Whether the images settle that run B is behind."""
        return self.change < 0 and self.comparison is not None and self.comparison.separable


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """What changed from run A to run B."""

    rules: str
    differences: tuple[ModelDifference, ...]
    new_failures: tuple[str, ...]
    """Sentences: pairs that were scored in A and failed in B."""
    repaired: tuple[str, ...]
    """Sentences: pairs that failed in A and were scored in B."""
    only_in_one: tuple[str, ...]
    """Sentences about models and images that were left out."""

    @property
    def worse(self) -> bool:
        """Whether a gate should close: a new failure, or a mean F1 that fell separably."""
        return bool(self.new_failures) or any(one.worse for one in self.differences)


def compare_runs(a: Path, b: Path) -> RunComparison:
    """Compares two runs, or folders of scores, on the images that they share.

    Models are paired by name; two folders of one model each are compared whatever its name. Seeds
    are averaged per image. F1 at every threshold that both have.

    Raises CallError when a folder is neither, when the two were scored by different rules or
    against different truths, or when they share no model, image or threshold.
    """
    sources = [open_source(folder) for folder in (a, b)]
    rules = [source.rules for source in sources]
    if rules[0] != rules[1]:
        raise CallError(
            f"{a} was scored by the protocol {rules[0]}, {b} by {rules[1]}.",
            "numbers of different protocols do not compare",
            "score one of them again with --protocol",
        )
    rows = [_rows(folder) for folder in (a, b)]
    models = [list(dict.fromkeys(row.model for row in side)) for side in rows]
    pairs = _pair_models(*models)
    images = [dict.fromkeys(row.image for row in side) for side in rows]
    shared = [image for image in images[0] if image in images[1]]
    thresholds = sorted(set.intersection(*({row.threshold for row in side} for side in rows)))
    if not (pairs and shared and thresholds):
        raise CallError(
            f"{a} and {b} have nothing to compare.",
            f"they share {len(pairs)} models, {len(shared)} images and {len(thresholds)}"
            " thresholds",
            "give two runs on the same dataset",
        )
    before, after = (
        Truths.of(side, source.truth_sha256) for side, source in zip(rows, sources, strict=True)
    )
    refuse_other_truths(before, after, shared)
    found = [
        _difference(rows, pair, shared, threshold) for pair in pairs for threshold in thresholds
    ]
    failures, repaired = _outcomes(rows, pairs, set(shared))
    return RunComparison(
        rules=rules[0],
        differences=tuple(found),
        new_failures=failures,
        repaired=repaired,
        only_in_one=(
            *_left_out("model", models, [set(side) for side in zip(*pairs, strict=True)]),
            *_left_out("image", images, [set(shared)] * 2),
        ),
    )


def _rows(folder: Path) -> list[ScoreRow]:
    """The rows of a folder, with the names of images in one normal form."""
    return [replace(row, image=normal(row.image)) for row in read_scores(folder / SCORES_CSV)]


def _pair_models(a: list[str], b: list[str]) -> list[tuple[str, str]]:
    shared = [(model, model) for model in a if model in b]
    return [(a[0], b[0])] if not shared and len(a) == len(b) == 1 else shared


def _difference(
    rows: list[list[ScoreRow]], pair: tuple[str, str], images: list[str], threshold: float
) -> ModelDifference:
    sides = []
    for side, model in zip(rows, pair, strict=True):
        matrix = score_matrix((row for row in side if row.model == model), threshold=threshold)
        place = {image: column for column, image in enumerate(matrix.images)}
        absent = np.full((len(matrix.by_seed[model]), 1), np.nan)
        padded = np.hstack([matrix.by_seed[model], absent])
        sides.append(padded[:, [place.get(image, -1) for image in images]])
    both = ~np.isnan(sides[0].mean(axis=0) - sides[1].mean(axis=0))
    kept = ScoreMatrix(
        images=tuple(image for image, keep in zip(images, both, strict=True) if keep),
        by_seed={"B": sides[1][:, both], "A": sides[0][:, both]},
    )
    means = [float(kept.values(side).mean()) if both.any() else float("nan") for side in "AB"]
    return ModelDifference(
        model=pair[0] if pair[0] == pair[1] else " → ".join(pair),
        threshold=threshold,
        images=int(both.sum()),
        mean_a=means[0],
        mean_b=means[1],
        comparison=next(iter(compare_models(kept)), None),
    )


def _outcomes(
    rows: list[list[ScoreRow]], pairs: list[tuple[str, str]], images: set[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    outcomes = [{(row.model, row.seed, row.image): row.outcome for row in side} for side in rows]
    failures, repaired = [], []
    for (model, seed, image), before in outcomes[0].items():
        partner = dict(pairs).get(model)
        after = outcomes[1].get((partner or "", seed, image))
        if after is None or image not in images:
            continue
        if before == "scored" != after:
            failures.append(f"{partner}, seed {seed}, {image}: {after}")
        elif after == "scored" != before:
            repaired.append(f"{partner}, seed {seed}, {image}: was {before}")
    return tuple(failures), tuple(repaired)


def _left_out(kind: str, names: Sequence[Iterable[str]], kept: Sequence[set[str]]) -> Iterable[str]:
    for run, side, used in zip("AB", names, kept, strict=True):
        rest = [name for name in side if name not in used]
        if rest:
            more = f" and {len(rest) - 3} more" if len(rest) > 3 else ""
            yield f"only run {run} has {kind} {', '.join(rest[:3])}{more}"
