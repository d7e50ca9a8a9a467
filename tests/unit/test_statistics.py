"""Scores as arrays, intervals and trainings: by hand, against scipy, in simulated experiments."""

import math

import numpy as np
import pytest
from scipy import stats

from evaluator.runs.records import DatasetRecord, TestImage
from evaluator.scores.strata import image_strata
from evaluator.statistics.intervals import (
    Interval,
    mean_interval,
    median_interval,
    share_interval,
)
from evaluator.statistics.means import independent_images, model_means
from evaluator.statistics.score_matrix import score_matrix, unit_sums
from evaluator.statistics.seeds import seed_spread, training_variance, widening
from tests.unit.score_fixtures import matrix, row


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
        values = np.random.default_rng(0).beta(2, 3, 30)
        found = mean_interval(values)
        assert found is not None
        assert found.low < values.mean() < found.high
        assert found == mean_interval(values) != mean_interval(values, seed=1)
        narrow = mean_interval(values, confidence=0.5)
        assert narrow is not None
        assert found.low < narrow.low < narrow.high < found.high

    def test_close_to_the_t_interval_where_that_is_right(self) -> None:
        values = np.random.default_rng(1).beta(5, 5, 400)
        found = mean_interval(values, draws=20_000)
        expected = stats.ttest_1samp(values, 0).confidence_interval()
        assert found is not None
        assert (found.low, found.high) == pytest.approx(expected, abs=0.004)

    @pytest.mark.parametrize(("ones", "images"), [(0, 8), (3, 20), (41, 42)])
    def test_of_zeros_and_ones_it_is_clopper_and_pearsons(self, ones: int, images: int) -> None:
        found = mean_interval(np.repeat([1.0, 0.0], [ones, images - ones]), draws=100_000)
        exact = share_interval(ones, images).interval
        assert found is not None
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high), abs=0.004)

    def test_guards(self) -> None:
        assert mean_interval(np.full(4, 0.5)) is None
        assert mean_interval(np.zeros(50)) is not None
        assert mean_interval(np.full(9, 0.5), list("aaabbbccd")) is None
        with pytest.raises(ValueError, match="NaN"):
            mean_interval(np.array([np.nan] * 9))
        with pytest.raises(ValueError, match="0, 1"):
            mean_interval(np.arange(9.0))

    @pytest.mark.parametrize("zeros", [0.0, 0.7])
    @pytest.mark.parametrize("images", [8, 20])
    def test_covers_the_true_mean_also_when_most_scores_are_zero(
        self, images: int, zeros: float
    ) -> None:
        rng = np.random.default_rng(7)
        covered, experiments = 0, 300
        for _ in range(experiments):
            values = np.where(rng.random(images) < zeros, 0, rng.beta(1, 4, images))
            found = mean_interval(values, draws=600)
            assert found is not None
            covered += found.low <= (1 - zeros) * 0.2 <= found.high
        assert covered / experiments >= 0.93

    def test_images_of_one_group_count_as_one(self) -> None:
        rng = np.random.default_rng(3)
        patients = np.repeat(rng.beta(2, 2, 8), 6)
        groups = [str(place // 6) for place in range(48)]
        together, alone = mean_interval(patients, groups), mean_interval(patients)
        assert together is not None
        assert alone is not None
        assert together.high - together.low > 1.8 * (alone.high - alone.low)
        assert 8 <= independent_images(patients, groups) < 10
        assert independent_images(patients, ["one patient"] * len(patients)) == 1
        assert independent_images(rng.permutation(patients), groups) > 20
        assert independent_images(patients, None) == 48

    @pytest.mark.parametrize("images", [6, 9, 25, 101])
    def test_median_interval_covers_at_least_95_of_100(self, images: int) -> None:
        rng = np.random.default_rng(images)
        found = [median_interval(rng.gamma(2, size=images)) for _ in range(1500)]
        true = stats.gamma(2).median()
        covered = np.mean([one is not None and one.low <= true <= one.high for one in found])
        assert covered >= 0.94
        assert median_interval(np.arange(5.0)) is None

    def test_median_interval_by_hand(self) -> None:
        found = median_interval(np.arange(9.0))  # 2 of 9: P(B(9, 1/2) <= 1) = 10 / 512
        assert found == Interval(low=1, high=7)

    def test_share(self) -> None:
        found = share_interval(0, 8)
        assert (found.count, found.of, found.interval.low) == (0, 8, 0)
        assert found.interval.high == pytest.approx(1 - 0.025 ** (1 / 8))

    def test_an_interval_knows_zero_and_a_margin(self) -> None:
        assert Interval(low=0.1, high=0.2).excludes_zero
        assert Interval(low=-0.2, high=-0.1).excludes_zero
        assert not Interval(low=-0.1, high=0.1).excludes_zero
        assert Interval(low=-0.1, high=0.01).inside(0.11)
        assert not Interval(low=-0.1, high=0.01).inside(0.1)


class TestMeans:
    def test_one_training_and_several(self) -> None:
        rng = np.random.default_rng(2)
        images = rng.beta(2, 2, 30)
        shifted = (images + np.array([[0.05], [-0.05]])).clip(0, 1)
        one, two = model_means(matrix(one=images, two=shifted))
        assert (one.over_trainings, one.seed_sd) == (False, None)
        assert two.over_trainings
        assert two.seed_sd == pytest.approx(0.07, abs=0.01)
        assert one.interval is not None
        assert two.interval is not None
        assert two.interval.high - two.interval.low > 1.2 * (one.interval.high - one.interval.low)

    def test_a_model_that_finds_nothing_is_not_certainly_nothing(self) -> None:
        (found,) = model_means(matrix(nothing=np.zeros(8)))
        assert (found.mean, found.zeros.count, found.zeros.of) == (0, 8, 8)
        assert found.interval is not None
        assert found.interval.low == 0
        assert 0.3 < found.interval.high < 0.4

    def test_an_untried_model_is_left_out(self) -> None:
        assert model_means(matrix(untried=np.full(8, np.nan))) == ()


class TestUnits:
    def test_sums_of_groups_leave_out_what_was_not_tried(self) -> None:
        values = np.array([[1.0, 2.0], [3.0, np.nan], [5.0, 6.0]])
        sums, sizes = unit_sums(values, ["b", "b", "a"])
        assert sums.tolist() == [[5, 6], [4, 2]]
        assert sizes.tolist() == [[1, 1], [2, 1]]
        sums, sizes = unit_sums(values, None)
        assert sums[1].tolist() == [3, 0]
        assert sizes[1].tolist() == [1, 0]

    def test_a_matrix_takes_its_groups_along(self) -> None:
        rows = [row("m", name, 0.5) for name in "abc"]
        scores = score_matrix(rows, groups={"a": "slide 1", "b": "slide 1"})
        assert scores.groups == ("slide 1", "slide 1", "c")
        assert scores.at("bc").groups == ("slide 1", "c")


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

    def test_the_spread_of_all_models_is_pooled_and_the_larger_counts(self) -> None:
        level = np.full(9, 0.5)
        by_seed = {
            "calm": np.stack([level, level]),
            "wild": np.stack([level, level + 0.2]),
            "once": level[None],
        }
        found = training_variance(by_seed, ("calm", "wild"))
        assert found is not None
        assert found.var == pytest.approx(0.01 / 2 + 0.02 / 2)  # pooled 0.01, wild's own 0.02
        assert training_variance(by_seed, ("calm", "once")) is None

    def test_two_models_know_no_more_of_what_they_share(self) -> None:
        """Both parts of the variance are the same pooled number, with 2 degrees of freedom."""
        by_seed = {"a": np.array([[0.0, 0], [1, 1]]), "b": np.array([[1.0, 1], [0, 0]])}
        found = training_variance(by_seed, ("a", "b"))
        assert found is not None
        assert (found.var, found.freedom) == pytest.approx((0.5, 2))

    def test_widening(self) -> None:
        calm = training_variance({"a": np.zeros((2, 9)), "b": np.zeros((2, 9))}, "ab")
        assert widening(0.01, 30, calm) == widening(0.01, 30, None) == 1
        wild = training_variance({"a": np.eye(2), "b": np.diag([1.0, 2.0])}, "ab")
        assert widening(0.01, 30, wild) > 5
        assert widening(0, 30, wild) == 1


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
