"""Reports from score files of the challenge's script, against what the reference report printed."""

import re
from pathlib import Path

import pandas as pd
import pytest

from contract import CallError
from evaluator.report import ReportPaths, build_report_from_challenge_csv

HEAD = (
    "names,true_num,pred_num,correct_num(TP),missed_num(FN),wrong_num(FP),precision,recall,dice,F1"
)

# Typed from the reference report, digit by digit.
SUMMARY = {
    "UNET": "0.3344 0.3214 0.2377 0.6834 0.3241 0.386",
    "NNUNET": "0.3725 0.3669 0.2578 0.7267 0.3615 0.4648",
}
THRESHOLDS = {
    "UNET": {
        0.5: "0.3344 0.6834 0.3241 0.386 101",
        0.7: "0.1612 0.6834 0.1556 0.1854 101",
        0.9: "0.0134 0.6834 0.0116 0.017 101",
    },
    "NNUNET": {
        0.5: "0.3725 0.7267 0.3615 0.4648 101",
        0.7: "0.2249 0.7267 0.2175 0.2914 101",
        0.9: "0.0181 0.7267 0.017 0.0265 101",
    },
}
EXTREMES = {
    ("UNET", "top"): """
        cell_00015_label.tiff 1 0.918
        cell_00011_label.tiff 0.9655 0.8499
        cell_00017_label.tiff 0.9362 0.8554
        cell_00005_label.tiff 0.9 0.8746
        cell_00009_label.tiff 0.8803 0.9021""",
    ("UNET", "bottom"): """
        cell_00076_label.tiff 0 0.8074
        cell_00077_label.tiff 0 0.6855
        cell_00036_label.tiff 0.0073 0.3396
        cell_00100_label.tiff 0.0099 0.064
        cell_00072_label.tiff 0.0108 0.2043""",
    ("NNUNET", "top"): """
        cell_00005_label.tiff 0.9153 0.8491
        cell_00009_label.tiff 0.8893 0.9139
        cell_00098_label.tiff 0.875 0.8522
        cell_00097_label.tiff 0.8525 0.8293
        cell_00087_label.tiff 0.8372 0.8405""",
    ("NNUNET", "bottom"): """
        cell_00076_label.tiff 0 0.6709
        cell_00077_label.tiff 0 0.7316
        cell_00100_label.tiff 0.0027 0.0261
        cell_00041_label.tiff 0.0059 0.063
        cell_00099_label.tiff 0.0161 0.6424""",
}
COUNT_RANGES = {
    "UNET": "6-10 0.412867 3 11-20 0.357906 17 21-50 0.452295 22 51-100 0.225564 11",
    "NNUNET": "6-10 0.2361 3 11-20 0.274118 17 21-50 0.475123 22 51-100 0.415582 11",
}


@pytest.fixture(scope="module")
def reference(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    folder = shared / "data" / "report_example"
    entries = [
        f"{model}:{threshold}={folder / f'{model.lower()}-{threshold}.csv'}"
        for model in ("UNET", "NNUNET")
        for threshold in (0.5, 0.7, 0.9)
    ]
    return build_report_from_challenge_csv(entries, tmp_path_factory.mktemp("reference"))


def read(report: ReportPaths, name: str) -> pd.DataFrame:
    return pd.read_csv(report.tables / f"{name}.csv", dtype={"range": str})


def printed_equal(values: list[float], printed: list[str]) -> bool:
    """Whether each value, at as many digits as the reference's column, is what was printed."""
    return [round(value, 4) for value in values] == [float(text) for text in printed]


@pytest.mark.parametrize("model", SUMMARY)
def test_the_performance_summary(reference: ReportPaths, model: str) -> None:
    row = read(reference, "summary").set_index("model").loc[model]
    assert row["images"] == 101
    columns = ["mean_f1", "median_f1", "std_f1", "mean_dice", "mean_precision", "mean_recall"]
    assert printed_equal([row[name] for name in columns], SUMMARY[model].split())


@pytest.mark.parametrize("model", THRESHOLDS)
def test_the_thresholds(reference: ReportPaths, model: str) -> None:
    table = read(reference, "thresholds").set_index(["model", "threshold"])
    columns = ["mean_f1", "mean_dice", "mean_precision", "mean_recall", "images"]
    for threshold, printed in THRESHOLDS[model].items():
        row = table.loc[(model, threshold)]
        assert printed_equal([row[name] for name in columns], printed.split()), threshold


@pytest.mark.parametrize(("model", "end"), EXTREMES)
def test_the_best_and_worst_images(reference: ReportPaths, model: str, end: str) -> None:
    table = read(reference, "extremes")
    rows = table[(table["model"] == model) & (table["end"] == end)]
    assert rows["rank"].tolist() == [1, 2, 3, 4, 5]
    expected = [line.split() for line in EXTREMES[model, end].strip().splitlines()]
    assert rows["image"].tolist() == [line[0] for line in expected]
    assert printed_equal(rows["f1"].tolist(), [line[1] for line in expected])
    assert printed_equal(rows["dice"].tolist(), [line[2] for line in expected])


@pytest.mark.parametrize("model", COUNT_RANGES)
def test_the_count_ranges(reference: ReportPaths, model: str) -> None:
    table = read(reference, "count_ranges")
    rows = table[table["model"] == model].set_index("range")
    words = COUNT_RANGES[model].split()
    for name, mean, images in zip(words[::3], words[1::3], words[2::3], strict=True):
        assert round(rows.loc[name, "mean_f1"], 6) == float(mean), name
        assert rows.loc[name, "images"] == int(images), name
    assert rows.loc["101-1000", "images"] == 29, "the reference's 100+ ended at 1000"
    assert rows.loc[">1000", "images"] == 19, "which the reference left out"
    assert rows["images"].sum() == 101


def test_the_page_shows_the_same_digits(reference: ReportPaths) -> None:
    text = reference.index_html.read_text("utf-8")
    row = re.search(r"<tr>\s*<th[^>]*>UNET</th>.*?</tr>", text, re.DOTALL)
    assert row is not None
    shown = [cell.strip() for cell in re.findall(r"<td[^>]*>([^<]*)", row[0])]
    for printed in SUMMARY["UNET"].split():
        assert printed.ljust(6, "0") in shown
    assert "No model is settled as best on 101 images" in text
    assert "NNUNET has the highest mean F1, 0.3725 (" in text
    assert "Whether NNUNET or UNET is better is undecided" in text
    assert "This is said of these trainings" in text


def test_an_image_that_one_file_lacks_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"{HEAD}\nx,4,4,4,0,0,1,1,1,1\ny,2,0,0,0,0,,,0,\n")
    (tmp_path / "b.csv").write_text(f"{HEAD}\nx,4,4,2,2,2,0.5,0.5,1,0.5\n")
    entries = [f"a:0.5={tmp_path / 'a.csv'}", f"b:0.5={tmp_path / 'b.csv'}"]
    report = build_report_from_challenge_csv(entries, tmp_path / "out")
    summary = read(report, "summary").set_index("model")
    assert summary.loc["a", "mean_f1"] == 0.5
    assert summary.loc["b", "images"] == 2
    assert summary.loc["b", "mean_f1"] == 0.25
    ranges = read(report, "count_ranges").set_index(["model", "range"])
    assert ranges.loc[("b", "1-5"), "images"] == 2
    assert "without scores, counted as missing: 1." in report.index_html.read_text("utf-8")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "there is no such file"),
        ("names,F1\nx,1\n", "it has no column correct_num(TP), dice"),
        (f"{HEAD}\nx,4,4,4,0,0,1,1,1,1\nx,4,4,4,0,0,1,1,1,1\n", "it names x twice"),
        (f"{HEAD}\nx,four,4,4,0,0,1,1,1,1\n", "line 2 holds a value that is no number"),
        (f"{HEAD}\n", "it holds no image"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: str | None, reason: str
) -> None:
    path = tmp_path / "scores.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CallError, match=re.escape(reason)):
        build_report_from_challenge_csv([f"unet:0.5={path}"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "entry", ["", "unet", "unet=f.csv", ":0.5=f.csv", "unet:half=f.csv", "unet:0=f.csv", "u:2=f"]
)
def test_an_entry_that_names_no_file_is_refused(tmp_path: Path, entry: str) -> None:
    with pytest.raises(CallError, match="MODEL:THRESHOLD=FILE"):
        build_report_from_challenge_csv([entry], tmp_path)


def test_two_files_for_the_same_scores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"unet has 2 score files for threshold 0\.5"):
        build_report_from_challenge_csv(["unet:0.5=a.csv", "unet:0.50=b.csv"], tmp_path)
