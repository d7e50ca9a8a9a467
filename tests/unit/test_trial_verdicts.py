"""What a trial concludes from scores: four verdicts, equal arms, and what more images buy."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.settled import settled
from evaluator.runs.trial import ArmRecord
from evaluator.runs.words import STRATUM
from evaluator.statistics.score_matrix import ScoreMatrix
from evaluator.trial.budget import worth_of_more
from evaluator.trial.equal import inequalities, lacking
from evaluator.trial.verdicts import Effect, Verdict, effects
from tests.unit.report_fixtures import make_run
from tests.unit.trial_fixtures import made_scores, trial_record

HALVES = {f"i{number}.png": "a" if number < 20 else "b" for number in range(40)}


def judged(
    scores: ScoreMatrix, *generators: str, spoiled: Mapping[str, str] | None = None
) -> dict[str, Effect]:
    trial = trial_record(*generators)
    found = effects(trial, {0.5: scores}, HALVES, base=0.5, spoiled=spoiled or {})
    return {effect.generator: effect for effect in found if effect.primary}


@pytest.mark.parametrize(
    ("change", "spread", "verdict"),
    [
        (0.1, 0.005, "gain"),
        (0.0, 0.0, "no gain"),
        (-0.01, 0.002, "no gain"),
        (-0.1, 0.005, "harm"),
        (0.03, 0.1, "cannot tell"),
    ],
)
def test_verdicts(change: float, spread: float, verdict: Verdict) -> None:
    scores = made_scores({"net@25%": 0.5, "net@25%+g": 0.5 + change}, spread=spread)
    effect = judged(scores, "g")["g"]
    assert effect.verdict == verdict
    assert effect.against == "net@25%"
    assert effect.difference == pytest.approx(change, abs=0.2)
    assert bool(effect.why) == (verdict == "cannot tell")


def test_one_training_settles_nothing() -> None:
    scores = made_scores({"net@25%": 0.3, "net@25%+g": 0.8}, seeds=1)
    effect = judged(scores, "g")["g"]
    assert (effect.verdict, effect.why) == ("cannot tell", "an arm was trained only once")


def test_a_failed_training_is_no_harm() -> None:
    scores = made_scores({"net@25%": 0.5, "net@25%+g": 0.0})
    why = "no image of net@25%+g, seed 1, was scored"
    effect = judged(scores, "g", spoiled={"net@25%+g": why})["g"]
    assert (effect.verdict, effect.why, effect.difference) == ("cannot tell", why, None)


def test_a_control_that_varies_wildly_does_not_blur_a_generator() -> None:
    trial = trial_record("g", controls=("shuffled",))
    calm = made_scores({"net@25%": 0.5, "net@25%+g": 0.55}, spread=0.002)
    wild = made_scores({"net@25%+shuffled": 0.3}, spread=0.2)
    scores = ScoreMatrix(images=calm.images, by_seed={**calm.by_seed, **wild.by_seed})
    found = {e.generator: e for e in effects(trial, {0.5: scores}, HALVES, base=0.5, spoiled={})}
    alone = judged(calm, "g")["g"]
    assert found["shuffled"].primary is False
    primary = next(
        e for e in effects(trial, {0.5: scores}, HALVES, base=0.5, spoiled={}) if e.primary
    )
    assert primary == alone
    assert primary.verdict == "gain"


def test_secondary_numbers_are_by_threshold_and_modality() -> None:
    scores = made_scores({"net@25%": 0.5, "net@25%+g": 0.6, "net@100%": 0.7})
    found = effects(trial_record("g"), {0.5: scores, 0.7: scores}, HALVES, base=0.5, spoiled={})
    assert [(e.threshold, e.modality, e.primary, e.images) for e in found] == [
        (0.5, "", True, 40),
        (0.7, "", False, 40),
        (0.5, "a", False, 20),
        (0.5, "b", False, 20),
    ]


def test_worth_of_more_lies_between_the_shares() -> None:
    scores = made_scores({"net@25%": 0.5, "net@100%": 0.7}, spread=0.005)
    worth = worth_of_more(trial_record(), scores, {})
    assert (worth.images, worth.more) == (10, 30)
    assert worth.gain == pytest.approx(0.2, abs=0.03)
    assert worth.interval is not None
    assert 0 < worth.interval.low < worth.gain < worth.interval.high


def test_part_of_the_way_is_worth_its_logarithm() -> None:
    trial = trial_record()
    arms = {**trial.arms, "net@100%": trial.arms["net@100%"].model_copy(update={"real": 250})}
    trial = trial.model_copy(update={"arms": arms})
    scores = made_scores({"net@25%": 0.5, "net@100%": 0.7}, spread=0.0)
    worth = worth_of_more(trial, scores, {})
    whole = float(np.mean(scores.values("net@100%") - scores.values("net@25%")))
    assert worth.more == 50
    assert worth.gain == pytest.approx(whole * np.log(6) / np.log(25))


def test_worth_is_withheld_where_nothing_is_settled() -> None:
    flat = made_scores({"net@25%": 0.5, "net@100%": 0.5}, spread=0.02)
    worth = worth_of_more(trial_record(), flat, {})
    assert (worth.gain, worth.interval) == (None, None)
    assert "not settled to rise" in worth.why
    largest = trial_record().model_copy(update={"primary_share": 1.0})
    assert worth_of_more(largest, flat, {}).why == "no larger share was trained"


def test_unequal_arms_are_named_with_what_differs() -> None:
    same = {"steps": 6, "batch_size": 2, "val_images": 1}
    assert inequalities({("a", 0): same, ("b", 1): dict(same)}) == []
    found = inequalities({("a", 0): same, ("b", 1): {**same, "steps": 9, "val_images": 2}})
    assert found == [
        "steps: 6 in a seed 0; 9 in b seed 1",
        "val_images: 1 in a seed 0; 2 in b seed 1",
    ]


def test_fewer_images_than_asked_for_are_said_but_no_fault() -> None:
    trial = trial_record("g")
    facts = {("net@25%+g", 0): {"train_images": 17}, ("net@25%", 0): {"train_images": 10}}
    assert lacking(trial, facts) == ["net@25%+g seed 0 was trained on 17 of 20 images"]
    assert inequalities(facts) == []


def test_a_fixed_mix_of_images_counts_in_the_declared_numbers(tmp_path: Path) -> None:
    data = load_report(make_run(tmp_path, broken=False))
    assert data.run is not None
    arms = {
        "fair": ArmRecord(role="real", share=0.25, real=10),
        "good": ArmRecord(role="with", share=0.25, real=10, generator="g", synthetic=10),
    }
    trial = trial_record("g").model_copy(update={"shares": (0.25,), "arms": arms})
    data = replace(
        data,
        run=data.run.model_copy(update={"trial": trial}),
        models=tuple(
            replace(model, runs=tuple(replace(run, training={}) for run in model.runs))
            for model in data.models
        ),
    )
    mixed = tuple(
        replace(image, strata={STRATUM: "few" if place < 6 else "many"})
        for place, image in enumerate(data.images)
    )
    found = []
    for images in (data.images, mixed):
        concluded = settled(Numbers(data=replace(data, images=images)))
        assert concluded is not None
        (declared,) = concluded.primary
        assert declared.interval is not None
        found.append(declared)
    assert found[0].difference == found[1].difference
    assert found[0].interval != found[1].interval
