"""Fixtures shared by all tests, and the rule about skipping."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.programs import ROOT

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


@pytest.fixture(scope="session")
def engine() -> Any:
    """A client of the Docker engine."""
    from contract import CallError
    from harness.runners.docker import connect

    try:
        return connect()
    except CallError as error:
        need(False, f"needs a Docker engine: {error.why}")


@pytest.fixture(params=["local", "docker"])
def runner(request: pytest.FixtureRequest) -> str:
    """The name of each runner in turn; docker only where an engine answers."""
    if request.param == "docker":
        request.getfixturevalue("engine")
    return str(request.param)
