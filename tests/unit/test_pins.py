"""Images and package stand on the same versions, each written in one place."""

import re
from collections import Counter
from importlib.metadata import version

import pytest

from tests.pins import image_files, image_pins, moved, package_pins, package_requirements
from tests.programs import ROOT

NO_IMAGE = {"torchvision"}
"""Never imported; pinned so that timm asks for no other torch."""


def test_images_have_the_versions_that_the_package_pins() -> None:
    for path in image_files():
        text = path.read_text(encoding="utf-8")
        assert text == moved(text), f"{path.relative_to(ROOT)}: make pins"
    assert set(package_pins()) - NO_IMAGE <= {name for _, name, _ in image_pins()}


def test_images_have_versions_that_the_package_allows() -> None:
    asked = package_requirements()
    pins = {name: pinned for _, name, pinned in image_pins()}
    for name, pinned in pins.items():
        if name in asked:
            assert pinned in asked[name].specifier, asked[name]
    assert {"torch", "monai", "nnunetv2", "segment-anything", "safetensors"} <= set(pins)


def test_every_package_has_one_version_in_all_images() -> None:
    """The base's are those of all images; Dockerfiles name files, not versions."""
    pins = list(image_pins())
    versions = {(name, pinned) for _, name, pinned in pins}
    assert [
        name for name, count in Counter(name for name, _ in versions).items() if count > 1
    ] == []
    base = {name for path, name, _ in pins if path.parent.name == "base"}
    assert [name for path, name, _ in pins if path.parent.name != "base" and name in base] == []
    for path in (ROOT / "containers").rglob("Dockerfile"):
        assert not re.search(r"\w==\d", path.read_text(encoding="utf-8")), path
    for path in image_files():
        for line in path.read_text(encoding="utf-8").splitlines():
            assert not line or line.startswith("#") or re.fullmatch(r"[\w.-]+==\S+", line), line


@pytest.mark.parametrize("name", sorted(package_requirements()))
def test_this_environment_has_what_the_package_asks_for(name: str) -> None:
    asked = package_requirements()[name]
    assert asked.specifier.contains(version(name), prereleases=True), asked


def test_moving_changes_versions_and_nothing_else() -> None:
    text = "# torch==0\ntorch==1.0\nScikit_Learn==1.2  \nother==3\n"
    assert moved(text) == text.replace("torch==1.0", f"torch=={package_pins()['torch']}")
