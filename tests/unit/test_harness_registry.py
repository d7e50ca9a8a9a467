"""Which models there are, and what images are called."""

from pathlib import Path

import pytest

from contract import CallError
from harness.models.registry import SOURCES, all_models, choose_models


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def add(place: Path, name: str, folder: str = "") -> None:
    """A model folder of the user's own."""
    own = place / "containers" / (folder or name)
    own.mkdir(parents=True)
    (own / "model.yaml").write_text(f"name: {name}\ntitle: T\nkind: segmenter\nverbs: [predict]\n")


@pytest.mark.parametrize(
    ("image", "name"),
    [
        ("lab/seg", "lab-seg"),
        ("lab/seg:v1.2", "lab-seg-v1-2"),
        ("ghcr.io/lab/seg_net:1", "ghcr-io-lab-seg-net-1"),
        ("localhost:5000/seg@sha256:0f", "localhost-5000-seg-sha256-0f"),
    ],
)
def test_every_image_gets_a_name_for_a_folder(image: str, name: str) -> None:
    model = choose_models([image])[0]
    assert (model.name, model.image) == (name, image)


def test_two_images_under_one_name_are_refused(place: Path) -> None:
    add(place, "lab-seg")
    for names in (["lab/seg:1", "lab/seg-1"], ["lab/seg"]):
        with pytest.raises(CallError, match="would both be called") as caught:
            choose_models(names)
        assert "docker tag" in caught.value.do


def test_a_users_own_model_wins_over_the_packages(place: Path) -> None:
    add(place, "otsu", folder="mine")
    assert all_models()["otsu"].folder == place / "containers" / "mine"
    oracle = all_models()["oracle"].folder
    assert oracle is not None
    assert oracle.is_relative_to(SOURCES)
