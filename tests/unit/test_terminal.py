"""What a person meets who starts a container by hand: help, refusals, progress, where masks are."""

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from contract import read_mask
from contract.terminal import progress_line
from tests.datasets import make_dataset
from tests.programs import ROOT, environment, model_command, run_model

OTSU = "controls.otsu"


def in_terminal(*arguments: object) -> tuple[int, str]:
    """Exit code and all that a terminal of 80 columns was sent."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        model_command(OTSU, *arguments), cwd=ROOT, env={**environment(), "TERM": "xterm"},
        stdin=side, stdout=side, stderr=side,
    )  # fmt: skip
    os.close(side)
    words = b""
    while True:
        try:
            chunk = os.read(main, 65536)
        except OSError:  # Linux says so when the other side has closed
            break
        if not chunk:
            break
        words += chunk
    os.close(main)
    return process.wait(), words.decode()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = make_dataset(tmp_path, test=[f"cell_{n}.png" for n in range(3)]) / "Tuning/images"
    (folder / "notes.txt").write_text("mine")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_a_terminal_shows_a_line_that_moves_and_at_last_what_is_where(
    images: Path, tmp_path: Path
) -> None:
    code, words = in_terminal("predict", images, tmp_path / "masks")
    assert code == 3
    assert '{"event"' not in words
    assert "1 file of another format (notes.txt) passed over" in words
    assert "broken.png: unreadable" in words
    assert "4 of 4 images" in words
    assert "\r\x1b[K" in words
    last = words.strip().splitlines()[-1]
    assert f"3 of 4 images have a mask: {tmp_path}/masks/<name>_label.tiff" in last
    assert read_mask(tmp_path / "masks/cell_0_label.tiff").any()


def test_events_are_for_machines_and_for_those_who_ask(images: Path, tmp_path: Path) -> None:
    _, words = in_terminal("predict", images, tmp_path / "masks", "--json")
    events = [json.loads(line) for line in words.splitlines() if line.startswith("{")]
    assert [event["event"] for event in events][:2] == ["started", "loaded"]
    assert events[-1]["event"] == "finished"
    piped = run_model(OTSU, "predict", images, tmp_path / "masks")
    kinds = [json.loads(line)["event"] for line in piped.stdout.splitlines()]
    assert kinds == [event["event"] for event in events]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "docker run --rm -v $PWD/images:/in:ro -v $PWD/masks:/out cellbench/otsu predict"),
        (["/in", "/out"], "otsu has no verb '/in'"),
        (["/in", "/out"], "for example: predict /in /out"),
        (["predit", "/in", "/out"], "did you mean 'predict'?"),
        (["predict", "/in"], "The following arguments are required: output."),
        (["predict", "/in", "/out", "--wieghts", "x"], "see otsu --help"),
        (["predict", "/nowhere", "/tmp/out-of-nothing"], "No folder /nowhere."),
    ],
)
def test_a_wrong_call_hears_what_is_wrong_and_what_to_write(words: list[str], said: str) -> None:
    done = run_model(OTSU, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.startswith("error: ")
    assert "image" not in done.stdout


def test_help_says_what_it_does_and_how_it_is_called() -> None:
    done = run_model(OTSU, "--help")
    assert done.returncode == 0
    assert "Finds the cells in every image of a folder:" in done.stdout
    assert "Fiji, QuPath and napari open it" in done.stdout
    assert run_model(OTSU, "predict", "--help").stdout.startswith("usage: otsu predict")


def test_what_others_wrote_is_not_replaced(images: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    (masks / "cell_1_label.tiff").write_text("drawn by hand")
    code, words = in_terminal("predict", images, masks)
    assert code == 2
    assert "which cellbench did not write and does not replace" in " ".join(words.split())
    assert (masks / "cell_1_label.tiff").read_text() == "drawn by hand"
    assert len(list(masks.iterdir())) == 1


@pytest.mark.parametrize(
    ("numbers", "line"),
    [
        ((0, 0, 0.0, 0), "[....................] 0 of 0 images"),
        ((0, 8, 0.0, 0), "[....................] 0 of 8 images"),
        ((8, 8, 2.0, 7), "[####################] 8 of 8 images, 3.5 a second"),
        ((10, 99, 600.0, 10), "[##..................] 10 of 99 images, 60.0 s each, 89 min left"),
    ],
)
def test_the_line_has_rate_and_time_left(numbers: tuple[int, int, float, int], line: str) -> None:
    done, total, seconds, since = numbers
    assert progress_line("predict", done, total, "", seconds, since) == line
