"""Heavy libraries stay out of start-up, so that `--help` answers at once."""

import subprocess
import sys

import pytest

from tests.programs import PROGRAMS, ROOT, environment

HEAVY = ("torch", "pandas", "matplotlib", "docker", "skimage", "imagecodecs", "scipy")


@pytest.mark.parametrize("module", [*PROGRAMS.values(), "contract", "evaluator"])
def test_importing_a_program_imports_no_heavy_library(module: str) -> None:
    code = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == []
