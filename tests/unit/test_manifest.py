"""manifest.csv as spreadsheets and people write it."""

import unicodedata
from pathlib import Path

import pytest

from contract import CallError
from harness.datasets.manifest import Manifest, read_manifest

IMAGES = ["a.tif", "b.tif"]
PLAIN = "image,modality\na.tif,phase\nb.tif,DIC\n"
WANTED = {"a.tif": {"modality": "phase"}, "b.tif": {"modality": "DIC"}}


def read(tmp_path: Path, content: str | bytes, images: list[str] = IMAGES) -> Manifest:
    path = tmp_path / "manifest.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_manifest(path, images)


@pytest.mark.parametrize(
    "content",
    [
        PLAIN,
        PLAIN.encode("utf-8-sig"),
        PLAIN.encode("utf-16"),
        PLAIN.encode("utf-16-be"),
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace("\n", "\r"),
        PLAIN.replace(",", ";"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", " , "),
        PLAIN.replace("\n", "\n\n,\n"),
        f"\n{PLAIN}",
        f"sep=,\n{PLAIN}",
        f'"sep=;"\r\n{PLAIN.replace(",", ";")}',
        PLAIN.replace("image,modality", "Image,MODALITY"),
        'label,image,"modality"\nx,"a.tif","phase"\ny,b.tif,DIC',
        PLAIN.replace("a.tif", "a.tif "),
    ],
)
def test_what_is_meant_is_understood(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == Manifest(columns=WANTED, remarks=())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.replace("a.tif", "A.TIF"), ["1 line names its image otherwise: A.TIF (line 2) for"]),
        (PLAIN.replace("a.tif", "images/a.tif"), ["images/a.tif (line 2) for a.tif"]),
        (PLAIN.replace("a.tif", "C:\\data\\a.tif"), ["a.tif (line 2) for a.tif"]),
        (PLAIN.replace(".tif", ".png"), ["2 lines name their images otherwise: a.png (line 2)"]),
        (PLAIN.replace(".tif", ""), ["a (line 2) for a.tif, b (line 3) for b.tif"]),
        (PLAIN + "c.tif,phase\n", ["1 line matches no image: c.tif (line 4)"]),
        (PLAIN + "a.tif,phase\n", ["a.tif has 2 lines (2, 4), and they say the same"]),
        (PLAIN.replace("\nb", ",x, y\nb"), ["1 line has more cells than columns: line 2, x,y"]),
        (PLAIN.replace("phase", "phäse").encode("cp1252"), ["no UTF-8 (line 2), read as Windows"]),
    ],
)
def test_what_is_understood_in_spite_of_a_fault_is_said(
    tmp_path: Path, content: str | bytes, said: list[str]
) -> None:
    found = read(tmp_path, content)
    assert set(found.columns) == set(WANTED)
    assert len(found.remarks) == len(said)
    for remark, words in zip(found.remarks, said, strict=True):
        assert words in remark


def test_what_cannot_be_used_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, PLAIN + "a.tif,DIC\n")
    assert found.columns == {"b.tif": WANTED["b.tif"]}
    assert found.remarks == ("a.tif has 2 lines (2, 4), and they differ, so none of them is used",)
    assert read(tmp_path, "image,modality\na.tif\nb.tif,DIC\n").remarks == (
        "1 line has fewer cells than columns: line 2",
    )
    assert read(tmp_path, "image,modality\nb.tif,DIC\n").remarks == ("1 image has no line: a.tif",)
    assert read(tmp_path, "").remarks[0] == "the file is empty"
    assert read(tmp_path, "image\n").remarks == ("2 images have no line: a.tif, b.tif",)
    many = [f"cell_{number}.tif" for number in range(9)]
    assert read(tmp_path, "image\n", many).remarks == (
        "9 images have no line: cell_0.tif, cell_1.tif, cell_2.tif and 6 more",
    )


def test_a_line_for_several_images_is_used_for_none(tmp_path: Path) -> None:
    found = read(tmp_path, "image,well\nA.TIF,7\n", ["a.tif", "A.tif"])
    assert found.columns == {}
    assert "1 line matches several images: A.TIF (line 2): a.tif and A.tif" in found.remarks
    assert read(tmp_path, "image,well\nA.tif,7\n", ["a.tif", "A.tif"]).columns == {
        "A.tif": {"well": "7"}
    }


def test_names_that_agree_up_to_the_first_dot_are_not_enough(tmp_path: Path) -> None:
    images = ["exp1.5min.tif"]
    for name in ("exp1.9min.tif", "exp1.9min"):
        assert read(tmp_path, f"image,x\n{name},1\n", images).columns == {}
    for name in ("exp1.5min.png", "exp1.5min", "exp1"):
        assert read(tmp_path, f"image,x\n{name},1\n", images).columns == {images[0]: {"x": "1"}}


def test_accents_are_compared_in_one_form(tmp_path: Path) -> None:
    image = unicodedata.normalize("NFD", "Zellkörper.tif")
    assert read(tmp_path, "image,x\nZellkörper.tif,1\n", [image]) == Manifest(
        columns={image: {"x": "1"}}, remarks=()
    )


def test_quoted_cells_keep_separators_and_line_ends_count_as_spaces(tmp_path: Path) -> None:
    found = read(tmp_path, 'image,modality\n"a.tif","phase, inverted"\nb.tif,"DIC\nold"\n')
    assert found.columns == {
        "a.tif": {"modality": "phase, inverted"},
        "b.tif": {"modality": "DIC old"},
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name,modality\na.tif,phase\n", "line 1: no column named image, only name, modality"),
        (b"image,x\na.tif,1\nb.tif,ph\0se\n", "line 3: a NUL"),
        (b"image,x\na.tif,1\nb.tif,\x81\xe9\n", "line 3: the byte 0x81 is no UTF-8"),
    ],
)
def test_what_is_no_table_is_refused_with_its_line(
    tmp_path: Path, content: bytes, words: str
) -> None:
    with pytest.raises(CallError) as caught:
        read(tmp_path, content)
    assert words in caught.value.what
    assert caught.value.do


def test_a_manifest_under_another_name_is_said(tmp_path: Path) -> None:
    (tmp_path / "Manifest.xlsx").touch()
    found = read_manifest(tmp_path / "manifest.csv", IMAGES)
    assert found.columns == {}
    assert "Manifest.xlsx is passed over" in found.remarks[0]
