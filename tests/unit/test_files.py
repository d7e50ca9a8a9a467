"""Files that are whole or not there, and hashes."""

import json
import resource
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract import (
    append_line,
    read_lines,
    sha256_file,
    sha256_json,
    sha256_tree,
    write_aside,
    write_json,
    write_text,
)
from tests.programs import code, finish


def test_write_replaces_in_one_step_with_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a.json"
    write_json(path, {"ü": [1, None]})
    write_json(path, {"ü": [2]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"ü": [2]}
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode
    assert [entry.name for entry in path.parent.iterdir()] == ["a.json"]


def test_a_writer_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def half(aside: Path) -> None:
        assert aside.suffix == ".txt"
        aside.write_text("ha")
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_aside(path, half)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_no_json(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": value})
    with pytest.raises(ValueError, match="JSON"):
        append_line(tmp_path / "a.jsonl", {"loss": value})
    assert list(tmp_path.iterdir()) == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=4))
def test_lines_come_back_whatever_text_they_hold(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, object]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "lines.jsonl"
    path.unlink(missing_ok=True)
    for value in values:
        append_line(path, value)
    assert read_lines(path) == values


def test_a_line_with_unicode_line_breaks_is_one_line(tmp_path: Path) -> None:
    name = "a\u2028b\u0085c\x0bd\x1ce.png"
    append_line(tmp_path / "a.jsonl", {"image": name})
    assert read_lines(tmp_path / "a.jsonl") == [{"image": name}]


@pytest.mark.parametrize("left", ['{"n": 2, "te', '{"n": 2}', "x" * 10_000])
def test_what_a_killed_writer_left_is_cut_off(tmp_path: Path, left: str) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"n": 1}\n' + left)
    append_line(path, {"n": 3})
    assert path.read_text() == '{"n": 1}\n{"n": 3}\n'


def test_reading_lines_passes_over_a_cut_one(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert read_lines(path) == []
    path.write_bytes(b'{"n": 1}\n{"name": "\xc3')
    assert read_lines(path) == [{"n": 1}]


APPEND_UNTIL_FULL = """
import sys
from pathlib import Path
from contract import append_line
try:
    for number in range(1000):
        append_line(Path(sys.argv[1]), {"number": number})
except OSError:
    sys.exit(17)
"""


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    path = tmp_path / "a.jsonl"
    ended = finish(code(APPEND_UNTIL_FULL, path), before=small_files)
    assert ended.returncode == 17
    text = path.read_text()
    assert text.endswith("}\n")
    numbers = [json.loads(line)["number"] for line in text.splitlines()]
    assert numbers == list(range(len(numbers)))
    assert len(text) > 900


def test_sha256_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "a") == expected


def test_sha256_json_knows_values_not_key_order() -> None:
    assert sha256_json({"a": 1, "b": [2]}) == sha256_json({"b": [2], "a": 1})
    assert sha256_json({"a": 1}) != sha256_json({"a": "1"})


def test_sha256_tree_sees_names_and_contents_but_no_caches(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.py").write_text("1")
    (tmp_path / "y.py").write_text("2")
    first = sha256_tree(tmp_path)
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "x.cpython-311.pyc").write_text("code")
    (tmp_path / ".hidden").write_text("h")
    assert sha256_tree(tmp_path) == first
    (tmp_path / "a" / "x.py").write_text("2")
    second = sha256_tree(tmp_path)
    (tmp_path / "y.py").rename(tmp_path / "z.py")
    third = sha256_tree(tmp_path)
    assert len({first, second, third}) == 3
    assert sha256_tree(tmp_path, [tmp_path / "z.py"]) != third
