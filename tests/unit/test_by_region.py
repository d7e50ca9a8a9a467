"""Large pictures, predicted region by region: the same cells as from the whole picture."""

import errno
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from scipy import ndimage

from containers.base.segmentation.device import choose_device
from containers.base.segmentation.predict import Predictor, Viewing
from containers.base.segmentation.three_class import ThreeClass
from containers.base.segmentation.workers import Workers
from containers.controls.otsu.segmenter import Segmenter as Otsu
from contract import (
    CellbenchError,
    Image,
    Prediction,
    by_region,
    joining,
    large,
    read_lines,
    read_mask,
    write_mask,
)
from contract.events import Events
from contract.joining import Joined, regions
from contract.predict import predict
from evaluator.overlap.matching import match_cells
from evaluator.overlap.table import overlap_table
from tests.unit import sac_fixtures

SHAPE = (700, 900)
CORE, MARGIN = 256, 64


class Told(Events):
    """Keeps what is told, in place of stdout."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def emit(self, event: str, **fields: Any) -> None:
        self.messages.append(str(fields.get("message", "")))


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture of more than 300² pixels is large."""
    monkeypatch.setattr(large, "MOST_WHOLE", 300 * 300)
    monkeypatch.setattr(by_region, "CORE", CORE)
    monkeypatch.setattr(by_region, "MARGIN", MARGIN)


@pytest.fixture(scope="module")
def cells() -> np.ndarray:
    """Discs of many sizes all over the picture, dozens of them on borders of regions."""
    rng = np.random.default_rng(3)
    labels = np.zeros(SHAPE, np.int32)
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for number in range(1, 800):
        row, column = rng.integers(20, SHAPE[0] - 20), rng.integers(20, SHAPE[1] - 20)
        radius = rng.integers(8, 17)
        box = np.s_[max(0, row - 20) : row + 20, max(0, column - 20) : column + 20]
        inside = (rows[box] - row) ** 2 + (columns[box] - column) ** 2 <= radius**2
        if not labels[box][ndimage.binary_dilation(inside, iterations=5)].any():
            labels[box][inside] = number
    return labels


@pytest.fixture(scope="module")
def picture(cells: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """These cells, in light that falls off from one corner to the other, as a tiled TIFF."""
    rng = np.random.default_rng(0)
    light = np.linspace(0.7, 1.3, SHAPE[0])[:, None] * np.linspace(0.8, 1.2, SHAPE[1])[None]
    grey = np.where(cells > 0, 9000, 1500) * light + rng.normal(0, 200, SHAPE)
    place = tmp_path_factory.mktemp("large")
    tifffile.imwrite(place / "a.tif", grey.astype(np.uint16), tile=(64, 64), compression="zlib")
    return place / "a.tif"


def run(segmenter: Callable[..., Any], picture: Path, out: Path) -> tuple[np.ndarray, dict]:
    told = Told()
    code = predict(
        segmenter, source=picture.parent, out=out, weights=None, truth=None, threads=1, events=told
    )
    (line,) = read_lines(out / "predictions.jsonl")
    assert code == 0, line
    if "region 1 of" in " ".join(told.messages):
        assert "a.tif: region 11 of 12" in told.messages
    return read_mask(out / line["mask"]), line


def assert_same_cells(one: np.ndarray, other: np.ndarray, iou: float = 0.9) -> None:
    """F1 of 1 at this IoU: every cell has its counterpart, and there are no others."""
    table = overlap_table(one, other)
    assert len(table.truth) == len(table.predicted) > 100
    assert match_cells(table, iou).tp == len(table.truth)


def on_borders(labels: np.ndarray) -> int:
    """Cells that lie in the cores of several regions."""
    owners: dict[int, set[int]] = {}
    for number, (core, _) in enumerate(regions(SHAPE, CORE, MARGIN)):
        for id_ in np.unique(labels[core]):
            owners.setdefault(int(id_), set()).add(number)
    return sum(len(found) > 1 for id_, found in owners.items() if id_)


def test_regions_make_up_the_picture() -> None:
    seen = np.zeros(SHAPE, int)
    for core, part in regions(SHAPE, CORE, MARGIN):
        seen[core] += 1
        for inner, outer, size in zip(core, part, SHAPE, strict=True):
            assert inner.stop - inner.start <= CORE
            assert outer == slice(max(0, inner.start - MARGIN), min(size, inner.stop + MARGIN))
    assert (seen == 1).all()
    assert joining.count_regions(SHAPE, CORE) == 12 == len(list(regions(SHAPE, CORE, MARGIN)))


def join(
    labels: np.ndarray, folder: Path, seen_as: Callable[[np.ndarray], np.ndarray]
) -> np.ndarray:
    """The labels, cut into regions, each of them changed by `seen_as`, and joined."""
    joined = Joined((labels.shape[0], labels.shape[1]), folder)
    for core, part in regions((labels.shape[0], labels.shape[1]), CORE, MARGIN):
        joined.add(seen_as(labels[part]), core, part)
    count = joined.finish()
    found = joined.rows(slice(0, labels.shape[0]))
    joined.close()
    assert sorted(np.unique(found[found > 0])) == list(range(1, count + 1))
    assert not list(folder.iterdir())
    return found


def shuffled(labels: np.ndarray) -> np.ndarray:
    """The same cells under other numbers, each region's own."""
    rng = np.random.default_rng(int(labels.sum()))
    numbers = rng.permutation(int(labels.max()) + 1) + 1
    return np.where(labels > 0, numbers[labels], 0)


def test_a_cell_on_a_border_is_one_id(cells: np.ndarray, tmp_path: Path) -> None:
    assert on_borders(cells) > 40
    found = join(cells, tmp_path, shuffled)
    pairs = np.unique(np.stack([cells.ravel(), found.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(cells)) == len(np.unique(found))
    np.testing.assert_array_equal(found, join(cells, tmp_path, shuffled))


def test_a_cell_that_two_regions_see_differently_is_one_id(
    cells: np.ndarray, tmp_path: Path
) -> None:
    def worn(labels: np.ndarray) -> np.ndarray:
        """Some regions see cells one pixel smaller all around."""
        if int(labels.sum()) % 2:
            return labels
        return np.where(ndimage.minimum_filter(labels, 3) == labels, labels, 0)

    found = join(cells, tmp_path, worn)
    table = overlap_table(cells, found)
    assert len(table.truth) == len(table.predicted) == len(table.pair_truth)


def test_a_cell_wider_than_the_margin_is_one_id(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.int32)
    labels[40:660, 50:90] = 1  # a horseshoe through nine regions and a ring around the middle
    labels[40:660, 800:850] = 1
    labels[600:660, 50:850] = 1
    labels[250:500, 200:700] = 2
    labels[300:450, 250:650] = 3
    found = join(labels, tmp_path, shuffled)
    pairs = np.unique(np.stack([labels.ravel(), found.ravel()]), axis=1)
    assert pairs.shape[1] == 4 == len(np.unique(found))


def test_ids_may_be_large_and_sparse(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint64)
    labels[250:270, 250:270] = 2**60
    labels[10:20, 10:20] = 2**61
    assert join(labels, tmp_path, lambda part: part).max() == 2


@pytest.mark.usefixtures("low")
def test_regions_have_the_contrast_of_the_picture(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_regions, line = run(Otsu, picture, tmp_path / "regions")
    monkeypatch.setattr(large, "MOST_WHOLE", 10**9)
    whole, same = run(Otsu, picture, tmp_path / "whole")
    assert_same_cells(whole, by_regions)
    assert line["cells"] == same["cells"] == by_regions.max()
    assert line["message"] == same["message"] == ""
    names = {path.name for path in (tmp_path / "regions").iterdir()}
    assert names == {"a_label.tiff", "predictions.jsonl", ".cellbench-wrote.jsonl"}
    with tifffile.TiffFile(tmp_path / "regions/a_label.tiff") as file:
        assert file.is_bigtiff
        assert file.pages[0].tile == (512, 512)
        assert file.pages[0].compression == 8
        assert file.pages[0].dtype == np.uint16
    again, _ = run(Otsu, picture, tmp_path / "whole")
    np.testing.assert_array_equal(whole, again)


class Brightness(torch.nn.Module):
    """A network that knows cells: three classes from the brightness, smoothed over 3 pixels."""

    def forward(self, planes: torch.Tensor) -> torch.Tensor:
        grey = torch.nn.functional.avg_pool2d(planes.mean(1, keepdim=True), 3, 1, 1)
        core, cell = 40 * (grey - 0.25), 40 * (grey - 0.18)
        return torch.cat([torch.zeros_like(core), core, cell.clamp(max=4)], 1)


def brightness_predictor(cell_diameter: float | None) -> Predictor[Any]:
    task = ThreeClass()
    viewing = Viewing(
        tile=128,
        overlap=0.25,
        tta="none",
        cell_diameter=cell_diameter,
        typical_diameter=15.0,
        diameters=(10.0, 40.0),
    )
    return Predictor(
        Brightness(),
        task,
        viewing,
        task.first_decoding(),
        device=choose_device("cpu", "fp32"),
        workers=Workers(1),
    )


@pytest.mark.usefixtures("low")
@pytest.mark.parametrize(("cell_diameter", "iou"), [(None, 0.9), (20.0, 0.8)])
def test_a_network_sees_regions_at_the_scale_of_the_picture(
    cell_diameter: float | None,
    iou: float,
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where pictures are made smaller, a region's working pixels lie between those of the whole."""
    predictor = brightness_predictor(cell_diameter)
    scales = []

    class Model:
        def __init__(self, weights: Path | None, threads: int) -> None:
            pass

        def predict(self, image: Image) -> np.ndarray | Prediction:
            scales.append(predictor.show(image.pixels, image.region)[1])
            return predictor(image.pixels, image.region)

    by_regions, _ = run(Model, picture, tmp_path / "regions")
    monkeypatch.setattr(large, "MOST_WHOLE", 10**9)
    whole, _ = run(Model, picture, tmp_path / "whole")
    assert len(set(scales)) == 1
    assert (scales[0] == 1) == (cell_diameter is None)
    assert len(scales) == 13
    assert_same_cells(whole, by_regions, iou)


@pytest.mark.usefixtures("low")
def test_what_a_model_says_of_regions_is_put_together(picture: Path, tmp_path: Path) -> None:
    class Model:
        def __init__(self, weights: Path | None, threads: int) -> None:
            pass

        def predict(self, image: Image) -> Prediction:
            assert image.pixels.shape[0] <= CORE + 2 * MARGIN
            labels = np.zeros(image.pixels.shape[:2], np.uint8)
            return Prediction(labels=labels, counts={"asked": 1}, message="nothing")

    found, line = run(Model, picture, tmp_path)
    assert found.shape == SHAPE
    assert not found.any()
    assert (line["counts"], line["message"], line["cells"]) == ({"asked": 12}, "nothing", 0)


@pytest.mark.usefixtures("low")
@pytest.mark.parametrize("fault", ["crashed", "negative", "out_of_memory"])
def test_a_region_that_fails_fails_the_picture(fault: str, picture: Path, tmp_path: Path) -> None:
    class Model:
        def __init__(self, weights: Path | None, threads: int) -> None:
            pass

        def predict(self, image: Image) -> np.ndarray:
            labels = np.zeros(image.pixels.shape[:2], np.int32)
            assert image.region is not None
            if image.region.rows.start > 0:
                if fault == "negative":
                    return labels - 1
                raise MemoryError if fault == "out_of_memory" else KeyError("colour")
            return labels

    code = predict(
        Model, source=picture.parent, out=tmp_path, weights=None, truth=None, threads=1,
        events=Told(),
    )  # fmt: skip
    (line,) = read_lines(tmp_path / "predictions.jsonl")
    assert (code, line["mask"]) == (3, None)
    assert line["outcome"] == ("crashed" if fault == "negative" else fault)
    assert not (tmp_path / "a_label.tiff").exists()


@pytest.mark.usefixtures("low")
def test_sac_prompts_region_by_region(picture: Path, tmp_path: Path) -> None:
    see = sac_fixtures.predictor(sac_fixtures.small_network())
    shapes = []

    class Model:
        def __init__(self, weights: Path | None, threads: int) -> None:
            pass

        def predict(self, image: Image) -> Prediction:
            shapes.append(image.pixels.shape)
            return see(image.pixels, image.region)

    found, line = run(Model, picture, tmp_path)
    assert len(shapes) == 12
    assert found.max() == line["cells"]
    assert set(line["counts"]) == {"mask_decoder", "watershed"}


@pytest.mark.parametrize("control", ["oracle", "empty"])
@pytest.mark.usefixtures("low")
def test_controls_answer_for_regions(
    control: str, cells: np.ndarray, picture: Path, tmp_path: Path
) -> None:
    segmenter = import_module(f"containers.controls.{control}.segmenter").Segmenter
    (tmp_path / "truth").mkdir()
    write_mask(tmp_path / "truth/a_label.tiff", cells)
    predict(
        segmenter, source=picture.parent, out=tmp_path / "out", weights=None,
        truth=tmp_path / "truth", threads=1, events=Told(),
    )  # fmt: skip
    found = read_mask(tmp_path / "out/a_label.tiff")
    if control == "oracle":
        assert_same_cells(cells, found, 1.0)
    else:
        assert not found.any()


@pytest.mark.usefixtures("low")
def test_a_disk_without_room_for_the_scratch_file_ends_the_call(
    picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(CellbenchError, match="The disk is full"):
        run(Otsu, picture, tmp_path)
    assert not (tmp_path / "a_label.tiff").exists()
