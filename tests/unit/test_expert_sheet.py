"""The blinded sheet for experts gives nothing away, and their answers are scored."""

import base64
import csv
import io
import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow
from typer.testing import CliRunner

from contract import CallError
from evaluator.cli import app
from evaluator.synthetic.expert.score import score_answers
from evaluator.synthetic.expert.sheet import SheetPaths, make_sheet
from tests.unit.synthetic_fixtures import draw, write_folder, write_pair

COUNT = 20


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("sides")
    real = write_folder(root / "real_images", range(3))
    made = write_folder(root / "made_images", range(50, 52), method="gan")
    image, labels = draw(90)
    wide, ids = np.tile(image, (2, 2)), np.tile(labels, (2, 2))
    write_pair(made, "cell_090", wide, ids)
    return real, made


@pytest.fixture(scope="module")
def sheet(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> SheetPaths:
    return make_sheet(*folders, tmp_path_factory.mktemp("sheet"), COUNT)


def lines(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def answer(sheet: SheetPaths, out: Path, *, expert: str = "A", wrong: int = 0, **more: str) -> Path:
    """Answers that are right but for the first `wrong`; `more` replaces answers by item."""
    text = ["sheet,expert,item,answer"]
    other = {"real": "synthetic", "synthetic": "real"}
    for place, line in enumerate(lines(sheet.key)):
        word = other[line["truth"]] if place < wrong else line["truth"]
        word = more.get(f"item_{line['item']}", word)
        text.append(f"{line['sheet']},{expert},{line['item']},{word}")
    out.write_text("\n".join(text) + "\n")
    return out


def test_the_sheet_gives_nothing_away(sheet: SheetPaths, folders: tuple[Path, Path]) -> None:
    page = sheet.sheet.read_text("utf-8")
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", page)
    assert len(found) == COUNT
    pictures = [Pillow.open(io.BytesIO(base64.b64decode(one))) for one in found]
    assert {(one.size, one.mode, tuple(one.info)) for one in pictures} == {((96, 96), "RGB", ())}
    for word in ("cell_", "gan", "real_images", "made_images", sheet.key.name):
        assert word not in page
    assert sorted(path.name for path in sheet.folder.iterdir()) == ["answers.csv", "sheet.html"]
    assert sheet.key.parent == sheet.folder.parent
    assert {line["answer"] for line in lines(sheet.answers)} == {""}


def test_half_are_real_in_an_order_that_tells_nothing(sheet: SheetPaths) -> None:
    truths = [line["truth"] for line in lines(sheet.key)]
    assert truths.count("real") == COUNT // 2
    assert 3 < sum(a != b for a, b in itertools.pairwise(truths)) < COUNT - 3
    assert {line["method"] for line in lines(sheet.key)} == {"", "gan"}


def test_the_same_seed_gives_the_same_sheet(
    sheet: SheetPaths, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    again = make_sheet(*folders, tmp_path, COUNT)
    other = make_sheet(*folders, tmp_path / "other", COUNT, seed=1)
    for one in ("sheet", "answers", "key"):
        assert getattr(again, one).read_bytes() == getattr(sheet, one).read_bytes()
        assert getattr(other, one).read_bytes() != getattr(sheet, one).read_bytes()


def test_one_side_in_grey_makes_all_grey(tmp_path: Path) -> None:
    real = write_folder(tmp_path / "real", range(1))
    image, labels = draw(5)
    colours = np.stack([image, image // 2, image // 3], axis=2)
    write_pair(tmp_path / "made", "a", colours, labels)
    paths = make_sheet(real, tmp_path / "made", tmp_path / "out", 10)
    found = re.findall(r"base64,([A-Za-z0-9+/=]{60,})", paths.sheet.read_text("utf-8"))
    for one in found:
        pixels = np.asarray(Pillow.open(io.BytesIO(base64.b64decode(one))))
        assert (pixels == pixels[..., :1]).all()


def test_a_small_image_makes_all_crops_small_around_the_same_middle(tmp_path: Path) -> None:
    real = write_folder(tmp_path / "real", range(1))
    image, labels = draw(5)
    write_pair(tmp_path / "made", "a", image[:48, :40], labels[:48, :40])
    paths = make_sheet(real, tmp_path / "made", tmp_path / "out", 10)
    found = re.findall(r"base64,([A-Za-z0-9+/=]{60,})", paths.sheet.read_text("utf-8"))
    sizes = {Pillow.open(io.BytesIO(base64.b64decode(one))).size for one in found}
    assert sizes == {(40, 40)}
    # a crop of 96 pixels fills the whole real image: its middle begins at 28
    places = {(line["row"], line["column"]) for line in lines(paths.key) if line["truth"] == "real"}
    assert places == {("28", "28")}


def test_who_is_always_right_tells_them_apart(sheet: SheetPaths, tmp_path: Path) -> None:
    score = score_answers([answer(sheet, tmp_path / "a.csv")], sheet.key)
    (one,) = score.experts
    assert (one.accuracy.count, one.accuracy.of, one.shown) == (COUNT, COUNT, COUNT)
    # Clopper and Pearson: 0.025^(1/20)
    assert one.accuracy.interval.low == pytest.approx(0.025 ** (1 / COUNT))
    assert score.verdict == one.verdict == "told apart"
    shares = {pooled.name: pooled.share for pooled in score.taken_for_real}
    assert shares.pop("real") == 1
    assert set(shares.values()) == {0}


def test_who_is_right_half_of_the_time_does_not(sheet: SheetPaths, tmp_path: Path) -> None:
    score = score_answers([answer(sheet, tmp_path / "a.csv", wrong=COUNT // 2)], sheet.key)
    assert score.accuracy.share == 0.5
    assert score.verdict == "not told apart"
    mistaken = score_answers([answer(sheet, tmp_path / "b.csv", wrong=COUNT)], sheet.key)
    assert mistaken.verdict == "mistaken"


def test_several_experts_count_items_as_draws(sheet: SheetPaths, tmp_path: Path) -> None:
    files = [
        answer(sheet, tmp_path / f"{name}.csv", expert=name, wrong=wrong)
        for name, wrong in (("A", 0), ("B", 6), ("C", 6))
    ]
    score = score_answers(files, sheet.key)
    assert [one.name for one in score.experts] == ["A", "B", "C"]
    assert [one.accuracy.count for one in score.experts] == [20, 14, 14]
    assert score.accuracy.share == pytest.approx(48 / 60)
    assert (score.accuracy.answers, score.accuracy.items) == (60, 20)
    interval = score.accuracy.interval
    assert interval is not None
    # wider than that of 60 independent answers, 0.68 to 0.89
    assert interval.low < 0.66
    assert interval.high > 0.8


def test_items_left_out_and_a_spreadsheet_s_numbers_are_read(
    sheet: SheetPaths, tmp_path: Path
) -> None:
    path = answer(sheet, tmp_path / "a.csv", item_001="", item_002=" Made ")
    path.write_text(re.sub(r",0+(\d+),", r",\1,", path.read_text()))
    score = score_answers([path], sheet.key)
    assert score.accuracy.answers == COUNT - 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace(",001,", ",999,"), "no item '999' on the sheet"),
        (lambda text: re.sub(r"(,001,).*", r"\1perhaps", text), "no answer is 'perhaps' in line 2"),
        (lambda text: re.sub(r"^[0-9a-f]{12}", "f" * 12, text, flags=re.M), "are to sheet ffff"),
        (lambda text: text.replace("item", "number", 1), "lacks the columns item"),
        (lambda text: re.sub(r",(real|synthetic)$", ",", text, flags=re.M), "no item is answered"),
        (lambda text: text + re.sub(r"^.*?\n", "", text), None),
        (
            lambda text: (
                text
                + re.search(r".*,001,", text)[0]
                + "real\n"
                + re.search(r".*,001,", text)[0]
                + "synthetic\n"
            ),
            "gives two answers to 001",
        ),
    ],
)
def test_stupid_answers_are_named(
    change: object, message: str | None, sheet: SheetPaths, tmp_path: Path
) -> None:
    path = answer(sheet, tmp_path / "a.csv")
    path.write_text(change(path.read_text()))  # type: ignore[operator]
    if message is None:
        assert score_answers([path], sheet.key).accuracy.answers == COUNT
        return
    with pytest.raises(CallError, match=re.escape(message)):
        score_answers([path], sheet.key)


def test_a_lost_key_and_a_sheet_that_is_too_small_are_refused(
    sheet: SheetPaths, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(CallError, match=r"No expert-key.csv beside"):
        score_answers([answer(sheet, tmp_path / "a.csv")])
    with pytest.raises(CallError, match="is too few"):
        make_sheet(*folders, tmp_path, 9)
    (tmp_path / "expert-key.csv").write_text("mine")
    with pytest.raises(CallError, match="did not write"):
        make_sheet(*folders, tmp_path, 10)


def test_the_command_finds_the_key_above(sheet: SheetPaths) -> None:
    filled = answer(sheet, sheet.folder / "filled.csv")
    try:
        done = CliRunner().invoke(app, ["expert", str(filled)])
    finally:
        filled.unlink()
    assert done.exit_code == 0, done.output
    assert "told apart" in done.output
    assert "accuracy 1.000 (0.83 to 1.00), 20 answers to 20 crops" in done.output
