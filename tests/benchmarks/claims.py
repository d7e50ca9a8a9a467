"""What the report's statistics promise, measured with its own functions: `make bench-claims`.

Images are drawn again and again from real per-image scores (the unet and nnunet of
../shared/data/report_example, or the scores.csv files that are named), so that the true means are
known: those of all the images. Printed are the share of 95 % intervals that hold the true value,
alone and together, false claims between models that are equal, and how often a true difference
is found.
"""

import csv
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from evaluator.scores.rows import read_scores
from evaluator.statistics.intervals import mean_interval, median_interval
from evaluator.statistics.paired import compare_models
from evaluator.statistics.score_matrix import ScoreMatrix, score_matrix

EXAMPLE = Path(__file__).resolve().parents[3] / "shared/data/report_example"
THRESHOLDS = (0.5, 0.7, 0.9)
IMAGES = (5, 8, 20, 42, 101)
EXPERIMENTS = 1000
DRAWS = 1000
Scores = np.ndarray
"""(images, models) F1."""


def main() -> None:
    """Prints five Markdown tables; arguments are further scores.csv files to draw from."""
    populations = dict(_populations([Path(name) for name in sys.argv[1:]]))
    _coverage_of_means(populations)
    _coverage_of_differences(populations)
    _false_claims(populations)
    _clusters()
    _trainings(populations)


def _populations(files: list[Path]) -> Iterator[tuple[str, Scores]]:
    for threshold in THRESHOLDS:
        columns = []
        for model in ("unet", "nnunet"):
            path = EXAMPLE / f"{model}-{threshold}.csv"
            with path.open(encoding="utf-8", newline="") as lines:
                rows = sorted(csv.DictReader(lines), key=lambda row: row["names"])
            columns.append([float(row["F1"]) for row in rows])
        yield f"report example, IoU {threshold}", np.array(columns).T
    for file in files:
        for threshold in THRESHOLDS:
            scores = score_matrix(read_scores(file), threshold=threshold)
            learned = [scores.values(model) for model in scores.models if model not in CONTROLS]
            yield f"{file.parent.name}, IoU {threshold}", np.array(learned).T


CONTROLS = ("oracle", "empty")
"""Controls whose score is the same on every image."""


def _coverage_of_means(populations: Mapping[str, Scores]) -> None:
    print("\n| 95 % interval holds the truth | " + " | ".join(f"n = {n}" for n in IMAGES) + " |")
    print("| --- |" + " --- |" * len(IMAGES))
    for name, population in populations.items():
        for what, interval, true in (
            ("mean", lambda values: mean_interval(values, draws=DRAWS), population.mean(axis=0)),
            ("median", median_interval, np.median(population, axis=0)),
        ):
            cells = [_mean_cell(population, images, interval, true) for images in IMAGES]
            print(f"| {what}, {name} | {' | '.join(cells)} |", flush=True)


def _mean_cell(
    population: Scores, images: int, interval: Callable[..., object], true: np.ndarray
) -> str:
    """The models' coverage, the lowest in brackets, and the mean width."""
    rng = np.random.default_rng(images)
    held, widths, given = np.zeros(population.shape[1]), [], 0
    for _ in range(EXPERIMENTS):
        drawn = population[rng.integers(0, len(population), images)]
        for model, values in enumerate(drawn.T):
            found = interval(values)
            if found is not None:
                given += 1
                held[model] += found.low - 1e-12 <= true[model] <= found.high + 1e-12
                widths.append(found.high - found.low)
    if not given:
        return "withheld"
    share = held / EXPERIMENTS
    return f"{share.mean():.3f} ({share.min():.3f}), {np.mean(widths):.2f} wide"


def _coverage_of_differences(populations: Mapping[str, Scores]) -> None:
    print("\n| all differences together, withheld, settled rightly, settled wrongly | ", end="")
    print(" | ".join(f"n = {n}" for n in IMAGES) + " |\n| --- |" + " --- |" * len(IMAGES))
    for name, population in populations.items():
        true = population.mean(axis=0)
        cells = []
        for images in IMAGES:
            rng = np.random.default_rng(images)
            together = withheld = right = wrong = pairs = 0
            for _ in range(EXPERIMENTS):
                drawn = population[rng.integers(0, len(population), images)]
                whole = True
                for one in compare_models(_matrix(drawn), draws=DRAWS):
                    pairs += 1
                    gap = true[int(one.first)] - true[int(one.second)]
                    right += one.separable and one.difference * gap > 0
                    wrong += one.separable and one.difference * gap <= 0
                    if one.interval is None:
                        withheld += 1
                    else:
                        whole &= one.interval.low <= gap <= one.interval.high
                together += whole
            shares = [count / max(1, pairs) for count in (withheld, right, wrong)]
            cells.append(
                f"{together / EXPERIMENTS:.3f}, {', '.join(f'{one:.2f}' for one in shares)}"
            )
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _false_claims(populations: Mapping[str, Scores]) -> None:
    """Models are made equal by dealing each image's scores to them at random."""
    print(
        "\n| false claims in a family, models that are equal: by verdict, by adjusted p alone | ",
        end="",
    )
    print(" | ".join(f"n = {n}" for n in IMAGES) + " |\n| --- |" + " --- |" * len(IMAGES))
    for name, population in populations.items():
        cells = []
        for images in IMAGES:
            rng = np.random.default_rng(images)
            cells.append(_claims(partial(_dealt, population, images, rng)))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def _dealt(population: Scores, images: int, rng: np.random.Generator) -> ScoreMatrix:
    drawn = population[rng.integers(0, len(population), images)]
    return _matrix(rng.permuted(drawn, axis=1))


def _clusters() -> None:
    """Two equal models; a share of the gaps' variance, `icc`, belongs to the group."""
    print("\n| false claims, images in groups: with the group column, without | false claims |")
    print("| --- | --- |")
    rng = np.random.default_rng(0)
    for groups, size in ((6, 7), (10, 10), (4, 2)):
        for icc in (0.1, 0.3, 0.6):
            labels = tuple(str(place // size) for place in range(groups * size))

            def draw(
                labels: tuple[str, ...] | None,
                groups: int = groups,
                size: int = size,
                icc: float = icc,
            ) -> ScoreMatrix:
                shared = np.repeat(rng.normal(0, icc**0.5, groups), size)
                gaps = 0.1 * (shared + rng.normal(0, (1 - icc) ** 0.5, groups * size))
                base = rng.random(groups * size)
                return _matrix(np.stack([base, base + gaps], axis=1), labels)

            cell = ", ".join(_claims(lambda kept=kept: draw(kept)) for kept in (labels, None))
            print(f"| {groups} groups of {size}, ICC {icc} | {cell} |", flush=True)


def _trainings(populations: Mapping[str, Scores]) -> None:
    """Two equal methods: their scores are dealt at random, and each training shifts all images."""
    print("\n| false claims, two equal methods, by the spread of trainings | 2 seeds | 3 seeds |")
    print("| --- | --- | --- |")
    name, population = next(iter(populations.items()))
    rng = np.random.default_rng(0)
    for images in (42, 101):
        for spread in (0.02, 0.03):
            cells = []
            for seeds in (2, 3):

                def equal(
                    images: int = images, spread: float = spread, seeds: int = seeds
                ) -> ScoreMatrix:
                    drawn = population[rng.integers(0, len(population), images)][:, :2]
                    dealt = rng.permuted(drawn, axis=1)
                    shifts = rng.normal(0, spread, (2, seeds, 1))
                    return ScoreMatrix(
                        images=tuple(map(str, range(images))),
                        by_seed={str(m): dealt[:, m] + shifts[m] for m in range(2)},
                    )

                cells.append(_claims(equal))
            print(f"| {name}, {images} images, sd {spread} | {' | '.join(cells)} |", flush=True)


def _claims(draw: Callable[[], ScoreMatrix]) -> str:
    """The share of experiments with a claim at all, by the verdict and by p alone."""
    verdicts = tests = 0
    for _ in range(EXPERIMENTS):
        pairs = compare_models(draw(), draws=DRAWS)
        verdicts += any(one.separable for one in pairs)
        tests += any(one.p <= 0.05 for one in pairs)
    return f"{verdicts / EXPERIMENTS:.3f}, {tests / EXPERIMENTS:.3f}"


def _matrix(scores: Scores, groups: tuple[str, ...] | None = None) -> ScoreMatrix:
    return ScoreMatrix(
        images=tuple(map(str, range(len(scores)))),
        by_seed={str(model): values[None] for model, values in enumerate(scores.T)},
        groups=groups,
    )


if __name__ == "__main__":
    main()
