"""The independent implementations that `make peers` installs beside the environment."""

import importlib
import sys
from types import ModuleType

import pytest

from tests.conftest import need
from tests.programs import ROOT

INSTALLED = ROOT / ".venv" / "peers"


def add_peers() -> None:
    """Makes what `make peers` installed importable."""
    if INSTALLED.is_dir() and str(INSTALLED) not in sys.path:
        sys.path.append(str(INSTALLED))  # last, so that nothing of the environment is replaced


def _peer(name: str) -> ModuleType:
    add_peers()
    try:
        return importlib.import_module(name)
    except ImportError as error:
        need(False, f"needs {name} of the extra `peers`, see `make peers`: {error}")
        raise


@pytest.fixture(scope="session")
def stardist() -> ModuleType:
    return _peer("stardist.matching")


@pytest.fixture(scope="session")
def cellpose() -> ModuleType:
    return _peer("cellpose.metrics")


@pytest.fixture(scope="session")
def panoptica() -> ModuleType:
    module = _peer("panoptica")
    module.disable_citation_reminder()
    return module
