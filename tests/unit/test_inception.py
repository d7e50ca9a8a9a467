"""FID and KID by a file of weights: a thin Inception, made here, stands for the published one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from contract import CallError, sha256_file
from evaluator.synthetic.folders import Folder, read_folder
from evaluator.synthetic.inception import (
    NORM,
    crops,
    features,
    inception_measures,
    layers,
    load_inception,
)
from tests.unit.synthetic_fixtures import write_folder

WIDTH = 2


def kernel(layer: str) -> tuple[int, int]:
    """Of a layer by its name, as the blocks of Inception v3 are drawn in its paper."""
    name = layer.rpartition(".")[2]
    sides = {"a": (1, 3), "b": (3, 1)}
    if name[-1] in sides:
        return sides[name[-1]]
    if name.startswith("Conv2d"):
        return (int(name[-1]), int(name[-1]))
    if name == "branch3x3":
        return (3, 3)
    if "7x7" in name:
        number = int(name[-1])
        tall = {"branch7x7": (3,), "branch7x7dbl": (2, 4), "branch7x7x3": (3,)}
        if number == 1:
            return (1, 1)
        if name == "branch7x7x3_4":
            return (3, 3)
        return (7, 1) if number in tall[name[:-2]] else (1, 7)
    if name in ("branch1x1", "branch_pool") or name.endswith("_1"):
        return (1, 1)
    return (5, 5) if "5x5" in name else (3, 3)


def channels(layer: str) -> int:
    """Into a layer, where every layer has WIDTH out of it."""
    block, _, name = layer.rpartition(".")
    if not block:
        return 3 if name == "Conv2d_1a_3x3" else WIDTH
    first = name.endswith("_1") or name in ("branch1x1", "branch_pool", "branch3x3")
    if not first:
        return WIDTH
    into = {"Mixed_5b": 1, "Mixed_6b": 2 + 4, "Mixed_7b": 2 + 4, "Mixed_7c": 6}
    return WIDTH * into.get(block, 4)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    generator = torch.Generator().manual_seed(0)
    tensors = {}
    for layer in layers():
        shape = (WIDTH, channels(layer), *kernel(layer))
        tensors[f"{layer}.conv.weight"] = torch.randn(shape, generator=generator) * 0.5
        for part in NORM:
            tensors[f"{layer}.bn.{part}"] = torch.rand(WIDTH, generator=generator) + 0.5
    path = tmp_path_factory.mktemp("weights") / "thin.pth"
    torch.save(tensors, path)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Folder]:
    root = tmp_path_factory.mktemp("crops")
    real = write_folder(root / "real", range(10))
    made = write_folder(root / "made", range(20, 25), radius=3.0)
    return read_folder(real), read_folder(made)


def test_crops_do_not_overlap_and_small_images_give_one() -> None:
    image = np.arange(100 * 70 * 3, dtype=np.float64).reshape(100, 70, 3)
    found = crops(image, 32, 99)
    assert found.shape == (6, 3, 32, 32)
    assert len(np.unique(found[:, 0])) > 0.9 * found[:, 0].size
    assert found.min() >= 0
    assert found.max() <= 1
    assert crops(image, 32, 4).shape == (4, 3, 32, 32)
    assert crops(image, 200, 4).shape == (1, 3, 70, 70)


def test_features_of_a_file_are_those_of_its_layers(weights: Path) -> None:
    network, known = load_inception(weights)
    images = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    found = network(images)
    assert found.shape == (2, 6 * WIDTH)
    assert torch.equal(found, network(images))
    assert not torch.equal(found[0], found[1])
    assert (known.file, known.sha256, known.known) == ("thin.pth", sha256_file(weights), "")
    tensors = torch.load(weights, weights_only=True)
    tensors["Mixed_7c.branch_pool.bn.bias"] += 100
    other = features(tensors, images)
    changed = (other != found).any(dim=0)
    assert changed.tolist() == [False] * 5 * WIDTH + [True] * WIDTH


def test_kid_is_given_and_fid_withheld_of_few_crops(
    weights: Path, folders: tuple[Folder, Folder]
) -> None:
    real, made = folders
    measures, known = inception_measures(
        real.pairs, made.pairs, weights, crop=24, crops_an_image=10
    )
    assert [one.name for one in measures] == ["fid", "kid"]
    fid, kid = measures
    assert (fid.real_rows, fid.synthetic_rows) == (100, 50)
    assert fid.value is not None  # 12 features only
    assert kid.value is not None
    assert kid.floor is not None
    assert known.sha256 == sha256_file(weights)
    few, _ = inception_measures(real.pairs, made.pairs[:2], weights, crop=24, crops_an_image=5)
    assert few[0].withheld == "10 crops on a side, no more than the 12 features of the network"
    assert few[1].withheld == "50 crops of real images, fewer than 100"


def test_files_that_are_no_inception_are_named(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="No file"):
        load_inception(tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(CallError, match="cannot be opened as weights"):
        load_inception(tmp_path / "text.pth")
    torch.save({"layer": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(CallError, match=r"lacks 470 layers of Inception v3: Conv2d_1a_3x3"):
        load_inception(tmp_path / "other.pth")
    torch.save({"code": Path}, tmp_path / "code.pth")
    with pytest.raises(CallError, match="holds code, which is never run"):
        load_inception(tmp_path / "code.pth")
