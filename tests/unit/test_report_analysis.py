"""The judging parts of the report: differences, ranks, errors, cost, published scores."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evaluator.overlap.cell_fates import Fate
from evaluator.report import build_report
from evaluator.report.certainty import compared, matrix_table, mean_interval, ranks_table
from evaluator.report.cost import Cost, costs, dominating
from evaluator.report.data import Model, ReportData
from evaluator.report.errors import count_errors
from evaluator.report.facts import all_facts, image_facts
from evaluator.report.load import load_report
from evaluator.report.methods import methods_text
from evaluator.report.published import published_f1
from evaluator.report.summary import by_model, disagreements
from evaluator.report.units import duration, memory
from tests.unit.report_fixtures import NAMES, make_run, truth


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    return load_report(make_run(tmp_path_factory.mktemp("analysis"), broken=False))


def rows(**scores: list[float]) -> pd.DataFrame:
    """Rows at one threshold: the F1 of each model, image by image."""
    return pd.DataFrame(
        [
            {"model": model, "seed": 0, "image": f"{place:03}.png", "f1": f1, "dice": f1}
            for model, values in scores.items()
            for place, f1 in enumerate(values)
        ]
    )


def test_the_interval_of_a_mean_agrees_with_the_normal_one_for_many_images() -> None:
    values = np.random.default_rng(5).uniform(0, 1, 400)
    interval = mean_interval(rows(a=values.tolist()))
    assert interval is not None
    half = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.004)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.004)
    assert mean_interval(rows(a=[0.1, 0.2, 0.3, 0.4])) is None, "four images are too few"


def test_the_significance_matrix_marks_the_pairs_that_are_separable() -> None:
    base = np.random.default_rng(1).uniform(0.1, 0.9, 40)
    steady = base + 0.05 + np.random.default_rng(3).normal(0, 0.01, 40)
    table = rows(a=steady.tolist(), b=base.tolist(), c=base[::-1].tolist())
    pairs = compared(table, ["a", "b", "c"])
    assert [(pair.first, pair.second) for pair in pairs] == [("a", "b"), ("a", "c"), ("b", "c")]
    shown = matrix_table(pairs, 0.5)
    assert shown is not None
    cells = {row.cells[0]: row.cells[1:] for row in shown.rows}
    assert cells["a"][0] is None
    assert str(cells["a"][1]).endswith(", p < 0.001 *")
    assert str(cells["b"][0]).startswith("-0.0")
    assert not str(cells["b"][2]).endswith("*")
    assert matrix_table(compared(table, ["a", "b"]), 0.5) is None


def test_ranks_of_equal_models_are_not_firm_and_of_unequal_ones_are() -> None:
    generator = np.random.default_rng(2)
    best, *others = generator.uniform(0, 0.5, (3, 60))
    names = ["best", "one", "other"]
    table = rows(best=(best + 0.5).tolist(), one=others[0].tolist(), other=others[1].tolist())
    shown = ranks_table(table, names)
    assert shown is not None
    by_model = {row.cells[0]: row.cells for row in shown.rows}
    assert by_model["best"] == ("best", 1, 100.0, 100.0, "1")
    assert by_model["one"][-1] == by_model["other"][-1] == "2 to 3"
    assert ranks_table(table, ["best"]) is None


def test_kinds_of_error_count_every_cell_once(data: ReportData) -> None:
    cells = sum(int(truth(number).max()) for number in range(len(NAMES)))
    oracle = next(model for model in data.models if model.name == "oracle")
    perfect = count_errors(data, oracle.runs[0])
    assert perfect.images == 12
    assert perfect.truth[Fate.MATCHED] == perfect.predicted[Fate.MATCHED] == cells
    good = next(model for model in data.models if model.name == "good")
    errors = count_errors(data, good.runs[0])
    assert errors.truth.sum() == cells
    assert errors.truth[Fate.MATCHED] + errors.truth[Fate.MISSED] == cells


def test_cost_comes_from_the_predictions_and_the_sizes_of_the_images(data: ReportData) -> None:
    found = costs(data, by_model(data.at_base), all_facts(data), list(data.models))
    good = next(cost for cost in found if cost.model.name == "good")
    assert good.seconds_per_megapixel == pytest.approx(0.02 * 1.8 / (96 * 120 / 1e6))
    assert good.train_seconds == pytest.approx(6.0 * 1.8)
    assert good.predict_bytes == int(4e8 * 1.8)
    assert good.vram_bytes is None


def cost(name: str, f1: float, seconds: float, size: int, kind: str = "segmenter") -> Cost:
    return Cost(
        model=Model(name=name, title=name, kind=kind, runs=(), record=None),
        f1=f1,
        seconds_per_megapixel=seconds,
        predict_bytes=size,
        bytes_per_megapixel=None,
        train_seconds=None,
        train_bytes=None,
        vram_bytes=None,
    )


def test_a_model_is_dominated_by_one_that_is_no_worse_in_anything() -> None:
    slow, fast = cost("slow", 0.5, 2.0, 100), cost("fast", 0.5, 1.0, 100)
    lean, control = cost("lean", 0.4, 3.0, 50), cost("oracle", 1.0, 0.1, 1, "control")
    everyone = [slow, fast, lean, control]
    assert dominating(slow, everyone) == ["fast"]
    assert dominating(fast, everyone) == []
    assert dominating(lean, everyone) == [], "it needs less memory than the others"
    assert dominating(slow, [slow, cost("twin", 0.5, 2.0, 100)]) == []


def test_disagreements_are_the_widest_spans_and_pass_over_what_is_shown() -> None:
    table = rows(a=[0.9, 0.5, 0.1, 0.6], b=[0.1, 0.5, 0.8, 0.45])
    assert list(disagreements(table, leave_out=set())) == ["000.png", "002.png"]
    found = disagreements(table, leave_out={"000.png"})
    assert found == {"002.png": "F1 from 0.10 to 0.80"}


def test_published_scores_stand_beside_models_of_that_name(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    text = (run / "scores.csv").read_text("utf-8")
    other = tmp_path / "scores"
    other.mkdir()
    (other / "scores.csv").write_text(text.replace("good,", "MAUNet,"), "utf-8")
    page = build_report(other, tmp_path / "out").index_html.read_text("utf-8")
    assert "Published F1" in page
    assert "0.5355" in page
    assert "It compares with this report only as far as" in page
    assert "Published F1" not in build_report(run, run / "report").index_html.read_text("utf-8")
    assert published_f1("good") is None


def test_the_methods_name_what_was_done(data: ReportData) -> None:
    first, reference, *_ = methods_text(data)
    assert first.startswith(
        "A good model, A fair model were trained with cellbench 0.1.0 (profile tiny, seeds 0, 1)"
        " on 20 images; 3 more served for validation"
    )
    assert "thresholds of 0.5, 0.7, 0.9" in first
    assert "touch the outer two pixel rows" in first
    assert "10.1038/s41592-024-02233-6" in reference


def test_facts_come_from_the_files(data: ReportData, shared: Path) -> None:
    assert {(f.height, f.width) for f in all_facts(data).values()} == {(96, 120)}
    images = shared / "data" / "cells" / "Tuning" / "images"
    facts = image_facts(images / "cell_00001.png")
    assert facts is not None
    assert (facts.height, facts.width, facts.kind) == (1024, 1344, "PNG, uint8, L")
    tiff = image_facts(next(images.glob("*.tif*")))
    assert tiff is not None
    assert tiff.kind.startswith("TIFF, uint")


def test_a_damaged_file_has_no_facts(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif"):
        (tmp_path / name).write_bytes(b"nothing")
        assert image_facts(tmp_path / name) is None
    assert image_facts(tmp_path / "absent.png") is None


def test_units_read_well() -> None:
    assert [duration(value) for value in (0.42, 48, 400, 7500)] == [
        "0.4 s",
        "48 s",
        "6 min 40 s",
        "2 h 5 min",
    ]
    assert [memory(value) for value in (561e6, 2.4e9)] == ["561 MB", "2.40 GB"]
