"""`harness check`: sound models pass, and each fault of the others is named."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from contract import read_card, write_json
from harness.conformance.card import Card
from harness.conformance.carry_out import examine
from harness.conformance.checks import CHECKS
from harness.conformance.checks.scaling import fit
from harness.conformance.material import ordinary
from harness.conformance.show import page
from harness.conformance.subject import Subject
from harness.models.registry import Model
from harness.runners.job import Limits
from harness.runners.local import LocalRunner
from tests.datasets import make_dataset
from tests.programs import ROOT, TEST_MODELS, run

ORDINARY = {
    *("pictures.cell_1", "pictures.cell_2", "pictures.cell_3", "determinism.two_calls"),
    *("masks.lines", "masks.type", "masks.alone", "masks.plausible", "masks.events"),
}
"""Checks that two calls on ordinary pictures can answer."""
LIMITS = Limits(memory=8 * 2**30, timeout=300, cores=1)


def subject(folder: Path, place: Path, **options: Any) -> Subject:
    """The model in a folder, on the local runner, with the shortened kit."""
    return Subject(
        model=Model(card=read_card(folder), folder=folder),
        runner=LocalRunner(),
        limits=LIMITS,
        place=place,
        quick=True,
        say=lambda _: None,
        **options,
    )


def outcomes(card: Card) -> dict[str, str]:
    return {finding.check: finding.outcome for finding in card.findings}


def test_a_sound_model_is_told_so_and_gets_a_report_card(tmp_path: Path) -> None:
    done = run("harness", "check", "otsu", "--quick", "--runner", "local", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "otsu is sound" in done.stdout
    card = json.loads((tmp_path / "checks/otsu/card.json").read_text())
    assert {finding["check"] for finding in card["findings"]} == {check.id for check in CHECKS}
    html = (tmp_path / "checks/otsu/index.html").read_text()
    assert "a stack of three planes is told apart" in html
    assert "http" not in html.replace("http-equiv", "")


def test_the_truth_is_handed_to_a_control_that_needs_it(tmp_path: Path) -> None:
    card = examine(subject(ROOT / "containers/controls/oracle", tmp_path))
    assert card.verdict == "sound"
    assert outcomes(card)["cheating.bait"] == "not applicable"


def test_a_model_that_fails_in_every_way_is_faulty(tmp_path: Path) -> None:
    card = examine(subject(TEST_MODELS / "containers/naughty", tmp_path))
    assert card.exit_code == 1
    faults = [finding for finding in card.findings if finding.outcome == "fault"]
    assert all(finding.seen and finding.do for finding in faults)
    assert "fault" in page(card)


def test_a_generator_is_asked_of_what_it_makes(tmp_path: Path) -> None:
    card = examine(subject(ROOT / "containers/controls/moreofthesame", tmp_path))
    assert card.verdict == "sound"
    found = outcomes(card)
    assert found["generating.same"] == found["generating.sources"] == "pass"
    assert found["masks.lines"] == found["generating.seeds"] == "not applicable"


WAYWARD = """
import json, sys
from pathlib import Path
import numpy as np
from contract import write_mask
from contract.samples import write_png

if sys.argv[1] == "generate":
    out = Path(sys.argv[3])
    labels = np.zeros((20, 20), int)
    labels[2:5, 2:5] = labels[10:14, 10:14] = 1
    lines = []
    for folder in ("images", "labels"):
        (out / folder).mkdir(exist_ok=True)
    for name in ("a", "b"):
        write_png(out / "images" / f"{name}.png", np.zeros((20, 20), np.uint8))
        write_mask(out / "labels" / f"{name}_label.tiff", labels)
        lines.append({"image": f"{name}.png", "label": f"{name}_label.tiff", "seconds": 0,
                      "outcome": "generated", "method": "wayward", "sources": ["train_3"]})
    (out / "generated.jsonl").write_text("".join(json.dumps(line) + "\\n" for line in lines))
    (out / "notes.txt").touch()
"""


def test_what_a_generator_does_wrongly_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "containers" / "wayward"
    folder.mkdir(parents=True)
    (folder / "segmenter.py").write_text(WAYWARD)
    about = {"name": "wayward", "title": "W", "kind": "generator", "verbs": ["generate"]}
    (folder / "model.yaml").write_text(json.dumps(about))
    (tmp_path / "place").mkdir()
    found = outcomes(examine(subject(folder, tmp_path / "place")))
    faults = {name.split(".")[1] for name, outcome in found.items() if outcome == "fault"}
    assert faults == {
        *("card", "alone", "cells", "sources", "seeds", "events"),
        *("no_count", "masks", "nothing", "foreign_file"),
    }


def test_an_unknown_model_cannot_be_checked(tmp_path: Path) -> None:
    done = run("harness", "check", "nosuchmodel", "--runner", "local", cwd=tmp_path)
    assert done.returncode == 2
    assert "do this:" in done.stderr


def test_checks_have_ids_of_their_own() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_ordinary_pictures_hold_cells() -> None:
    for picture in ordinary():
        assert picture.labels is not None
        assert picture.labels().max() > 1


@pytest.mark.parametrize("command", ["predict", "run-all"])
def test_an_image_that_will_not_fit_is_said_before(command: str, tmp_path: Path) -> None:
    folder = ROOT / "containers/controls/otsu"
    needs = fit([(0, 1.0, 2**30), (10**6, 2.0, 2**50)], cores=1, weights="without training")
    identity = Model(card=read_card(folder), folder=folder).code_sha256()
    card = {"identity": identity, "needs": needs.model_dump()}
    write_json(tmp_path / "checks/otsu/card.json", card)
    data = make_dataset(tmp_path / "data")
    asked: list[object] = ["predict", "otsu", data / "Tuning/images", "masks"]
    if command == "run-all":
        asked = ["run-all", "--data", data, "--models", "otsu", "--out", "run"]
    done = run("harness", *asked, "--runner", "local", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "warning: otsu: an image of" in done.stderr


def test_lines_are_fitted_and_prolonged() -> None:
    points = [(10**6, 3.0, 2 * 10**9), (2 * 10**6, 4.0, 3 * 10**9)]
    needs = fit(points, cores=1, weights="none")
    assert needs.seconds_of(10 * 10**6) == pytest.approx(12)
    assert needs.memory_of(4 * 10**6) == pytest.approx(5e9)
    assert needs.largest_side(5e9) == pytest.approx(2000, abs=1)


def test_a_cheater_is_found_out(tmp_path: Path) -> None:
    card = examine(subject(TEST_MODELS / "containers/cheater", tmp_path))
    faults = {f.check: f for f in card.findings if f.outcome == "fault"}
    assert {"cheating.bait", "isolation.network", "isolation.writes"} <= set(faults)
    assert "lay beside the pictures" in faults["cheating.bait"].seen
    assert "192.0.2.1" in faults["isolation.network"].seen
    assert "notes.txt" in faults["isolation.writes"].seen


@pytest.mark.parametrize(
    ("manner", "faults"),
    [
        ("one_cell", {"masks.plausible"}),
        ("a_cell_a_pixel", {"masks.plausible", "masks.type"}),
        ("noise", {"determinism.two_calls"}),
        ("turned", {"pictures.cell_1", "pictures.cell_2", "pictures.cell_3"}),
        ("fractions", {"pictures.cell_1", "pictures.cell_2", "pictures.cell_3"}),
    ],
)
def test_degenerate_masks_are_named(
    manner: str, faults: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEGENERATE", manner)
    checked = [check for check in CHECKS if check.id in ORDINARY]
    card = examine(subject(TEST_MODELS / "containers/degenerate", tmp_path), checked)
    assert {f.check for f in card.findings if f.outcome == "fault"} >= faults
    assert card.verdict == "faulty"


def test_ids_need_not_be_consecutive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEGENERATE", "wide")
    checked = [check for check in CHECKS if check.id in ORDINARY - {"masks.type", "masks.events"}]
    card = examine(subject(TEST_MODELS / "containers/degenerate", tmp_path), checked)
    assert card.verdict == "sound", card.findings


def test_a_hostile_model_is_faulty(tmp_path: Path) -> None:
    card = examine(subject(TEST_MODELS / "containers/hostile", tmp_path))
    found = outcomes(card)
    for check in ("describe.card", "pictures.exit_code", "masks.lines", "pictures.bad_text"):
        assert found[check] == "fault", check


@pytest.mark.parametrize(
    ("case", "faults"),
    [
        ("links", {"pictures.cell_1"}),
        ("bomb", {"pictures.cell_1"}),
        ("linesfolder", {"masks.lines", "pictures.cell_1"}),
    ],
)
def test_what_a_hostile_model_does_is_named(case: str, faults: set[str], tmp_path: Path) -> None:
    """The first picture's name tells the hostile model what to do; here its source does."""
    folder = tmp_path / "containers" / "hostile"
    shutil.copytree(TEST_MODELS / "containers/hostile", folder)
    source = folder / "segmenter.py"
    text = source.read_text()
    assert 'first.name.split("_")[0]' in text
    source.write_text(text.replace('first.name.split("_")[0]', repr(case)))
    place = tmp_path / "place"
    place.mkdir()
    checked = [check for check in CHECKS if check.id in ORDINARY]
    card = examine(subject(folder, place), checked)
    assert {f.check for f in card.findings if f.outcome == "fault"} >= faults
