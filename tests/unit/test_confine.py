"""What a container leaves: links, modes, depth, holes; and text that a terminal would obey."""

import os
from pathlib import Path

import pytest

from contract import CallError, read_card
from contract.events import parse_event
from contract.shown import shown, visible
from evaluator.runs.folder import PREDICTIONS_JSONL
from evaluator.runs.read import LONGEST_LINE, MOST_FAULTS, read_predictions
from harness.runners.confine import DEEPEST, bytes_below, confine, remove_tree

LARGE = 2**30


def nest(folder: Path, depth: int) -> None:
    """Folders in one another, further than a path can be written."""
    home = Path.cwd()
    os.chdir(folder)
    for _ in range(depth):
        Path("deeper").mkdir()
        os.chdir("deeper")
    os.chdir(home)


def test_links_out_and_what_is_no_file_go(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mask.tiff").write_bytes(b"mask")
    (out / "inside").symlink_to("mask.tiff")
    (out / "outside").symlink_to("/etc/passwd")
    (out / "folder").symlink_to("/etc")
    (out / "loop").symlink_to("loop")
    os.mkfifo(out / "pipe")
    done = confine(out, LARGE)
    assert sorted(path.name for path in out.iterdir()) == ["inside", "loop", "mask.tiff"]
    assert set(done) == {
        "2 links out of the folder were removed",
        "1 devices, pipes or sockets were removed",
    }


def test_modes_are_mended(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    (locked / "mask.tiff").write_bytes(b"mask")
    (locked / "mask.tiff").chmod(0o6777)
    locked.chmod(0)
    confine(tmp_path, LARGE)
    assert (locked / "mask.tiff").stat().st_mode & 0o7777 == 0o644
    assert locked.stat().st_mode & 0o777 == 0o755


def test_what_is_nested_too_deeply_goes_and_can_be_removed(tmp_path: Path) -> None:
    nest(tmp_path, 2000)
    assert bytes_below(tmp_path) >= 0
    assert confine(tmp_path, LARGE) == (f"1 folders more than {DEEPEST} deep were removed",)
    assert len(list(tmp_path.rglob("*"))) == DEEPEST
    other = tmp_path / "other"
    other.mkdir()
    nest(other, 2000)
    remove_tree(other)
    assert not other.exists()


def test_holes_take_no_disk_but_what_claims_too_much_goes(tmp_path: Path) -> None:
    with (tmp_path / "sparse").open("wb") as stream:
        stream.truncate(2**40)
    assert bytes_below(tmp_path) < 2**20
    assert confine(tmp_path, LARGE) == ("1 files of more than 1 GiB were removed",)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "progress", "done": ' + "9" * 5000 + "}",
        '{"event": "progress", "done": ' + "[" * 100_000 + "}",
        '{"event": "progress", "message": "' + "x" * 2**17 + '"}',
        '{"event": "progress", "done": NaN}',
        '{"event": 5}',
        "[1]",
    ],
)
def test_what_no_event_can_be_is_none(line: str) -> None:
    assert parse_event(line) is None


def test_an_event_keeps_its_plain_fields() -> None:
    found = parse_event('{"event": "progress", "done": 3, "total": 40.5, "more": {"a": 1}}')
    assert found == {"event": "progress", "done": 3, "total": 40.5}


def test_shown_text_obeys_nobody() -> None:
    assert shown("\x1b[2Jclear\r\n42 of 42") == "\\x1b[2Jclear\\r 42 of 42"
    assert shown("a\u202egnp.exe \ud800") == "a\\u202egnp.exe \\ud800"
    assert shown("é 細胞 ok") == "é 細胞 ok"
    assert shown("x" * 900) == "x" * 499 + "…"
    assert visible("a\tb\nc\x07") == "a\tb\nc\\x07"


def test_lines_of_any_kind_are_read_in_bounds(tmp_path: Path) -> None:
    good = '{"image": "a.png", "outcome": "crashed", "message": "\\u001b[2J' + "m" * 5000 + '"}'
    long = '{"image": "' + "x" * 3 * LONGEST_LINE + '", "outcome": "predicted"}'
    deep = "[" * 100_000
    (tmp_path / PREDICTIONS_JSONL).write_text("\n".join([long, deep, good, "{}"]))
    found = read_predictions(tmp_path)
    (line,) = found.records
    assert line.message.startswith("\\x1b[2Jmmm")
    assert len(line.message) == 1000
    assert [fault.split(":")[0] for fault in found.faults] == ["line 1", "line 2", "line 4"]
    (tmp_path / PREDICTIONS_JSONL).write_text("{}\n" * 5000)
    assert len(read_predictions(tmp_path).faults) == MOST_FAULTS + 1
    with (tmp_path / PREDICTIONS_JSONL).open("wb") as stream:
        stream.truncate(2**40)
    assert not read_predictions(tmp_path).records


def test_only_a_control_may_see_the_truth(tmp_path: Path) -> None:
    card = "name: cheat\ntitle: Cheat\nkind: {}\nverbs: [predict]\nneeds_truth: true\n"
    (tmp_path / "model.yaml").write_text(card.format("segmenter"))
    with pytest.raises(CallError, match="needs_truth is for controls"):
        read_card(tmp_path)
    (tmp_path / "model.yaml").write_text(card.format("control"))
    assert read_card(tmp_path).needs_truth
