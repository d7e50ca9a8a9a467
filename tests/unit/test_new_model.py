"""`harness new-model`: what it writes runs, is sound and passes the project's lint as it stands."""

from pathlib import Path

import pytest

from contract import CallError
from harness.models.new import ORIGINS, new_model
from tests.programs import ROOT, finish, module, run


@pytest.mark.parametrize("origin", ORIGINS)
def test_it_passes_the_lint_and_describes_itself(origin: str, tmp_path: Path) -> None:
    done = run("harness", "new-model", "ours", "--from", origin, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "containers/ours"
    config = ROOT / "pyproject.toml"
    # How imports are sorted depends on the packages that lie beside the folder.
    for words in (("check", "--ignore", "I001"), ("format", "--check")):
        linted = finish(module("ruff", *words, "--no-cache", "--config", config, folder))
        assert linted.returncode == 0, linted.stdout
    listed = run("harness", "models", cwd=tmp_path)
    assert "left out" not in listed.stdout
    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert not any(word in text for text in texts for word in ("containers.unet", "/blobs"))


@pytest.mark.parametrize("origin", ["python", "shell"])
def test_it_is_sound(origin: str, tmp_path: Path) -> None:
    assert run("harness", "new-model", "ours", "--from", origin, cwd=tmp_path).returncode == 0
    done = run("harness", "check", "ours", "--quick", "--runner", "local", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["Ours", "my-model", "9lives", "class", "base", "a" * 41, "../x"])
def test_a_bad_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="cannot be the name"):
        new_model(name, "python", tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    with pytest.raises(CallError, match="is there already"):
        new_model("ours", "python", tmp_path)
    with pytest.raises(CallError, match="There is a model otsu"):
        new_model("otsu", "python", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]
