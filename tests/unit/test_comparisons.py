"""Models two by two: tests, intervals, verdicts, ranks, power and the sentences about them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from evaluator.statistics.conclusions import conclusion, needed_text
from evaluator.statistics.intervals import Interval
from evaluator.statistics.max_t import joint, least_p
from evaluator.statistics.paired import (
    Comparison,
    compare_models,
    compare_pairs,
    compare_within,
    sign_flip_p,
)
from evaluator.statistics.power import (
    FEWEST_TO_SETTLE,
    ImagesNeeded,
    images_needed,
    smallest_separable,
)
from evaluator.statistics.ranks import rank_stability
from tests.unit.score_fixtures import false_claims, matrix, noisy


def two(**models: object) -> Comparison:
    """The one comparison of two models."""
    (pair,) = compare_models(matrix(**models))  # type: ignore[arg-type]
    return pair


class TestFlips:
    def test_equal_scipys_permutation_test(self) -> None:
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

    def test_extremes(self) -> None:
        assert sign_flip_p(np.zeros(20)) == 1
        assert sign_flip_p(np.ones(6)) == least_p(6) == 2 / 64
        assert sign_flip_p(np.full(200, 0.1)) == 1 / 10_001

    def test_the_floor_is_where_signs_can_settle_something(self) -> None:
        assert FEWEST_TO_SETTLE == 6
        assert least_p(5) > 0.05 >= least_p(6)
        assert least_p(0) == 1

    def test_adjusted_by_hand(self) -> None:
        """Four images, two comparisons: the 8 sign patterns counted one by one."""
        sums = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [1.0, 0.0]])
        family = joint(sums, np.ones((4, 2)), draws=10)
        assert family.exact
        whole = np.ones(2)
        assert family.p_raw(whole).tolist() == [1 / 8, 1.0]  # |sum| 4 in one, |sum| >= 1 in all
        assert family.p_adjusted(whole).tolist() == [1 / 8, 1.0]

    def test_a_step_down_costs_less_than_bonferroni_and_never_less_than_raw(self) -> None:
        rng = np.random.default_rng(9)
        adjusted, bonferroni = [], []
        for _ in range(30):
            base = rng.normal(0.5, 0.1, 16)
            models = {name: base + rng.normal(0, 0.1, 16) for name in "abcd"}
            pairs = compare_models(matrix(**models), draws=50)
            assert all(pair.p_raw <= pair.p for pair in pairs)
            adjusted.append(min(pair.p for pair in pairs))
            bonferroni.append(6 * min(pair.p_raw for pair in pairs))
        assert np.mean(adjusted) < 0.8 * np.mean(bonferroni)


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
        assert 0.92 <= covered / experiments <= 0.985
        assert np.mean(widths) < 0.16  # unpaired it would be about 0.28

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

    def test_all_pairs_are_those_of_compare_models_and_fewer_are_a_smaller_family(self) -> None:
        rng = np.random.default_rng(3)
        scores = matrix(**{name: noisy(rng, 20) for name in "abcd"})
        pairs = [(one.first, one.second) for one in compare_models(scores)]
        assert compare_pairs(scores, pairs) == compare_models(scores)
        (alone,) = compare_pairs(scores, [("d", "a")], confidence=0.9)
        (back,) = compare_pairs(scores, [("a", "d")], confidence=0.9)
        assert alone.interval is not None
        assert back.interval is not None
        assert (alone.interval.low, alone.interval.high) == pytest.approx(
            (-back.interval.high, -back.interval.low)
        )
        (family,) = (one for one in compare_models(scores) if (one.first, one.second) == ("a", "d"))
        assert family.interval is not None
        assert family.interval.low < back.interval.low < back.interval.high < family.interval.high

    def test_one_end_of_a_90_percent_interval_fails_5_times_in_100_at_most(self) -> None:
        """Three pairs as one family: even one bound that does not hold is a false claim."""
        rng = np.random.default_rng(23)
        claims, experiments = 0, 160
        for _ in range(experiments):
            difficulty = rng.normal(0.5, 0.3, 25)
            scores = matrix(**{name: difficulty + noisy(rng, 25) for name in "abcdef"})
            wanted = [("a", "b"), ("c", "d"), ("e", "f")]
            pairs = compare_pairs(scores, wanted, confidence=0.9, draws=200)
            claims += any(one.interval is not None and one.interval.low > 0 for one in pairs)
        assert claims <= false_claims(experiments)

    def test_equal_models_stay_equal_inside_many_strata(self) -> None:
        rng = np.random.default_rng(17)
        strata = {f"{i}.png": f"group {i % 5}" for i in range(60)}
        claims, experiments = 0, 120
        for _ in range(experiments):
            groups = compare_within(matrix(a=noisy(rng, 60), b=noisy(rng, 60)), strata, draws=100)
            claims += any(pair.separable for group in groups for pair in group.comparisons)
        assert claims <= false_claims(experiments)

    def test_images_of_one_patient_are_no_evidence_of_their_own(self) -> None:
        """6 patients of 7 images, differences that belong to the patient: no more than 7 in 100."""
        rng = np.random.default_rng(19)
        groups = tuple(str(place // 7) for place in range(42))
        claims, without, experiments = 0, 0, 150
        for _ in range(experiments):
            gaps = np.repeat(rng.normal(0, 0.1, 6), 7) + rng.normal(0, 0.1, 42)
            base = rng.random(42)
            claims += compare_models(matrix(groups, a=base, b=base + gaps), draws=200)[0].separable
            without += compare_models(matrix(a=base, b=base + gaps), draws=200)[0].separable
        assert claims <= false_claims(experiments)
        assert without > 3 * false_claims(experiments)

    @pytest.mark.parametrize("seeds", [2, 3])
    def test_trainings_that_differ_are_no_better_method(self, seeds: int) -> None:
        """Two equal methods whose trainings have a standard deviation of 0.03."""
        rng = np.random.default_rng(seeds)
        claims, of_these, experiments = 0, 0, 150
        for _ in range(experiments):
            images = rng.random(60)
            a, b = (
                images + rng.normal(0, 0.03, (seeds, 1)) + rng.normal(0, 0.05, (seeds, 60))
                for _ in "ab"
            )
            claims += two(a=a, b=b).separable
            of_these += two(a=a.mean(axis=0), b=b.mean(axis=0)).separable
        assert claims <= false_claims(experiments)
        assert of_these > 2 * false_claims(experiments)

    def test_what_a_comparison_holds(self) -> None:
        rng = np.random.default_rng(5)
        base = rng.normal(0.5, 0.2, 50)
        far, near = base - 0.2 + rng.normal(0, 0.1, 50), base + rng.normal(0, 0.1, 50)
        pairs = compare_models(matrix(base=base, near=near, far=far))
        assert [(p.first, p.second) for p in pairs] == [
            ("base", "near"), ("base", "far"), ("near", "far"),
        ]  # fmt: skip
        assert [p.verdict for p in pairs] == ["undecided", "better", "better"]
        assert pairs[1].difference == pytest.approx(float((base - far).mean()))
        assert (pairs[1].ahead, pairs[1].level) == (int((base > far).sum()), 0)
        assert pairs[1].ahead + pairs[1].behind == 50
        assert pairs[1].images_needed is not None
        assert pairs[1].images_needed.low < 50
        assert not pairs[1].over_trainings

    def test_equivalent_within_the_margin_and_not_within_a_smaller_one(self) -> None:
        rng = np.random.default_rng(6)
        base = rng.random(60)
        scores = matrix(a=base, b=base + rng.normal(0.002, 0.01, 60))
        assert [pair.verdict for pair in compare_models(scores)] == ["equivalent"]
        assert compare_models(scores, margin=0.001)[0].verdict != "equivalent"

    def test_interval_and_verdict_agree(self) -> None:
        rng = np.random.default_rng(21)
        for _ in range(60):
            images = int(rng.integers(5, 30))
            base = rng.random(images)
            scores = matrix(a=base, b=base + noisy(rng, images) - rng.choice([0.1, 0.2, 0.3]))
            (pair,) = compare_models(scores, draws=300)
            if pair.separable:
                assert pair.interval is not None
                assert pair.interval.excludes_zero
                assert pair.p <= 0.05
            if pair.interval is not None and pair.interval.excludes_zero:
                assert pair.verdict != "undecided"

    def test_only_images_that_both_were_tried_on(self) -> None:
        a, b = np.ones(12), np.zeros(12)
        b[:6] = np.nan
        pair = two(a=a, b=b)
        assert (pair.images, pair.difference, pair.ahead) == (6, 1, 6)
        assert pair.verdict == "better"  # all six images agree
        b[6:8] = np.nan
        assert compare_models(matrix(a=a, b=b)) == ()

    def test_below_the_floor_there_is_no_interval(self) -> None:
        b = np.full(8, 0.5)
        pair = two(a=b + np.array([0.1, 0.2, 0.1, 0.2, 0.3, 0, 0, 0]), b=b)
        assert (pair.unequal, pair.ahead, pair.level) == (5, 5, 3)
        assert (pair.interval, pair.verdict, pair.p_raw) == (None, "undecided", 2 / 32)

    def test_models_that_never_differ_are_not_called_equal(self) -> None:
        pair = two(a=np.full(20, 0.5), b=np.full(20, 0.5))
        assert (pair.verdict, pair.p, pair.interval) == ("undecided", 1, None)

    def test_strata_below_five_images_are_left_uncompared(self) -> None:
        strata = {f"{i}.png": "few" if i < 4 else "many" for i in range(12)}
        few, many = compare_within(matrix(a=np.ones(12), b=np.zeros(12)), strata)
        assert (few.stratum, few.images, few.comparisons) == ("few", 4, ())
        assert (many.stratum, many.images) == ("many", 8)
        assert many.comparisons[0].separable


class TestRanks:
    def test_firm_and_loose(self) -> None:
        rng = np.random.default_rng(2)
        base = rng.random(40) / 2
        scores = matrix(best=base + 0.5, one=base, two=base + rng.normal(0, 0.1, 40))
        best, one, other = rank_stability(scores, compare_models(scores))
        assert (best.model, best.rank, best.low, best.high) == ("best", 1, 1, 1)
        assert best.first_share == 1
        assert {one.low, other.low} == {2}
        assert {one.high, other.high} == {3}

    def test_no_rank_is_firmer_than_the_comparisons(self) -> None:
        """Ahead on all five images, in every redraw: and five images settle nothing."""
        base = np.linspace(0.1, 0.5, 5)
        scores = matrix(a=base + 0.3, b=base)
        first, _ = rank_stability(scores, compare_models(scores))
        assert (first.first_share, first.low, first.high) == (1, 1, 2)

    def test_ties_share_the_better_rank(self) -> None:
        values = np.random.default_rng(0).random(9)
        scores = matrix(a=values, b=values)
        ranks = rank_stability(scores, compare_models(scores))
        assert [(one.rank, one.high, one.first_share) for one in ranks] == [(1, 2, 0)] * 2

    def test_guards(self) -> None:
        assert rank_stability(matrix(a=np.ones(9)), ()) == ()
        assert rank_stability(matrix(a=np.ones(4), b=np.ones(4)), ()) == ()


class TestPower:
    @pytest.mark.parametrize("images", [12, 30])
    def test_the_smallest_separable_difference_is_found_8_times_in_10(self, images: int) -> None:
        rng = np.random.default_rng(23)
        base = rng.random(images)
        found, experiments = 0, 250
        for _ in range(experiments):
            noise = rng.normal(0, 0.1, images)
            (blank,) = compare_models(matrix(a=base + noise, b=base), draws=200)
            assert blank.smallest_separable is not None
            shifted = base + blank.smallest_separable + rng.normal(0, 0.1, images)
            found += compare_models(matrix(a=shifted, b=base), draws=200)[0].separable
        assert 0.7 <= found / experiments <= 0.9

    def test_more_images_and_a_smaller_family_separate_smaller_differences(self) -> None:
        assert smallest_separable(0.02, 2.1, 30) == pytest.approx(0.02 * (2.1 + 0.937), abs=1e-3)
        assert smallest_separable(0.02, 3.0, 30) > smallest_separable(0.02, 2.1, 30)  # type: ignore[operator]
        assert smallest_separable(0.02, 2.1, 5) is None
        assert smallest_separable(0.02, np.inf, 30) is None
        assert smallest_separable(0.4, 2.1, 8) is None, "F1 cannot differ by 1.2"

    def test_images_needed_is_a_range_around_the_point(self) -> None:
        found = images_needed(0.05, 0.02, 2.1, 50)
        assert found is not None
        assert found.high is not None
        point = ((2.1 + 0.84) * 0.02 * 50**0.5 / 0.05) ** 2
        assert found.low < point < found.high

    def test_a_difference_that_may_be_none_may_need_any_number(self) -> None:
        found = images_needed(0.01, 0.02, 2.1, 50)
        assert found is not None
        assert found.high is None
        assert images_needed(0.0, 0.02, 2.1, 50) is None
        assert images_needed(0.1, 0.02, 2.1, 2) is None


class TestConclusions:
    def test_undecided_says_what_would_settle_it(self) -> None:
        rng = np.random.default_rng(8)
        base = rng.random(30)
        pair = two(unet=base, sac=base + rng.normal(0, 0.1, 30))
        text = conclusion(pair)
        assert text.startswith("Whether unet or sac is better is undecided: ")
        assert f"{pair.smallest_separable:.2f} would be found 8 times in 10" in text
        assert "to settle one like this takes" in text
        assert text.endswith(
            "This is said of these trainings; how far another would differ is not known."
        )

    def test_below_the_floor_it_says_so(self) -> None:
        text = conclusion(two(unet=[0, 1, 0, 1, 1], sac=[1, 0, 1, 1, 0]))
        assert "they differ on 4 images, whose signs cannot give a p below 0.125" in text
        assert "6 is the least" in text
        assert "8 times in 10" not in text

    @pytest.mark.parametrize("swap", [False, True])
    def test_better_whichever_comes_first(self, swap: bool) -> None:
        rng = np.random.default_rng(8)
        better = 0.5 + rng.random(30) / 10
        models = {"good": better, "bad": better - 0.2 + rng.normal(0, 0.05, 30)}
        order = ("bad", "good") if swap else ("good", "bad")
        text = conclusion(two(**{name: models[name] for name in order}))
        assert text.startswith("good is better than bad: mean F1 higher by 0.")
        assert "interval 0." in text
        assert "p < 0.001" in text
        assert "ahead on 30, level on 0, behind on 0 of 30 images" in text

    def test_with_several_trainings_both_count(self) -> None:
        rng = np.random.default_rng(8)
        images = rng.random(40) / 10
        steady = np.array([[0.01], [0.0], [-0.01]]) + images
        calm = two(a=steady + 0.5, b=steady + rng.normal(0, 0.01, 40))
        assert calm.verdict == "better"
        assert "other images and other trainings" in conclusion(calm)
        shaky = np.array([[0.3], [0.0], [-0.2]]) + images
        unsure = two(a=shaky + 0.1, b=shaky + rng.normal(0, 0.01, 40))
        assert unsure.verdict == "undecided"

    def test_groups_are_counted(self) -> None:
        rng = np.random.default_rng(4)
        groups = tuple(str(place // 3) for place in range(30))
        base = rng.random(30)
        scores = matrix(groups, a=base, b=base + rng.normal(0, 0.1, 30))
        (pair,) = compare_models(scores)
        assert (pair.images, pair.units) == (30, 10)
        assert "which lie in 10 groups" in conclusion(pair)

    def test_a_test_that_the_interval_does_not_follow(self) -> None:
        rng = np.random.default_rng(4)
        base = rng.random(30)
        pair = two(a=base, b=base + rng.normal(0, 0.1, 30))
        pair = replace(pair, p=0.04, interval=Interval(low=-0.01, high=0.1))
        assert pair.verdict == "undecided"
        assert "the interval allows for skewed differences" in conclusion(pair)

    def test_ranges_of_images(self) -> None:
        assert needed_text(ImagesNeeded(low=24, high=1334)) == "between 24 and 1,400 images"
        assert needed_text(ImagesNeeded(low=9, high=9), "groups") == "about 9 groups"
        assert "at least 24 images, and perhaps no number" in needed_text(
            ImagesNeeded(low=24, high=None)
        )
        assert "at least 24, and perhaps no number" in needed_text(
            ImagesNeeded(low=24, high=None), ""
        )
