"""The judging parts of the report: differences, ranks, errors, cost."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluator.overlap.cell_fates import Fate
from evaluator.overlap.table import overlap_table
from evaluator.report.data import Model
from evaluator.report.frames import frame_matrix
from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.sections.certainty import matrix_table, ranks_table
from evaluator.report.sections.cost import Cost, costs, dominating
from evaluator.report.sections.methods import methods_text
from evaluator.report.summary import disagreements
from evaluator.report.tables import Estimate
from evaluator.report.units import duration, memory
from evaluator.scores.protocols import count
from evaluator.statistics.means import model_means
from evaluator.statistics.paired import Comparison, Verdict, compare_models
from evaluator.statistics.ranks import rank_stability
from tests.unit.report_fixtures import NAMES, make_run, truth


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Numbers:
    run = make_run(tmp_path_factory.mktemp("analysis"), broken=False)
    return Numbers(data=load_report(run))


def rows(**scores: list[float]) -> pd.DataFrame:
    """Rows at one threshold: the F1 of each model, image by image."""
    return pd.DataFrame(
        [
            {"model": model, "seed": 0, "image": f"{place:03}.png", "f1": f1, "dice": f1}
            for model, values in scores.items()
            for place, f1 in enumerate(values)
        ]
    )


def compared(table: pd.DataFrame, models: list[str]) -> tuple[Comparison, ...]:
    return compare_models(frame_matrix(table, models))


def test_means_are_computed_once(numbers: Numbers) -> None:
    assert numbers.means("recall") is numbers.means("recall")
    assert numbers.means("recall", images=NAMES[:6]) is numbers.means("recall", images=NAMES[5::-1])


def test_an_estimate_is_of_the_images_asked_for(numbers: Numbers) -> None:
    rows = numbers.data.scores
    rows = rows[(rows["model"] == "good") & (rows["threshold"] == 0.7)]
    chosen = sorted(NAMES)[2:9]
    (expected,) = model_means(frame_matrix(rows[rows["image"].isin(chosen)], ["good"], "recall"))
    assert expected.interval is not None
    assert expected.over_trainings
    found = numbers.estimate("good", 0.5, "recall", threshold=0.7, images=chosen)
    assert isinstance(found, Estimate)
    assert found.low <= expected.interval.low + 0.02  # the other model's trainings are pooled in
    assert found.high >= expected.interval.high - 0.02
    assert numbers.estimate("good", 0.5, images=chosen[:4]) == 0.5, "four images are too few"
    assert numbers.estimate("nobody", None) is None


def test_the_matrix_says_what_is_settled_of_the_row() -> None:
    base = np.random.default_rng(1).uniform(0.1, 0.9, 40)
    steady = base + 0.05 + np.random.default_rng(3).normal(0, 0.01, 40)
    table = rows(a=steady.tolist(), b=base.tolist(), c=base[::-1].tolist())
    pairs = compared(table, ["a", "b", "c"])
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    shown = matrix_table(pairs, 0.5)
    assert shown is not None
    cells = {row.cells[0]: row.cells[1:] for row in shown.rows}
    assert cells["a"][0] is None
    assert cells["a"][1] == "+0.050, better"
    assert cells["b"][0] == "-0.050, worse"
    assert str(cells["b"][2]).endswith("undecided")
    assert matrix_table(compared(table, ["a", "b"]), 0.5) is None


def test_ranks_of_equal_models_are_not_firm_and_of_unequal_ones_are() -> None:
    generator = np.random.default_rng(2)
    best, *others = generator.uniform(0, 0.5, (3, 60))
    names = ["best", "one", "other"]
    table = rows(best=(best + 0.5).tolist(), one=others[0].tolist(), other=others[1].tolist())
    scores = frame_matrix(table, names)
    shown = ranks_table(rank_stability(scores, compare_models(scores)))
    assert shown is not None
    by_model = {row.cells[0]: row.cells for row in shown.rows}
    assert by_model["best"] == ("best", 1, "1", 100.0)
    assert by_model["one"][2] == by_model["other"][2] == "2 to 3"
    assert ranks_table(()) is None


def test_kinds_of_error_count_every_cell_once(numbers: Numbers) -> None:
    """Those that the protocol counts: cells on the border are in neither table."""
    tables = [overlap_table(truth(number)) for number in range(len(NAMES))]
    cells = sum(count(table, 0.5).true_cells for table in tables)
    assert cells < sum(int(truth(number).max()) for number in range(len(NAMES)))
    models = {model.name: model for model in numbers.data.models}
    oracle, good = models["oracle"], models["good"]
    perfect = numbers.cells(oracle, oracle.runs[0]).count(NAMES)
    assert perfect.images == 12
    assert perfect.truth[Fate.MATCHED] == perfect.predicted[Fate.MATCHED] == cells
    errors = numbers.cells(good, good.runs[0]).count(NAMES)
    assert errors.truth.sum() == cells
    assert errors.truth[Fate.MATCHED] + errors.truth[Fate.MISSED] == cells


def test_overlap_tables_are_read_once(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    numbers = Numbers(data=load_report(run))
    good = next(model for model in numbers.data.models if model.name == "good")
    before = numbers.cells(good, good.runs[0]).count(NAMES)
    shutil.rmtree(run / "models" / "good" / "seed0" / "overlaps")
    after = numbers.cells(good, good.runs[0]).count(NAMES)
    assert before.images == after.images == 12
    assert (before.truth == after.truth).all()


def test_cost_comes_from_the_predictions_and_the_sizes_of_the_images(numbers: Numbers) -> None:
    found = costs(numbers)
    good = next(cost for cost in found if cost.model.name == "good")
    assert (good.first_seconds, good.seconds) == pytest.approx((0.02 * 1.8, 0.02 * 1.8))
    assert good.growth is None, "all images are of one size"
    assert good.train_seconds == pytest.approx(6.0 * 1.8)
    assert good.predict_bytes == int(4e8 * 1.8)
    assert good.vram_bytes is None


def cost(name: str, f1: float, seconds: float, size: int, kind: str = "segmenter") -> Cost:
    return Cost(
        model=Model(name=name, title=name, kind=kind, runs=(), record=None),
        f1=f1,
        first_seconds=None,
        seconds=seconds,
        growth=None,
        predict_bytes=size,
        train_seconds=None,
        train_bytes=None,
        vram_bytes=None,
    )


def test_a_model_is_dominated_by_one_that_is_settled_as_no_worse_and_costs_no_more() -> None:
    slow, fast = cost("slow", 0.5, 2.0, 100), cost("fast", 0.5, 1.0, 100)
    lean, control = cost("lean", 0.4, 3.0, 50), cost("oracle", 1.0, 0.1, 1, "control")
    everyone = [slow, fast, lean, control]
    equal: dict[tuple[str, str], Verdict] = {
        (one, other): "equivalent"
        for one in ("slow", "fast", "lean", "twin", "oracle")
        for other in ("slow", "fast", "lean", "twin", "oracle")
    }
    assert dominating(slow, everyone, equal) == ["fast"]
    assert dominating(fast, everyone, equal) == []
    assert dominating(lean, everyone, equal) == [], "it needs less memory than the others"
    twins = [slow, cost("twin", 0.5, 2.0, 100)]
    assert dominating(slow, twins, equal) == []
    assert dominating(slow, twins, {("twin", "slow"): "better"}) == ["twin"]
    assert dominating(slow, everyone, {("fast", "slow"): "undecided"}) == []
    assert dominating(slow, everyone, {}) == []


def test_disagreements_are_the_widest_spans_and_pass_over_what_is_shown() -> None:
    table = rows(a=[0.9, 0.5, 0.1, 0.6], b=[0.1, 0.5, 0.8, 0.45])
    assert list(disagreements(table, leave_out=set())) == ["000.png", "002.png"]
    found = disagreements(table, leave_out={"000.png"})
    assert found == {"002.png": "F1 from 0.10 to 0.80"}


def test_the_methods_name_what_was_done(numbers: Numbers) -> None:
    first, reference, *_ = methods_text(numbers)
    assert first.startswith(
        "A good model, A fair model were trained with cellbench 0.1.0 (profile tiny, seeds 0, 1)"
        " on 20 images; 3 more served for validation"
    )
    assert "thresholds of 0.5, 0.7, 0.9" in first
    assert "touch the outer two pixel rows" in first
    assert "10.1038/s41592-024-02233-6" in reference


def test_headers_come_from_the_files_that_can_be_read(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    (tmp_path / "data" / "images" / NAMES[5]).write_bytes(b"nothing")
    (tmp_path / "data" / "images" / NAMES[6]).unlink()
    headers = Numbers(data=load_report(run)).headers
    assert set(headers) == set(NAMES) - {NAMES[5], NAMES[6]}
    assert {(one.height, one.width) for one in headers.values()} == {(96, 120)}
    assert headers[NAMES[0]].described == "PNG, uint8, grey"


def test_units_read_well() -> None:
    assert [duration(value) for value in (0.42, 48, 400, 7500)] == [
        "0.4 s",
        "48 s",
        "6 min 40 s",
        "2 h 5 min",
    ]
    assert [memory(value) for value in (561e6, 2.4e9)] == ["561 MB", "2.40 GB"]
