"""Fixtures shared by all tests, and the rule about skipping."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"


def need(condition: object, reason: str) -> None:
    """Skips the test with `reason`, or fails it when CELLBENCH_REQUIRE_ALL=1 asks for all tests."""
    if condition:
        return
    if os.environ.get("CELLBENCH_REQUIRE_ALL") == "1":
        pytest.fail(f"may not be skipped here: {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images and official scores beside the repository."""
    need(SHARED.is_dir(), f"needs {SHARED}, the folder of real images beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's executable."""
    found = shutil.which("chromium")
    need(found and shutil.which("chromedriver"), "needs Debian's chromium and chromium-driver")
    return Path(found or "")
