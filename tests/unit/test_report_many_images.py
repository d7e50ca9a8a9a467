"""A report of very many images stays bounded, and says on the page what it leaves out."""

from pathlib import Path

import pandas as pd
import pytest

from evaluator.report import ReportPaths, build_report, followed
from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.sections import images
from tests.unit.report_fixtures import NAMES, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("many"), broken=False)


@pytest.fixture(scope="module")
def bounded(run: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportPaths:
    """The cells of seven of twelve images are followed, and five images are listed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(followed, "MOST_FOLLOWED", 7 * 5)
        patch.setattr(images, "LISTED", 5)
        return build_report(run, tmp_path_factory.mktemp("report"))


def test_the_page_says_what_is_left_out(bounded: ReportPaths) -> None:
    page = bounded.report_md.read_text("utf-8")
    assert page.count("Cells are followed on 7 of 12 images") == 5
    assert "scored ones of the 7 images whose cells are followed" in page
    assert "The page lists the 5 images with the lowest mean F1 of 12" in page
    assert "There is no table by the size of an image's cells" in page


def test_scores_and_tables_cover_all_images(bounded: ReportPaths) -> None:
    assert sorted(pd.read_csv(bounded.tables / "images.csv")["Image"]) == sorted(NAMES)
    assert set(pd.read_csv(bounded.tables / "summary.csv")["images"]) == {12}
    assert set(pd.read_csv(bounded.tables / "errors.csv")["Images"]) == {7}


def test_which_cells_are_followed_depends_on_names_alone(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(followed, "MOST_FOLLOWED", 7 * 5)
    found = Numbers(data=load_report(run)).followed
    again = Numbers(data=load_report(run, "plain")).followed
    assert [image.name for image in found.data.images] == [
        image.name for image in again.data.images
    ]
    assert found.followed is found


def test_a_report_of_fewer_images_says_nothing_of_it(run: Path) -> None:
    whole = Numbers(data=load_report(run))
    assert whole.followed is whole
    assert whole.follows == ""
