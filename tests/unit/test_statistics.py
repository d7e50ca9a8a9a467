"""Intervals, tests, ranks and power: by hand, against scipy, and in simulated experiments."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluator.runs.records import DatasetRecord, TestImage
from evaluator.scores.rows import ScoreRow
from evaluator.scores.strata import image_strata
from evaluator.statistics.bootstrap import Interval, bootstrap_interval
from evaluator.statistics.conclusions import conclusion
from evaluator.statistics.paired import compare_models, compare_within, holm, sign_flip_p
from evaluator.statistics.power import images_needed, smallest_separable
from evaluator.statistics.ranks import rank_stability
from evaluator.statistics.score_matrix import ScoreMatrix, score_matrix
from evaluator.statistics.seeds import seed_interval, seed_spread


def row(model: str, image: str, f1: float, **fields: object) -> ScoreRow:
    facts = {"seed": 0, "threshold": 0.5, "outcome": "scored", "true_cells": 9, "modality": "DIC"}
    counts = {"predicted_cells": 9, "tp": 0, "fp": 9, "fn": 9}
    scores = {"precision": f1, "recall": f1, "f1": f1, "dice": f1}
    return ScoreRow(model=model, image=image, **facts | counts | scores | fields)  # type: ignore[arg-type]


def matrix(**models: object) -> ScoreMatrix:
    """Each model's scores, (images,) or (seeds, images)."""
    arrays = {name: np.atleast_2d(np.asarray(values, float)) for name, values in models.items()}
    images = next(iter(arrays.values())).shape[1]
    return ScoreMatrix(images=tuple(f"{i}.png" for i in range(images)), by_seed=arrays)


def noisy(rng: np.random.Generator, images: int, better: float = 0.0) -> np.ndarray:
    """Skewed scores of a model that is `better` in the mean."""
    return better + 0.1 * rng.gamma(2, size=images)


def false_claims(experiments: int) -> int:
    """How many a rate of 5 % yields at most, but for one such test run in a hundred."""
    return int(stats.binom.ppf(0.99, experiments, 0.05))


class TestMatrix:
    def test_models_seeds_and_images(self) -> None:
        rows = [
            row("low", "a", 0.2),
            row("low", "b", 0.1),
            row("high", "a", 0.5, seed=0),
            row("high", "a", 0.7, seed=1),
            row("high", "b", 0.9, seed=1),
            row("high", "b", 0.4, threshold=0.7),
        ]
        scores = score_matrix(rows)
        assert (scores.models, scores.images) == (("high", "low"), ("a", "b"))
        assert scores.by_seed["high"].shape == (2, 2)
        assert np.isnan(scores.by_seed["high"][0, 1])
        assert scores.values("high")[0] == 0.6
        assert np.isnan(scores.values("high")[1])
        assert scores.at(["b"]).values("low").tolist() == [0.1]
        assert score_matrix(rows, score="dice", threshold=0.7).images == ("b",)

    def test_refusals(self) -> None:
        with pytest.raises(ValueError, match="two scores"):
            score_matrix([row("a", "x", 0), row("a", "x", 1)])
        with pytest.raises(ValueError, match=r"threshold 0\.9"):
            score_matrix([row("a", "x", 0)], threshold=0.9)


class TestIntervals:
    def test_seeded_and_around_the_mean(self) -> None:
        values = noisy(np.random.default_rng(0), 30)
        found = bootstrap_interval(values)
        assert found is not None
        assert found.low < values.mean() < found.high
        assert found == bootstrap_interval(values) != bootstrap_interval(values, seed=1)
        narrow = bootstrap_interval(values, confidence=0.5)
        assert narrow is not None
        assert found.low < narrow.low < narrow.high < found.high

    def test_close_to_the_t_interval_where_that_is_right(self) -> None:
        values = np.random.default_rng(1).normal(size=200)
        found = bootstrap_interval(values, draws=20_000)
        expected = stats.ttest_1samp(values, 0).confidence_interval()
        assert found is not None
        assert (found.low, found.high) == pytest.approx(expected, abs=0.01)

    def test_guards(self) -> None:
        assert bootstrap_interval(np.arange(4.0)) is None
        assert bootstrap_interval(np.zeros(50)) is None
        assert bootstrap_interval(np.arange(5.0)) is not None
        with pytest.raises(ValueError, match="NaN"):
            bootstrap_interval(np.array([np.nan] * 9))

    @pytest.mark.parametrize(
        ("statistic", "images"), [("mean", 20), ("mean", 60), ("median", 25), ("median", 60)]
    )
    def test_cover_the_true_value_at_their_nominal_rate(self, statistic: str, images: int) -> None:
        rng = np.random.default_rng(7)
        truth = 0.2 if statistic == "mean" else 0.1 * stats.gamma(2).median()
        covered, experiments = 0, 300
        for _ in range(experiments):
            found = bootstrap_interval(noisy(rng, images), statistic, draws=600)  # type: ignore[arg-type]
            assert found is not None
            covered += found.low <= truth <= found.high
        # 95 %, three standard errors of 300 experiments; skew costs a little, as with Student's t.
        assert 0.91 <= covered / experiments <= 0.985


class TestPairs:
    def test_known_differences_are_covered_at_the_nominal_rate(self) -> None:
        """The images' difficulty is shared, so the paired interval is narrow and still right."""
        rng = np.random.default_rng(11)
        covered, widths, experiments = 0, [], 300
        for _ in range(experiments):
            difficulty = rng.normal(0.5, 0.3, 40)
            scores = matrix(a=difficulty + noisy(rng, 40, 0.05), b=difficulty + noisy(rng, 40))
            (pair,) = compare_models(scores, draws=600)
            assert pair.interval is not None
            covered += pair.interval.low <= 0.05 <= pair.interval.high
            widths.append(pair.interval.high - pair.interval.low)
        assert 0.92 <= covered / experiments <= 0.98
        assert np.mean(widths) < 0.15  # unpaired it would be about 0.28

    @pytest.mark.parametrize("images", [7, 30])
    def test_equal_models_are_told_apart_in_5_of_100_experiments_at_most(self, images: int) -> None:
        """Four models, six comparisons: even one claim in an experiment is a false one."""
        rng = np.random.default_rng(13)
        claims, experiments = 0, 160
        for _ in range(experiments):
            difficulty = rng.normal(0.5, 0.3, images)
            models = {name: difficulty + noisy(rng, images) for name in "abcd"}
            pairs = compare_models(matrix(**models), draws=200)
            assert len(pairs) == 6
            claims += any(pair.separable for pair in pairs)
        assert claims <= false_claims(experiments)

    def test_equal_models_stay_equal_inside_many_strata(self) -> None:
        rng = np.random.default_rng(17)
        strata = {f"{i}.png": f"group {i % 5}" for i in range(60)}
        claims, experiments = 0, 120
        for _ in range(experiments):
            groups = compare_within(matrix(a=noisy(rng, 60), b=noisy(rng, 60)), strata, draws=100)
            claims += any(pair.separable for group in groups for pair in group.comparisons)
        assert claims <= false_claims(experiments)

    def test_sign_flips_equal_scipys_permutation_test(self) -> None:
        rng = np.random.default_rng(3)
        for images, tolerance in ((6, 1e-12), (11, 1e-12), (40, 0.02)):
            a, b = rng.normal(0.3, 1, images), rng.normal(0, 1, images)
            theirs = stats.permutation_test(
                (a, b),
                lambda x, y, axis: (x - y).mean(axis=axis),
                permutation_type="samples",
                vectorized=True,
                n_resamples=10_000,
                rng=rng,
            )
            assert sign_flip_p(a - b) == pytest.approx(theirs.pvalue, abs=tolerance)

    def test_sign_flip_extremes(self) -> None:
        assert sign_flip_p(np.zeros(20)) == 1
        assert sign_flip_p(np.ones(6)) == 2 / 64
        assert sign_flip_p(np.full(200, 0.1)) == 1 / 10_001

    def test_holm(self) -> None:
        assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
        assert holm([0.9, 0.8]) == (1, 1)
        assert holm([]) == ()

    def test_what_a_comparison_holds(self) -> None:
        rng = np.random.default_rng(5)
        base = rng.normal(0.5, 0.2, 50)
        far, near = base - 0.2 + rng.normal(0, 0.1, 50), base + rng.normal(0, 0.1, 50)
        pairs = compare_models(matrix(base=base, near=near, far=far))
        assert [(p.first, p.second) for p in pairs] == [
            ("base", "near"), ("base", "far"), ("near", "far"),
        ]  # fmt: skip
        assert [p.separable for p in pairs] == [False, True, True]
        assert pairs[1].difference == pytest.approx(float((base - far).mean()))
        assert all(p.p <= p.p_holm for p in pairs)
        assert pairs[1].p_holm == pytest.approx(3 * pairs[1].p)
        assert pairs[1].images_needed is not None
        assert pairs[1].images_needed < 50

    def test_only_images_that_both_were_tried_on(self) -> None:
        a, b = np.arange(12.0), np.arange(12.0) - 1
        b[:6] = np.nan
        (pair,) = compare_models(matrix(a=a, b=b))
        assert (pair.images, pair.difference, pair.interval) == (6, 1, None)
        assert pair.separable  # all six images agree
        b[6:8] = np.nan
        assert compare_models(matrix(a=a, b=b)) == ()

    def test_strata_below_five_images_are_left_uncompared(self) -> None:
        strata = {f"{i}.png": "few" if i < 4 else "many" for i in range(12)}
        few, many = compare_within(matrix(a=np.ones(12), b=np.zeros(12)), strata)
        assert (few.stratum, few.images, few.comparisons) == ("few", 4, ())
        assert (many.stratum, many.images) == ("many", 8)
        assert many.comparisons[0].separable


class TestRanks:
    def test_firm_and_loose(self) -> None:
        rng = np.random.default_rng(2)
        base = rng.random(40)
        best, one, two = rank_stability(
            matrix(best=base + 1, one=base, two=base + rng.normal(0, 0.1, 40))
        )
        assert (best.model, best.rank, best.low, best.high) == ("best", 1, 1, 1)
        assert best.first_share == best.same_share == 1
        assert {one.low, two.low, one.high, two.high} == {2, 3}
        assert one.same_share == two.same_share
        assert 0.1 < one.same_share < 1

    def test_ties_share_the_better_rank(self) -> None:
        values = np.random.default_rng(0).random(9)
        ranks = rank_stability(matrix(a=values, b=values))
        assert [(one.rank, one.high, one.first_share) for one in ranks] == [(1, 1, 0)] * 2

    def test_guards(self) -> None:
        assert rank_stability(matrix(a=np.ones(9))) == ()
        assert rank_stability(matrix(a=np.ones(4), b=np.ones(4))) == ()


class TestPower:
    def test_the_smallest_separable_difference_is_found_8_times_in_10(self) -> None:
        rng = np.random.default_rng(23)
        noise = rng.normal(0, 0.1, 30)
        true = smallest_separable((noise - noise.mean()) / noise.std(ddof=1) * 0.1)
        found = sum(
            sign_flip_p(true + rng.normal(0, 0.1, 30), flips=1000) <= 0.05 for _ in range(400)
        )
        assert 0.74 <= found / 400 <= 0.86

    def test_more_images_and_fewer_comparisons_separate_smaller_differences(self) -> None:
        values = np.random.default_rng(1).normal(0, 1, 100)
        assert smallest_separable(values) < smallest_separable(values[:30])
        assert smallest_separable(values) < smallest_separable(values, comparisons=10)
        assert smallest_separable(values[:1]) == math.inf

    def test_images_needed_agrees_with_it(self) -> None:
        values = np.random.default_rng(1).normal(0.02, 0.1, 50)
        needed = images_needed(values, comparisons=3)
        assert needed is not None
        spread = (values - values.mean()) / values.std(ddof=1)
        many = np.resize(spread, needed)
        many *= values.std(ddof=1) / many.std(ddof=1)
        assert smallest_separable(many, comparisons=3) == pytest.approx(
            abs(values.mean()), rel=0.05
        )
        assert images_needed(np.zeros(9)) is None
        assert images_needed(np.array([1.0])) is None


class TestSeeds:
    def test_two_sources_kept_apart(self) -> None:
        rng = np.random.default_rng(4)
        images = rng.normal(0.5, 0.2, 400)
        same = seed_spread(np.stack([images] * 3))
        assert same.sd == pytest.approx(0, abs=1e-12)
        assert same.image_se == pytest.approx(0.2 / 20, rel=0.1)
        shifted = seed_spread(images + np.array([[-0.1], [0.0], [0.1]]))
        assert shifted.sd == pytest.approx(0.1)
        assert shifted.image_se == pytest.approx(same.image_se)
        assert shifted.means == pytest.approx(images.mean() + np.array([-0.1, 0, 0.1]))
        assert math.isnan(seed_spread(images[None]).sd)

    def test_interval_over_trainings(self) -> None:
        a = np.array([[0.5] * 9, [0.6] * 9, [0.7] * 9])
        found = seed_interval(a, a - 0.1)
        assert found is not None
        assert (found.low + found.high) / 2 == pytest.approx(0.1)
        assert not found.excludes_zero
        assert seed_interval(a, a[:1]) is None
        assert seed_interval(a[[0, 0]], a[[1, 1]]) is None

    def test_cover_the_true_difference_over_trainings(self) -> None:
        rng = np.random.default_rng(6)
        images, covered = rng.random(8), 0
        for _ in range(300):
            a, b = images + rng.normal(0.1, 0.05, (4, 1)), images + rng.normal(0, 0.02, (4, 1))
            found = seed_interval(a, b)
            assert found is not None
            covered += found.low <= 0.1 <= found.high
        assert 0.92 <= covered / 300 <= 0.985


class TestConclusions:
    def test_not_separable(self) -> None:
        rng = np.random.default_rng(8)
        base = rng.random(30)
        (pair,) = compare_models(matrix(unet=base, sac=base + rng.normal(0, 0.05, 30)))
        text = conclusion(pair)
        assert text.startswith("unet and sac are not separable: mean F1 differs by 0.0")
        assert f"{pair.smallest_separable:.3f} would be found" in text
        assert "is ahead" not in text
        (few,) = compare_models(matrix(unet=[0, 1, 0, 1, 1], sac=[1, 0, 1, 1, 0]))
        assert "even the largest difference may go unnoticed" in conclusion(few)

    @pytest.mark.parametrize("swap", [False, True])
    def test_ahead_whichever_comes_first(self, swap: bool) -> None:
        rng = np.random.default_rng(8)
        better = 0.5 + rng.random(30) / 10
        models = {"good": better, "bad": better - 0.2 + rng.normal(0, 0.05, 30)}
        order = ("bad", "good") if swap else ("good", "bad")
        (pair,) = compare_models(matrix(**{name: models[name] for name in order}))
        text = conclusion(pair)
        assert text.startswith("good is ahead of bad: mean F1 higher by 0.")
        assert "interval 0." in text
        assert "p < 0.001" in text
        assert "training" not in text

    def test_seeds_say_whether_it_will_last(self) -> None:
        rng = np.random.default_rng(8)
        images = rng.random(40) / 10
        steady = np.array([[0.01], [0.0], [-0.01]]) + images
        (pair,) = compare_models(matrix(a=steady + 0.5, b=steady + rng.normal(0, 0.01, 40)))
        assert "not expected to change" in conclusion(pair)
        shaky = np.array([[0.3], [0.0], [-0.2]]) + images
        (pair,) = compare_models(matrix(a=shaky + 0.1, b=shaky + rng.normal(0, 0.01, 40)))
        assert pair.separable
        assert "another might turn it round" in conclusion(pair)

    def test_an_interval_knows_zero(self) -> None:
        assert Interval(low=0.1, high=0.2).excludes_zero
        assert Interval(low=-0.2, high=-0.1).excludes_zero
        assert not Interval(low=-0.1, high=0.1).excludes_zero


def test_every_image_is_in_one_group_of_each_column() -> None:
    rows = [
        row("m", "a", 0, true_cells=0),
        row("m", "b", 0, true_cells=50, modality=""),
        row("m", "c", 0, true_cells=2000),
    ]
    images = [
        TestImage(image=name, image_path="", label_path="", strata=strata)
        for name, strata in (("a", {"source": "lab 1"}), ("b", {"source": "", "lens": "20x"}))
    ]
    dataset = DatasetRecord(
        name="", path="", sha256="", split_sha256="", train_images=0, val_images=0,
        images=tuple(images),
    )  # fmt: skip
    assert image_strata(rows, dataset) == {
        "true cells": {"a": "0", "b": "21-50", "c": ">1000"},
        "modality": {"a": "DIC", "b": "unknown", "c": "DIC"},
        "source": {"a": "lab 1", "b": "unknown", "c": "unknown"},
        "lens": {"a": "unknown", "b": "20x", "c": "unknown"},
    }
    assert list(image_strata(rows)) == ["true cells", "modality"]
