"""`harness check`: sound models pass, and each fault of the others is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract import read_card
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
from tests.programs import ROOT, TEST_MODELS, run

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


def test_lines_are_fitted_and_prolonged() -> None:
    points = [(10**6, 3.0, 2 * 10**9), (2 * 10**6, 4.0, 3 * 10**9)]
    needs = fit(points, cores=1, weights="none")
    assert needs.seconds_of(10 * 10**6) == pytest.approx(12)
    assert needs.memory_of(4 * 10**6) == pytest.approx(5e9)
    assert needs.largest_side(5e9) == pytest.approx(2000, abs=1)
