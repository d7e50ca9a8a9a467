"""The documentation names commands, options and files that exist."""

import ast
import importlib
import re
from pathlib import Path

import pytest
from typer.main import get_command

from evaluator.cli import app as evaluator_app
from harness.commands.cli import app as harness_app

ROOT = Path(__file__).parents[2]
APPS = {"harness": get_command(harness_app), "evaluator": get_command(evaluator_app)}
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("containers/**/README.md"),
]
SECTIONS = "evaluator/report/sections/*.py"
CALL = re.compile(r"^\s*(?:\$ )?(?:\.venv/bin/)?((?:harness|evaluator) .*)$", re.MULTILINE)


def _calls(page: Path) -> list[str]:
    """The command lines in fenced blocks, joined at backslashes, without comments."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    blocks = re.findall(r"^ *```[a-z]*\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [call.split(" #")[0] for block in blocks for call in CALL.findall(block)]


def _complaint(call: str) -> str | None:
    program, *words = call.split()
    command = APPS[program]
    while hasattr(command, "commands") and words:
        if words[0] not in command.commands:
            return f"{program} has no command {words[0]}"
        command = command.commands[words.pop(0)]
    known = {name for param in command.params for name in param.opts}
    given = {word.split("=")[0] for word in words if re.fullmatch(r"--[a-z].*", word)}
    unknown = given - known - {"--help"}
    return f"no option {', '.join(sorted(unknown))}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    found = {call: complaint for call in _calls(page) if (complaint := _complaint(call))}
    assert not found


def test_the_pages_have_commands() -> None:
    calls = [call for page in PAGES for call in _calls(page)]
    assert len(calls) > 15
    assert _complaint("harness run-all --dat DIR") == "no option --dat"
    assert _complaint("harness fly") == "harness has no command fly"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    local = [link for link in links if not re.match(r"[a-z]+:", link)]
    assert not [link for link in local if not (page.parent / link).exists()]


def _documented() -> list[str]:
    """Dotted names that the pages have documented by a directive."""
    directive = re.compile(
        r"auto(?:class|function|data):: (\S+)|\{(?:docstring|model-fields)\} (\S+)"
    )
    texts = [page.read_text(encoding="utf-8") for page in ROOT.glob("docs/**/*.md")]
    return [one or other for text in texts for one, other in directive.findall(text)]


@pytest.mark.parametrize("name", _documented())
def test_documented_names_exist(name: str) -> None:
    module, _, last = name.rpartition(".")
    assert hasattr(importlib.import_module(module), last)


def _section_titles() -> list[str]:
    """The titles of the report's sections, as their files write them."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.glob(SECTIONS)]
    return [
        str(keyword.value.value)
        for tree in trees
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Section"
        for keyword in call.keywords
        if keyword.arg == "title" and isinstance(keyword.value, ast.Constant)
    ]


@pytest.mark.parametrize("title", _section_titles())
def test_every_section_of_the_report_is_explained(title: str) -> None:
    page = (ROOT / "docs/reading-the-report.md").read_text(encoding="utf-8")
    assert f"\n## {title}\n" in page
