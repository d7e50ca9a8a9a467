"""A small share of the fuzz test, the same inputs each time; the whole is in tests/benchmarks."""

from pathlib import Path

from contract import guarded
from tests.benchmarks.fuzz_readers import fuzz, valid_files


def test_the_valid_files_are_read(tmp_path: Path) -> None:
    files = valid_files()
    assert len(files) >= 60
    read = 0
    for name, data in files.items():
        path = tmp_path / "x.tif"
        path.write_bytes(data)
        try:
            guarded.read_picture(path)
            read += 1
        except Exception:
            assert name in ("tif pages", "tif ImageJ, one directory") or name.startswith("npy")
    assert read >= 50


def test_damaged_files_end_in_a_result_or_a_refusal(tmp_path: Path) -> None:
    outcome = fuzz(500, 1, tmp_path)
    assert outcome.faults == []
    assert outcome.counts["read"] > 100
    assert outcome.counts["UnreadableImage"] > 100
    assert list(tmp_path.iterdir()) == []
