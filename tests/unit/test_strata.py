"""A mix of images that was fixed beforehand."""

import json
from pathlib import Path

import numpy as np
import pytest

from evaluator.report import build_report
from evaluator.runs.folder import RunFolder
from evaluator.statistics.intervals import mean_interval
from evaluator.statistics.means import model_means
from evaluator.statistics.paired import compare_models
from evaluator.statistics.score_matrix import ScoreMatrix
from evaluator.statistics.strata import mean_variance, redrawn_weights, unit_strata
from tests.unit.scored_runs import real_run


def drawn(rng: np.random.Generator, per: int = 6) -> ScoreMatrix:
    """Two models on four kinds of images that are of very different difficulty, and gap."""
    kinds = np.repeat(np.arange(4), per)
    base = 0.15 + 0.15 * kinds + rng.normal(0, 0.03, len(kinds))
    gap = np.array([0.2, 0.05, -0.05, -0.2])[kinds] + rng.normal(0, 0.03, len(kinds))
    return ScoreMatrix(
        images=tuple(map(str, range(len(kinds)))),
        by_seed={"a": (base + gap)[None], "b": base[None]},
        strata=tuple(map(str, kinds)),
    )


def test_strata_of_one_unit_count_together() -> None:
    assert unit_strata(["x", "x", "y", "z", "x"], None, 5).tolist() == [0, 0, 1, 1, 0]
    assert unit_strata(["x", "x", "y", "y", "y", "z"], None, 6).tolist() == [1, 1, 0, 0, 0, 1]
    assert unit_strata(None, ["g", "g", "h"], 3).tolist() == [0, 0]


def test_redraws_keep_the_mix() -> None:
    strata = np.array([0, 1, 0, 1, 1])
    weights = redrawn_weights(np.random.default_rng(0), strata, 50)
    assert (weights[:, strata == 0].sum(axis=1) == 2).all()
    assert (weights[:, strata == 1].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 5


def test_the_variance_of_a_mean_is_that_inside_the_strata() -> None:
    values = np.array([0.1, 0.3, 0.7, 0.9, 0.8])
    strata = ["x", "x", "y", "y", "y"]
    inside = 2 * np.var(values[:2], ddof=1) + 3 * np.var(values[2:], ddof=1)
    assert mean_variance(values, None, strata) == pytest.approx(inside / 25)
    assert mean_variance(values, None) == pytest.approx(np.var(values, ddof=1) / 5)


def test_intervals_hold_in_a_fixed_mix_and_are_narrower() -> None:
    """The true means and the true difference, 0, are known from how the scores are drawn."""
    rng = np.random.default_rng(5)
    means = together = 0
    widths: dict[bool, list[float]] = {True: [], False: []}
    experiments = 120
    for _ in range(experiments):
        scores = drawn(rng)
        (mean, *_) = (one for one in model_means(scores, draws=400) if one.model == "b")
        (pair,) = compare_models(scores, draws=400)
        assert mean.interval is not None
        assert pair.interval is not None
        means += mean.interval.low <= 0.375 <= mean.interval.high
        together += pair.interval.low <= 0 <= pair.interval.high
        plain = ScoreMatrix(images=scores.images, by_seed=scores.by_seed)
        for fixed, found in ((True, pair), (False, compare_models(plain, draws=400)[0])):
            assert found.interval is not None
            widths[fixed].append(found.interval.high - found.interval.low)
    assert means >= 0.93 * experiments
    assert together >= 0.93 * experiments
    assert np.mean(widths[True]) < 0.5 * np.mean(widths[False])


def test_strata_that_agree_inside_do_not_make_an_interval_a_point() -> None:
    values = np.repeat([0.2, 0.8], 8)
    found = mean_interval(values, None, ["x"] * 8 + ["y"] * 8)
    plain = mean_interval(values)
    assert found is not None
    assert plain is not None
    assert 0.05 < found.high - found.low < plain.high - plain.low


def test_the_report_says_that_the_manifest_fixes_the_mix(tmp_path: Path) -> None:
    run = real_run(tmp_path / "run")
    record = RunFolder(run).run_json
    told = json.loads(record.read_text(encoding="utf-8"))
    for place, image in enumerate(told["dataset"]["images"]):
        image["strata"] = {"stratum": "xxyy"[place]}
    text = "The column stratum fixes the mix of 2 kinds of images"
    assert text not in build_report(run, tmp_path / "plain").report_md.read_text(encoding="utf-8")
    record.write_text(json.dumps(told), encoding="utf-8")
    assert text in build_report(run, tmp_path / "mixed").report_md.read_text(encoding="utf-8")
