"""The report of a hand-made run: its numbers, its words, and what it does without some parts."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from contract import CallError, write_json
from evaluator.report import ReportPaths, build_report
from tests.unit.report_fixtures import NAMES, make_run
from tests.unit.scored_runs import score_record


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("whole"), broken=False)


@pytest.fixture(scope="module")
def report(run: Path) -> ReportPaths:
    return build_report(run, run / "report")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    run = make_run(tmp_path_factory.mktemp("broken"))
    return build_report(run, run / "report")


class Cells(HTMLParser):
    """The text of every table cell, by the table's id, and every start tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._rows: list[list[str]] | None = None
        self._inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attributes)))
        if tag == "table":
            self._rows = self.tables.setdefault(str(dict(attributes)["id"]), [])
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows is not None:
            self._rows[-1].append("")
            self._inside = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside and self._rows is not None:
            self._rows[-1][-1] += data


def page(report: ReportPaths) -> str:
    return report.index_html.read_text("utf-8")


def table(report: ReportPaths, name: str) -> list[list[str]]:
    return Cells(page(report)).tables[f"table-{name}"]


def test_the_summary_averages_seeds_not_images(run: Path, report: ReportPaths) -> None:
    scores = pd.read_csv(run / "scores.csv")
    rows = scores[(scores["model"] == "good") & (scores["threshold"] == 0.5)]
    seeds = [rows[rows["seed"] == seed]["f1"] for seed in (0, 1)]
    found = pd.read_csv(report.tables / "summary.csv").set_index("model").loc["good"]
    assert found["images"] == 12
    assert found["mean_f1"] == pytest.approx(np.mean([s.mean() for s in seeds]), abs=1e-12)
    assert found["median_f1"] == pytest.approx(np.mean([s.median() for s in seeds]), abs=1e-12)
    assert found["std_f1"] == pytest.approx(np.mean([s.std(ddof=1) for s in seeds]), abs=1e-12)


def test_the_tables_have_the_fixed_columns(report: ReportPaths) -> None:
    columns = {
        path.stem: path.read_text("utf-8").splitlines()[0] for path in report.tables.iterdir()
    }
    fixed = {
        "summary": "model,images,mean_f1,median_f1,std_f1,mean_dice,mean_precision,mean_recall",
        "thresholds": "model,threshold,mean_f1,mean_dice,mean_precision,mean_recall,images",
        "count_ranges": "model,range,mean_f1,images",
        "extremes": "model,end,rank,image,f1,dice",
    }
    assert {name: columns[name] for name in fixed} == fixed
    images = pd.read_csv(report.tables / "images.csv")
    assert len(images) == 12
    modality = pd.read_csv(report.tables / "modalities.csv").set_index("Modality")
    assert modality.loc["All images", "good: low"] < modality.loc["All images", "good"]
    cost = pd.read_csv(report.tables / "cost.csv").set_index("Model")
    assert cost.loc["good", "Prediction memory, bytes"] == int(4e8 * 1.8)


def test_count_ranges_add_up_to_all_images(report: ReportPaths) -> None:
    ranges = pd.read_csv(report.tables / "count_ranges.csv", dtype={"range": str})
    assert set(ranges.groupby("model")["images"].sum()) == {12}
    shown = table(report, "count-ranges")
    assert shown[-1][:2] == ["All images", "12"]
    assert sum(int(row[1]) for row in shown[1:-1]) == 12
    assert [row[0] for row in shown[1:-1]] == ["0", "11-20", "51-100"]


def test_columns_of_the_manifest_group_the_images(report: ReportPaths) -> None:
    shown = table(report, "stratum-1")
    assert shown[0] == ["stain", "Images", "good", "fair", "oracle"]
    assert [row[:2] for row in shown[1:]] == [["a", "6"], ["b", "6"], ["All images", "12"]]
    tables = Cells(page(report)).tables
    assert "table-stratum-3" not in tables, "the rest is one value, numbers, or the modality"


def test_extremes_break_ties_by_name(report: ReportPaths) -> None:
    extremes = pd.read_csv(report.tables / "extremes.csv").set_index(["model", "end"])
    top = extremes.loc[("oracle", "top")]
    with_cells = sorted(name for name in NAMES if name != "zelle_ä.png")
    assert top["image"].tolist() == with_cells[:5]
    bottom = extremes.loc[("oracle", "bottom")]
    assert bottom["image"].tolist() == ["zelle_ä.png", *with_cells[:4]]
    assert bottom["rank"].tolist() == [1, 2, 3, 4, 5]


def test_a_control_is_marked_and_never_best(report: ReportPaths) -> None:
    text = page(report)
    assert "<h2>Best model: good</h2>" in text
    assert "for comparison and not ranked: oracle 0.9167." in text
    assert "Below the control" not in text
    assert [row[:2] for row in table(report, "summary")[1:]] == [
        ["good", "–"],
        ["fair", "–"],
        ["oracle", "control"],
    ]


def test_a_model_below_a_control_that_learns_nothing_is_named(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("models", "report"))
    for name in ("run.json", "scores.csv"):
        text = (folder / name).read_text("utf-8").replace("oracle", "otsu")
        text = text.replace('"needs_truth": true', '"needs_truth": false')
        (folder / name).write_text(text, "utf-8")
    text = page(build_report(folder, tmp_path / "report"))
    assert "Mean below the control otsu: good, fair." in text


def test_many_failures_take_the_place_of_the_winner(broken: ReportPaths) -> None:
    text = page(broken)
    assert "12 of 72 predictions failed, so no best model is named" in text
    assert "Best model" not in text
    assert "broken: no image was scored (training crashed)." in text
    row = next(row for row in table(broken, "summary") if row[0] == "broken")
    assert row[-1] == "training crashed"
    assert row[2] == "0.0000", "a failed image counts as 0"
    assert row[-2] == "–", "there is no mean over no scored image"


def test_the_ledger_adds_up(broken: ReportPaths) -> None:
    head, *rows = table(broken, "outcomes")
    assert head == ["Model", "scored", "crashed", "expected"]
    for row in rows:
        assert sum(int(value) for value in row[1:-1]) == int(row[-1])
    assert {row[0]: row[-1] for row in rows} == {
        "good": "24",
        "fair": "24",
        "broken": "12",
        "oracle": "12",
    }


def test_an_unfinished_run_says_what_is_missing(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False, finished=False)
    report = build_report(run, run / "report")
    text = page(report)
    assert "Not finished; so far good has the highest mean F1" in text
    assert "fair, seed 1: 0 of 12 images scored so far." in text
    assert {row[0]: row[-2] for row in table(report, "outcomes")[1:]}["fair"] == "12"


def test_failing_missing_and_stopped_models_are_said_to_be_so(tmp_path: Path) -> None:
    run = make_run(tmp_path, finished=False)
    fair = run / "models" / "fair"
    usage = json.loads((fair / "seed0/train/usage.json").read_text("utf-8"))
    (fair / "seed1/train").mkdir(parents=True)
    write_json(fair / "seed1/train/usage.json", {**usage, "outcome": "timeout"})
    scores = pd.read_csv(run / "scores.csv")
    lost = (scores["model"] == "good") & (scores["image"] == "cell 3.png")
    scores.loc[lost, "outcome"] = "missing"
    scores.loc[lost, ["tp", "fp", "predicted_cells", "f1", "dice", "precision", "recall"]] = 0
    scores.to_csv(run / "scores.csv", index=False)
    report = build_report(run, run / "report")
    text = page(report)
    remarks = {row[0]: row[-1] for row in table(report, "summary")[1:]}
    assert remarks["broken"] == "training crashed"
    assert remarks["fair"] == "seed 1: training ran into its time-out"
    assert "The run had not finished when this report was made." in text
    assert "fair, seed 1: 0 of 12 images scored so far." in text
    failures = [row for row in table(report, "failures")[1:] if row[0] == "good"]
    assert failures == [["good", seed, "cell 3.png", "missing"] for seed in "01"]
    assert "no best model is named" in text


def test_pairs_without_a_row_count_as_missing_in_a_finished_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    scores = pd.read_csv(run / "scores.csv")
    gone = (scores["model"] == "fair") & (scores["image"] == "cell 3.png")
    scores[~gone].to_csv(run / "scores.csv", index=False)
    report = build_report(run, run / "report")
    assert "Pairs of model and image without scores, counted as missing: 2." in page(report)
    summary = pd.read_csv(report.tables / "summary.csv").set_index("model")
    kept = scores[~gone & (scores["model"] == "fair") & (scores["threshold"] == 0.5)]
    assert summary.loc["fair", "images"] == 12
    assert summary.loc["fair", "mean_f1"] == pytest.approx(kept["f1"].sum() / 24)
    failures = [row[2:] for row in table(report, "failures")[1:]]
    assert failures == [["cell 3.png", "missing"]] * 2


def test_images_that_the_run_does_not_list_are_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    scores = pd.read_csv(run / "scores.csv")
    strange = scores[scores["image"] == "cell 3.png"].assign(image="other.png")
    pd.concat([scores, strange]).to_csv(run / "scores.csv", index=False)
    report = build_report(run, run / "report")
    assert "that the run does not list, left out: 1." in page(report)
    assert pd.read_csv(report.tables / "summary.csv")["images"].tolist() == [12, 12, 12]


def test_a_run_without_any_score_gives_a_report(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False, finished=False)
    (run / "scores.csv").unlink()
    shutil.rmtree(run / "models")
    text = page(build_report(run, run / "report"))
    assert "No model has been scored yet" in text
    assert "There is no scores.csv yet" in text


def test_another_protocol_is_scored_from_the_stored_tables(run: Path, tmp_path: Path) -> None:
    report = build_report(run, tmp_path, protocol="plain")
    assert "protocol plain" in page(report)
    summary = pd.read_csv(report.tables / "summary.csv").set_index("model")
    assert summary.loc["oracle", "mean_f1"] == 1.0, "an image without cells counts 1 here"


def test_scores_alone_give_a_report(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "scores.csv", tmp_path)
    write_json(
        tmp_path / "score.json",
        score_record().model_dump(),
    )
    report = build_report(tmp_path, tmp_path / "out", protocol="plain")
    text = page(report)
    assert "protocol plain with border rule" in text
    assert "nothing is known of the run behind them" in text
    assert pd.read_csv(report.tables / "summary.csv")["model"].tolist() == [
        "good",
        "fair",
        "oracle",
    ]


def test_damaged_files_become_notes(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    seed = run / "models" / "good" / "seed0"
    (seed / "train" / "training.json").write_text('{"model": "go')
    (seed / "predict" / "usage.json").write_text("{}")
    (seed / "train" / "history.jsonl").open("a").write('{"epoch": 7, "lo')
    (tmp_path / "data" / "images" / "cell 3.png").write_bytes(b"not a picture")
    text = page(build_report(run, run / "report"))
    assert "good/seed0/train/training.json is not used" in text
    assert "good/seed0/predict/usage.json is not used: runner: Field required." in text
    assert "good/seed0/train/history.jsonl: a line is not used: line " in text
    assert "The profile tiny is a demonstration" in text


def test_a_folder_without_scores_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="neither a run nor a folder of scores"):
        build_report(tmp_path, tmp_path / "report")


def test_odd_file_names_are_inert(report: ReportPaths) -> None:
    text = page(report)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;_script&gt;.png" in text
    assert "a&amp;b.png" in text
    markdown = report.report_md.read_text("utf-8")
    assert "<script>" not in markdown
    assert r"\<script\>alert(1)" in markdown


def test_the_page_loads_nothing_from_elsewhere(report: ReportPaths) -> None:
    parsed = Cells(page(report))
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "xlink:href", "srcset", "data", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith(("#", "data:")), (tag, name, value)
    styles = page(report).split("</footer>")[0]
    assert not re.search(r"@import|url\((?!#)", styles)
    ids = [attributes["id"] for _, attributes in parsed.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))


def test_the_samples_show_image_truth_and_every_model(broken: ReportPaths) -> None:
    text = page(broken).split('id="samples"')[1].split("</section>")[0]
    assert text.count('<article class="sample">') == 6, "three more where the models disagree"
    first = text.split('<article class="sample">')[1].split("</article>")[0]
    labels = re.findall(r"<strong>(.*?)</strong>", first)
    assert labels == ["Image", "Truth", "good", "fair", "broken"]
    assert first.count("<img ") == 4
    assert "outcome crashed, no mask" in first


def test_each_model_shows_its_best_and_worst_image(report: ReportPaths) -> None:
    models = page(report).split('id="models"')[1].split("</section>")[0]
    good = models.split('<article class="part">')[1]
    assert re.findall(r"<h4>(.*?):", good) == ["Highest F1", "Lowest F1"]
    assert re.findall(r"<figcaption><strong>(.*?)</strong>", good) == ["Image", "Truth", "good"] * 2
    assert "<h4>" not in models.split('<article class="part">')[3], "a control needs no example"


def test_the_weights_hash_comes_from_the_step(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    inputs = {"weights": "abc123", "test images": "4"}
    folder = run / "models" / "good" / "seed0" / "predict"
    write_json(folder / "step.json", {"key": "k", "inputs": inputs, "finished": True})
    hashes = {row[0]: row[-1] for row in table(build_report(run, run / "report"), "hashes")}
    assert hashes["good"] == "seed 0: abc123"
    assert hashes["fair"] == "–"


def test_kinds_of_error_have_pictures(report: ReportPaths) -> None:
    errors = page(report).split('id="errors"')[1].split("</section>")[0]
    assert re.findall(r"<h3>(\w+):", errors) == ["Missed"], "the models only leave cells out"
    assert re.findall(r"<strong>(.*?)</strong>", errors) == ["good", "fair"]
    assert errors.count("<img ") == 2


def test_the_same_run_gives_the_same_bytes(run: Path, report: ReportPaths, tmp_path: Path) -> None:
    build_report(run, tmp_path)
    folder = report.index_html.parent
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            twin = tmp_path / path.relative_to(folder)
            assert path.read_bytes() == twin.read_bytes(), path.name


def test_null_fields_of_training_are_a_dash(run: Path, report: ReportPaths) -> None:
    rows = {row[0]: row[1:] for row in table(report, "training")[1:]}
    assert rows["Pretrained weights"] == ["–"] * 4
    assert rows["Learning rate"] == ["0.0006"] * 4
    assert [row[0] for row in table(report, "fairness")[1:]] == [
        "Epochs",
        "Steps",
        "Ended by",
        "Parameters",
    ]
    assert "epochs (good: 6, fair: 4)" in page(report)


def test_the_local_runner_is_said_to_have_no_isolation(report: ReportPaths) -> None:
    rows = {row[0]: row[1] for row in table(report, "provenance")[1:]}
    assert rows["Isolation"].startswith("none:")
    assert rows["Command"] == "harness run-all --data 'my images' --models good,fair,oracle"


def test_the_markdown_twin_has_the_same_numbers(report: ReportPaths) -> None:
    markdown = report.report_md.read_text("utf-8")
    assert "## Best model: good" in markdown
    for row in table(report, "summary")[1:]:
        assert "| " + " | ".join(row) + " |" in markdown
    for figure in report.figures.iterdir():
        assert f"(figures/{figure.name})" in markdown


def test_a_run_written_by_another_version_still_gives_its_scores(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    record = json.loads((run / "run.json").read_text())
    write_json(run / "run.json", {**record, "something_new": 1})
    text = page(build_report(run, run / "report"))
    assert "run.json is not used: something_new" in text
    assert "0.7122" in text
