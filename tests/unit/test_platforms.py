"""Descriptors for other platforms, by the structure that each publishes, and run as each would."""

import json
import shlex
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml

from contract import CallError, read_mask
from harness.models.platforms import FOLDERS, SERVER, describe_as
from harness.models.registry import choose_models
from harness.models.shims.grand_challenge import read_mha, write_mha
from tests.datasets import cells
from tests.programs import finish, run

LAYER = {
    *("name", "type", "label", "description", "cli_tag", "default", "optional", "section_id"),
    *("mode", "unique_string", "subtype", "depth", "timepoints", "tiled", "pyramidal"),
}
"""What Bilayers' schema requires of an input or output that is an image."""
PARAMETER = {"name", "type", "label", "default", "cli_tag", "optional", "section_id", "mode"}
INPUT = {"id", "name", "value-key", "command-line-flag", "set-by-server", "optional", "type"}
"""What the schema cytomine-0.1 has for an input."""


def described(platform: Any, model: str, folder: Path) -> Path:
    """The files of a platform for one of our models."""
    describe_as(platform, choose_models([model])[0], folder)
    return folder


def mha(path: Path, pixels: np.ndarray, *, compressed: bool = True, depth: str = "") -> None:
    """A MetaImage as the platform writes it."""
    kinds = {"uint8": "MET_UCHAR", "uint16": "MET_USHORT", "int32": "MET_INT"}
    data = pixels.tobytes()
    data = zlib.compress(data) if compressed else data
    header = {
        "ObjectType": "Image",
        "NDims": "3" if depth else "2",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": str(compressed),
        "Offset": "5 7",
        "ElementSpacing": "0.5 0.5",
        "DimSize": f"{pixels.shape[1]} {pixels.shape[0]}{depth}",
        "ElementNumberOfChannels": str(1 if pixels.ndim == 2 else pixels.shape[2]),
        "ElementType": kinds[pixels.dtype.name],
        "ElementDataFile": "LOCAL",
    }
    text = "".join(f"{key} = {value}\n" for key, value in header.items())
    path.write_bytes(text.encode() + data)


@pytest.mark.parametrize("socket", ["socket", "interface"])
def test_grand_challenge_is_answered_one_image_a_call(socket: str, tmp_path: Path) -> None:
    folder = described("grand-challenge", "otsu", tmp_path / "described")
    algorithm = json.loads((folder / "algorithm.json").read_text())
    for one in (*algorithm["inputs"], *algorithm["outputs"]):
        assert {"slug", "relative_path"} <= set(one), "what the platform's own schema requires"
    root = tmp_path / "root"
    place = root / "input/images/some-other-slug"
    place.mkdir(parents=True)
    inputs = [
        {socket: {"slug": "age", "relative_path": "age.json"}, "value": 3},
        {socket: {"slug": "some-other-slug", "relative_path": "images/some-other-slug"}},
    ]
    (root / "input/inputs.json").write_text(json.dumps(inputs))
    pixels, truth = cells(96)
    mha(place / "1f0c.mha", pixels)

    words = (folder / "Dockerfile").read_text().split("ENTRYPOINT ")[1]
    _, program, module = json.loads(words)
    shim = folder / Path(program).name
    done = finish([sys.executable, str(shim), module, str(root)])

    assert done.returncode == 0, done.stderr
    found, header = read_mha(
        root / "output" / algorithm["outputs"][0]["relative_path"] / "output.mha"
    )
    assert header["ElementSpacing"] == "0.5 0.5"
    assert header["Offset"] == "5 7"
    assert found.shape == truth.shape
    assert np.mean((found > 0) == (truth > 0)) > 0.9


def test_grand_challenge_says_on_its_last_line_what_went_wrong(tmp_path: Path) -> None:
    folder = described("grand-challenge", "otsu", tmp_path / "described")
    module = "containers.controls.otsu.segmenter"
    place = tmp_path / "root/input/images/cell-microscopy-image"
    place.mkdir(parents=True)
    call = [sys.executable, str(folder / "grand_challenge.py"), module, str(tmp_path / "root")]
    done = finish(call)
    assert done.returncode == 1
    assert "holds 0 files" in done.stderr.splitlines()[-1]
    mha(place / "volume.mha", np.zeros((8, 8), np.uint8), depth=" 4")
    done = finish(call)
    assert done.returncode == 1
    assert "is a volume of 8 8 4" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int32"])
@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("shape", [(5, 9), (5, 9, 3)])
def test_metaimages_are_read(
    kind: str, compressed: bool, shape: tuple[int, ...], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 200, shape).astype(kind)
    mha(tmp_path / "x.mha", pixels, compressed=compressed)
    found, header = read_mha(tmp_path / "x.mha")
    np.testing.assert_array_equal(found, pixels)
    assert found.dtype == ("float32" if kind == "int32" else kind)
    many = np.arange(45, dtype=np.uint32).reshape(5, 9) * 7000
    write_mha(tmp_path / "y.mha", many, header)
    np.testing.assert_array_equal(read_mha(tmp_path / "y.mha")[0], many)


def test_bilayers_config_holds_what_its_schema_requires_and_runs(tmp_path: Path) -> None:
    config = yaml.safe_load(
        (described("bilayers", "otsu", tmp_path / "otsu") / "config.yaml").read_text()
    )
    learned = yaml.safe_load(
        (described("bilayers", "unet", tmp_path / "unet") / "config.yaml").read_text()
    )
    for one in (config, learned):
        assert set(one) == {
            *("inputs", "outputs", "parameters", "display_only", "exec_function"),
            *("docker_image", "algorithm_folder_name", "citations"),
        }
        assert all(set(layer) >= LAYER for layer in (*one["inputs"], *one["outputs"]))
        assert all(set(parameter) >= PARAMETER for parameter in one["parameters"])
        assert set(one["docker_image"]) == {"org", "name", "tag", "platform"}
        assert all(citation["name"] for citation in one["citations"])
    assert learned["parameters"][0]["cli_tag"] == "--weights"
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    out.mkdir()
    tifffile.imwrite(source / "a.tif", cells(64)[0])
    command = config["exec_function"]["cli_command"]
    for folder, here in zip(FOLDERS, (source, out), strict=True):
        command = command.replace(folder, shlex.quote(str(here)))
    done = finish([sys.executable, *shlex.split(command)[1:]])
    assert done.returncode == 0, done.stderr
    (mask,) = out.glob(f"*{config['outputs'][0]['unique_string'][0]}*")
    assert read_mask(mask).shape == (64, 64)


def test_biaflows_workflow_runs_in_local_mode(tmp_path: Path) -> None:
    folder = described("biaflows", "otsu", tmp_path / "described")
    descriptor = json.loads((folder / "descriptor.json").read_text())
    assert descriptor["schema-version"] == "cytomine-0.1"
    assert {"name", "description", "container-image", "command-line"} <= set(descriptor)
    assert all(set(one) >= INPUT for one in descriptor["inputs"])
    assert [one["id"] for one in descriptor["inputs"]] == list(SERVER)
    source = tmp_path / "in"
    source.mkdir()
    tifffile.imwrite(source / "a.ome.tif", cells(64)[0])
    module = "containers.controls.otsu.segmenter"
    call = [sys.executable, str(folder / "wrapper.py"), module]
    done = finish(
        [*call, "--infolder", str(source), "--outfolder", str(tmp_path / "out"), "--gtfolder",
         str(source), "--local", "-nmc"]
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert read_mask(tmp_path / "out/a.ome.tif").shape == (64, 64)
    refused = finish([*call, "--infolder", str(source), "--outfolder", str(tmp_path / "out")])
    assert refused.returncode == 2
    assert "contacts no server" in refused.stderr


def test_a_model_that_no_platform_could_start_is_refused(tmp_path: Path) -> None:
    for name in ("oracle", "some/image:1"):
        with pytest.raises(CallError, match="cannot be described"):
            describe_as("bilayers", choose_models([name])[0], tmp_path / "new")
    with pytest.raises(CallError, match="is there already"):
        describe_as("bilayers", choose_models(["otsu"])[0], tmp_path)


def test_the_command_writes_and_says_what_is_missing(tmp_path: Path) -> None:
    done = run("harness", "describe-as", "grand-challenge", "unet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "platforms/grand-challenge-unet/algorithm.json" in done.stdout
    assert "harness bake unet" in done.stdout
