"""Exact versions: where they stand, and moving them from pyproject.toml into the images.

`python -m tests.pins` (`make pins`) writes the versions that pyproject.toml pins into the images'
requirements.txt. What pyproject.toml gives a range for is pinned in the images alone.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.programs import ROOT

PYPROJECT = ROOT / "pyproject.toml"
PIN = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)$", re.MULTILINE)


def package_requirements() -> dict[str, Requirement]:
    """What the package and its extra `models` ask for, by name."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["models"]]
    return {canonicalize_name(one.name): one for one in map(Requirement, lines)}


def package_pins() -> dict[str, str]:
    """The versions that pyproject.toml pins, by name."""
    return {
        name: str(one.specifier).removeprefix("==")
        for name, one in package_requirements().items()
        if str(one.specifier).startswith("==")
    }


def image_files() -> list[Path]:
    """The images' requirements.txt."""
    return sorted((ROOT / "containers").rglob("requirements.txt"))


def image_pins() -> Iterator[tuple[Path, str, str]]:
    """File, name and version of everything that an image installs."""
    for path in image_files():
        for pin in PIN.finditer(path.read_text(encoding="utf-8")):
            yield path, canonicalize_name(pin["name"]), pin["version"]


def moved(text: str) -> str:
    """A requirements.txt with the versions of pyproject.toml."""
    pins = package_pins()
    return PIN.sub(
        lambda pin: f"{pin['name']}=={pins.get(canonicalize_name(pin['name']), pin['version'])}",
        text,
    )


if __name__ == "__main__":
    for file in image_files():
        file.write_text(moved(file.read_text(encoding="utf-8")), encoding="utf-8")
