"""What contributors and GitHub read agrees with the sources."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import __version__
from tests.pins import image_files
from tests.programs import ROOT, finish, module

WORKFLOW = ROOT / ".github/workflows/ci.yml"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def commands(target: str) -> list[str]:
    """What make would run for a target whose environment is there."""
    done = finish(["make", "--dry-run", "--always-make", target])
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_hooks_are_those_of_make_check() -> None:
    valid = finish(module("pre_commit", "validate-config", ROOT / ".pre-commit-config.yaml"))
    assert valid.returncode == 0, valid.stdout
    hooks = load(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    entries = {hook["entry"].removesuffix(" --fix") for hook in hooks}
    tools = (".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/lint-imports")
    checks = [line for line in commands("check") if line.startswith(tools)]
    assert len(checks) == 4
    assert {line.removesuffix(" .").removesuffix(" --check") for line in checks} <= entries


def test_the_workflow_runs_targets_that_there_are() -> None:
    job = load(WORKFLOW)["jobs"]["test"]
    targets = job["strategy"]["matrix"]["target"]
    assert {"check", "unit", "integration"} <= set(targets)
    for target in targets:
        assert any(
            "pytest" in line or "ruff" in line or "sphinx" in line for line in commands(target)
        )
    assert "../shared" not in WORKFLOW.read_text(encoding="utf-8")


def test_dependabot_watches_every_file_with_pins() -> None:
    updates = load(ROOT / ".github/dependabot.yml")["updates"]
    folders = next(one["directories"] for one in updates if one["package-ecosystem"] == "pip")
    pinned = {f"/{path.parent.relative_to(ROOT)}" for path in image_files()}
    assert set(folders) == {"/", *pinned}


def test_the_citation_names_this_version() -> None:
    assert load(ROOT / "CITATION.cff")["version"] == __version__


@pytest.mark.parametrize("name", ["bug", "model", "feature"])
def test_an_issue_form_asks_for_something(name: str) -> None:
    form = load(ROOT / f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} <= set(form)
    fields = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)
