"""Published scores from a file: shown beside those for the same dataset, protocol and threshold."""

import csv
import re
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contract import CallError
from evaluator.cli import app
from evaluator.report import ReportPaths, build_report
from evaluator.report.read.published import COLUMNS, read_published
from tests.unit.report_fixtures import make_run

DATASET = "1" * 64
FITTING = {
    "model": "good",
    "dataset_sha256": DATASET,
    "protocol": "challenge",
    "threshold": "0.5",
    "f1": "0.5355",
    "source": "A paper (2024)",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("published"), broken=False)


def written(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def summary(report: ReportPaths) -> str:
    page = report.index_html.read_text("utf-8")
    return page.split('id="performance"')[1].split("</section>")[0]


def test_a_score_for_the_same_images_stands_beside_the_model(run: Path, tmp_path: Path) -> None:
    file = written(
        tmp_path / "known.csv",
        FITTING,
        FITTING | {"dataset_sha256": "2" * 64, "f1": "0.1111"},
        FITTING | {"protocol": "plain", "f1": "0.2222"},
        FITTING | {"threshold": "0.7", "f1": "0.3333"},
        FITTING | {"model": "stranger", "f1": "0.4444"},
        FITTING | {"model": "oracle", "f1": "0.6666"},
    )
    report = build_report(run, tmp_path / "out", published=file)
    text = summary(report)
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)', text)
    rows = [re.findall(r"<t[hd][^>]*>([^<]*)", row) for row in re.findall(r"<tr.*?</tr>", text)]
    place = heads.index("Published F1")
    shown = {row[0]: row[place] for row in rows if len(row) > place and row[0] != "Model"}
    assert shown == {"good": "0.5355", "fair": "–", "oracle": "–"}
    assert "for this dataset, protocol and threshold. good: A paper (2024)." in text
    assert "known.csv holds 5 more published scores" in text
    assert not re.search("0\\.(1111|2222|3333|4444|6666)", text)
    assert "A paper (2024)" in report.report_md.read_text("utf-8")


def test_the_base_of_another_protocol_takes_its_own_score(run: Path, tmp_path: Path) -> None:
    plain = FITTING | {"protocol": "plain", "f1": "0.2222"}
    file = written(tmp_path / "known.csv", FITTING, plain)
    text = summary(build_report(run, tmp_path / "out", protocol="plain", published=file))
    assert "0.2222" in text
    assert "0.5355" not in text


def test_without_a_run_nothing_tells_which_images_were_scored(run: Path, tmp_path: Path) -> None:
    shutil.copy(run / "scores.csv", tmp_path)
    file = written(tmp_path / "known.csv", FITTING)
    text = summary(build_report(tmp_path, tmp_path / "out", published=file))
    assert "no score of known.csv is shown" in text
    assert "0.5355" not in text


def test_without_a_file_there_is_no_column(run: Path, tmp_path: Path) -> None:
    report = build_report(run, tmp_path / "out")
    assert "Published F1" not in report.index_html.read_text("utf-8")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"f1": "half"}, "line 2 holds a value that is no number"),
        ({"f1": "1.2"}, "line 2: threshold 0.5 or F1 1.2 is out of range"),
        ({"f1": "nan"}, "line 2: threshold 0.5 or F1 nan is out of range"),
        ({"threshold": "0"}, "line 2: threshold 0 or F1 0.5355 is out of range"),
        ({"protocol": "other"}, "line 2: other is no protocol"),
        ({"source": " "}, "line 2 has no source"),
    ],
)
def test_a_value_that_cannot_be_is_refused(
    tmp_path: Path, change: dict[str, str], reason: str
) -> None:
    with pytest.raises(CallError, match=re.escape(reason)):
        read_published(written(tmp_path / "known.csv", FITTING | change))


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="there is no such file"):
        read_published(tmp_path / "absent.csv")
    (tmp_path / "few.csv").write_text("model,f1\ngood,0.5\n")
    with pytest.raises(CallError, match="it has no column dataset_sha256, protocol"):
        read_published(tmp_path / "few.csv")
    twice = written(tmp_path / "twice.csv", FITTING, FITTING | {"f1": "0.6"})
    with pytest.raises(CallError, match="it has 2 rows for good"):
        read_published(twice)
    (tmp_path / "short.csv").write_text(",".join(COLUMNS) + "\ngood\n")
    with pytest.raises(CallError, match="line 2"):
        read_published(tmp_path / "short.csv")


def test_the_command_line_takes_the_file(run: Path, tmp_path: Path) -> None:
    file = written(tmp_path / "known.csv", FITTING)
    call = ["report", str(run), "--out", str(tmp_path / "out"), "--published", str(file)]
    done = CliRunner().invoke(app, call)
    assert done.exit_code == 0
    assert "0.5355" in Path(done.stdout.strip()).read_text("utf-8")


def test_score_files_of_the_challenge_do_not_say_which_images_they_are_of(tmp_path: Path) -> None:
    file = written(tmp_path / "known.csv", FITTING)
    scores = ["--challenge-csv", "unet:0.5=unet.csv", "--published", str(file)]
    done = CliRunner().invoke(app, ["report", "--out", str(tmp_path / "out"), *scores])
    assert isinstance(done.exception, CallError)
    assert "--published go with SOURCE alone" in str(done.exception)
