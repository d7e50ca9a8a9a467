"""Heavy libraries stay out of start-up, so that `--help` answers at once."""

import pytest

from tests.programs import PROGRAMS, code, finish

HEAVY = ("torch", "pandas", "matplotlib", "docker", "skimage", "imagecodecs", "scipy")


@pytest.mark.parametrize("module", [*PROGRAMS.values(), "contract", "evaluator"])
def test_importing_a_program_imports_no_heavy_library(module: str) -> None:
    text = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = finish(code(text))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []
