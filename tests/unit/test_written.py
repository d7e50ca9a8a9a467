"""Nothing that this program did not write is ever replaced."""

import unicodedata
from pathlib import Path

import pytest

from contract import CallError
from contract.written import RECORD, Written


def test_foreign_files_are_refused_and_own_ones_are_not(tmp_path: Path) -> None:
    for name in ("mine.tiff", "theirs.tiff", "é.tiff"):
        (tmp_path / name).write_text(name)
    (tmp_path / "empty").mkdir()
    written = Written(tmp_path)
    written.note("mine.tiff")
    written.note("é.tiff")
    for again in (written, Written(tmp_path)):
        own = [
            "mine.tiff",
            "absent.tiff",
            "empty/",
            "x" * 300,
            unicodedata.normalize("NFD", "é.tiff"),
        ]
        again.refuse_others(own)
        with pytest.raises(CallError, match=r"theirs\.tiff, which cellbench did not write"):
            again.refuse_others([*own, "theirs.tiff"])
    assert (tmp_path / "theirs.tiff").read_text() == "theirs.tiff"


def test_a_file_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    mask = tmp_path / "a_label.tiff"
    written = Written(tmp_path)
    written.note(mask.name)
    mask.write_text("half")
    Written(tmp_path).refuse_others([mask.name])  # killed before it was whole
    written.note(mask.name, final=True)
    Written(tmp_path).refuse_others([mask.name])
    mask.write_text("corrected")
    with pytest.raises(CallError, match="changed since cellbench wrote it"):
        Written(tmp_path).refuse_others([mask.name])


def test_folders_count_with_what_is_in_them(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "mine.svg").touch()
    with pytest.raises(CallError, match="figures/"):
        Written(tmp_path).refuse_others(["figures/"])
    Written(tmp_path).note("figures/")
    Written(tmp_path).refuse_others(["figures/"])


def test_links_that_lead_nowhere_are_somebodys(tmp_path: Path) -> None:
    (tmp_path / "a_label.tiff").symlink_to(tmp_path / "unplugged disk")
    with pytest.raises(CallError, match="a_label"):
        Written(tmp_path).refuse_others(["a_label.tiff"])


def test_nothing_is_written_by_asking(tmp_path: Path) -> None:
    Written(tmp_path / "new").refuse_others(["a_label.tiff"])
    assert not (tmp_path / "new").exists()


def test_what_is_no_record_owns_nothing(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('[1]\n{"file": 3}\nnot JSON\n{"sha256": null}\n')
    (tmp_path / "a").touch()
    with pytest.raises(CallError):
        Written(tmp_path).refuse_others(["a"])
