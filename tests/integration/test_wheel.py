"""The package as others install it: a wheel, in an environment without the checkout."""

import csv
import json
import os
import sys
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract import __version__
from harness.models.registry import all_models, base_sha256
from tests.datasets import make_dataset
from tests.programs import ROOT, docker, finish, module, run

PARTS = ("containers", "contract", "evaluator", "harness")
MODELS = "oracle,otsu"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without the network."""
    folder = tmp_path_factory.mktemp("dist")
    done = finish(module("hatchling", "build", "-t", "wheel", "-d", folder))
    assert done.returncode == 0, done.stderr
    return next(folder.glob("*.whl"))


class Installed:
    """An environment that has the wheel, the other packages of this one, and no checkout."""

    def __init__(self, place: Path, wheel: Path) -> None:
        self.bin, self.place = place / "env" / "bin", place / "empty"
        self.place.mkdir()
        venv.create(place / "env", with_pip=True)
        done = self.run("pip", "install", "--quiet", "--no-deps", "--no-index", wheel)
        assert done.returncode == 0, done.stderr
        self.packages = next((place / "env" / "lib").glob("python*/site-packages"))
        others = [path for path in sys.path if path.endswith("site-packages")]
        (self.packages / "others.pth").write_text("\n".join(others) + "\n", encoding="utf-8")
        # As old packages do that bring a copy of a part of the standard library.
        (self.packages / "argparse.py").write_text("raise SystemExit('the wrong argparse')\n")

    def run(self, program: str, *arguments: object, cwd: Path | None = None) -> Any:
        """Runs a program of the environment to its end, in an empty folder."""
        variables = {**os.environ, "OMP_NUM_THREADS": "1"}
        variables.pop("PYTHONPATH", None)
        words = [str(self.bin / program), *map(str, arguments)]
        return finish(words, cwd=cwd or self.place, env=variables)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"), wheel)


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    files = (path for part in PARTS for path in (ROOT / part).rglob("*") if path.is_file())
    expected = {str(path.relative_to(ROOT)) for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    about = {name for name in names if name.startswith(f"cellbench-{__version__}.dist-info/")}
    assert wheel.name == f"cellbench-{__version__}-py3-none-any.whl"
    assert names - about == expected
    base = [f"containers/base/{part}" for part in ("segmentation", "simulated", "generation")]
    for part in ("contract", "evaluator", "harness", *base):
        assert f"{part}/py.typed" in names
    for model in all_models().values():
        assert model.folder is not None
        assert f"{model.folder.relative_to(ROOT)}/model.yaml" in names


def test_every_model_is_there_with_the_sources_of_the_checkout(installed: Installed) -> None:
    listed = installed.run(
        "python", "-c",
        "import json, harness.models.registry as r; print(json.dumps([r.base_sha256(),"
        " {name: [str(m.folder), m.sources_sha256()] for name, m in r.all_models().items()}]))",
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    base, models = json.loads(listed.stdout)
    assert base == base_sha256()
    assert list(models) == list(all_models())
    for name, model in all_models().items():
        folder, sources = models[name]
        assert Path(folder).is_relative_to(installed.packages)
        assert sources == model.sources_sha256()
    table = installed.run("harness", "models")
    assert table.returncode == 0, table.stderr
    assert all(name in table.stdout for name in models)


def test_a_run_and_a_score_from_an_empty_folder(installed: Installed, tmp_path: Path) -> None:
    data = make_dataset(tmp_path / "data")
    call = ("run-all", "--data", data, "--models", MODELS, "--runner", "local")
    done = installed.run("harness", *call, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "oracle" in (tmp_path / "run/report/index.html").read_text(encoding="utf-8")
    record = json.loads((tmp_path / "run/run.json").read_text(encoding="utf-8"))
    assert (record["cellbench"], record["commit"]) == (__version__, None)
    here = run("harness", *call, "--out", tmp_path / "here", cwd=ROOT)
    assert here.returncode == 0, here.stderr
    for name in ("scores.csv", "models/otsu/seed0/predict/cell_1_label.tiff"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()

    masks = tmp_path / "run/models/oracle/seed0/predict"
    scored = installed.run("evaluator", "score", data / "Tuning/labels", masks, "--out",
                           tmp_path / "scores", "--model", "oracle")  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    with (tmp_path / "scores/scores.csv").open(newline="") as stream:
        assert {row["f1"] for row in csv.DictReader(stream)} == {"1.0"}


def test_a_type_checker_sees_the_packages_types(installed: Installed) -> None:
    program = installed.place / "uses.py"
    program.write_text(
        "from contract import read_mask\nfrom evaluator import score_pair\n"
        "from harness.models.registry import all_models\n"
        "reveal_type(read_mask)\nreveal_type(score_pair)\nreveal_type(all_models)\n"
    )
    python = f"--python-executable={installed.bin / 'python'}"
    options = ("--config-file=", "--cache-dir=/dev/null", "--follow-imports=silent", python)
    checked = finish(module("mypy", *options, program), cwd=installed.place)
    assert checked.returncode == 0, checked.stdout
    assert checked.stdout.count("Revealed type") == 3
    assert 'Any"' not in checked.stdout


def test_images_are_built_from_the_wheels_files(installed: Installed, engine: Any) -> None:
    """The tags are taken away first; layers that the engine has from the same files are reused."""
    for name in ("cellbench/base:latest", "cellbench/otsu:plain"):
        if engine.images.list(name):
            engine.images.get(name).tag("cellbench/kept", name.split("/")[1].replace(":", "-"))
            engine.images.remove(name, noprune=True)
    try:
        built = installed.run("harness", "build", "otsu")
        assert built.returncode == 0, built.stderr
        assert "cellbench/otsu:plain built" in built.stdout
        assert engine.images.get("cellbench/base:latest").labels["cellbench.sources"] == (
            base_sha256()
        )
        assert "up to date" in run("harness", "build", "otsu").stdout
    finally:
        for image in engine.images.list("cellbench/kept"):
            for tag in image.tags:
                if tag.startswith("cellbench/kept:"):
                    engine.images.remove(tag, noprune=True)
    described = docker("cellbench/otsu:plain", "describe")
    assert yaml.safe_load(described.stdout)["name"] == "otsu"
