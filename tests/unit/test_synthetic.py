"""Generated images beside real ones: features, distances, floors, copies, the command."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from prdc import compute_prdc
from scipy import ndimage, stats
from skimage.draw import disk
from typer.testing import CliRunner

from contract import CallError
from evaluator.cli import app
from evaluator.report import build_report
from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.sections.synthetic import section
from evaluator.runs.folder import RunFolder
from evaluator.synthetic.cells import Sample, measure_image, usable, whole_cells
from evaluator.synthetic.compare import compare_synthetic
from evaluator.synthetic.distances import (
    correlation_difference,
    frechet,
    kernel_distance,
    kolmogorov,
    neighbourhoods,
)
from evaluator.synthetic.folders import read_folder, stretched
from evaluator.synthetic.memory import copied, likeness, small
from evaluator.synthetic.morphology import (
    distance_measures,
    feature_measures,
    fit_scale,
    neighbour_measures,
)
from evaluator.synthetic.result import Measure, read_comparison
from evaluator.synthetic.similarity import ms_ssim
from tests.unit.report_fixtures import make_run
from tests.unit.synthetic_fixtures import draw, sample, write_folder, write_pair, write_split

TORCHMETRICS = """
import importlib.metadata, json, sys
import numpy as np
# torchvision is there for timm alone and cannot be imported beside torch's CPU build
sys.modules["torchvision"] = None
found = importlib.metadata.distribution
def distribution(name):
    if name == "torchvision":
        raise importlib.metadata.PackageNotFoundError(name)
    return found(name)
importlib.metadata.distribution = distribution
import torch
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance
class Given(torch.nn.Module):
    num_features = 6
    def forward(self, rows):
        return rows.reshape(len(rows), -1)[:, :6]
torch.set_num_threads(1)
arrays = np.load(sys.argv[1])
sets = [torch.from_numpy(arrays[name]).reshape(-1, 6, 1, 1) for name in ("real", "other")]
out = []
for metric in (
    FrechetInceptionDistance(Given(), normalize=True, input_img_size=(6, 1, 1)),
    KernelInceptionDistance(Given(), normalize=True, subsets=1, subset_size=len(arrays["other"])),
):
    metric.set_dtype(torch.float64)
    metric.update(sets[0], real=True)
    metric.update(sets[1], real=False)
    value = metric.compute()
    out.append(float(value[0] if isinstance(value, tuple) else value))
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure
pair = [torch.from_numpy(arrays[name])[None, None] for name in ("image", "noisy")]
out.append(float(multiscale_structural_similarity_index_measure(*pair, data_range=1.0)))
print(json.dumps(out))
"""


def named(measures: tuple[Measure, ...]) -> dict[str, Measure]:
    return {one.name: one for one in measures}


def test_distances_are_those_of_torchmetrics(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    real, other = generator.normal(0, 1, (80, 6)), generator.normal(0.4, 1.3, (80, 6))
    image = ndimage.gaussian_filter(generator.random((200, 190)), 2)
    image = (image - image.min()) / np.ptp(image)
    noisy = np.clip(image + generator.normal(0, 0.1, image.shape), 0, 1)
    np.savez(tmp_path / "rows.npz", real=real, other=other, image=image, noisy=noisy)
    done = subprocess.run(
        [sys.executable, "-c", TORCHMETRICS, tmp_path / "rows.npz"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = json.loads(done.stdout.splitlines()[-1])
    assert frechet(real, other) == pytest.approx(expected[0], abs=1e-4)
    assert kernel_distance(real, other) == pytest.approx(expected[1], abs=1e-4)
    # it weighs the border otherwise
    assert ms_ssim(image, noisy) == pytest.approx(expected[2], abs=1e-3)


def test_frechet_of_fewer_rows_than_features_is_the_same_number() -> None:
    generator = np.random.default_rng(1)
    real, other = generator.normal(0, 1, (5, 3)), generator.normal(1, 2, (6, 3))
    wide = np.zeros((5, 9)), np.zeros((6, 9))
    wide[0][:, :3], wide[1][:, :3] = real, other
    assert frechet(*wide) == pytest.approx(frechet(real, other), abs=1e-9)
    assert frechet(real, real) == pytest.approx(0, abs=1e-9)


def test_neighbourhoods_are_those_of_prdc(capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(2)
    real, other = generator.normal(0, 1, (60, 3)), generator.normal(0.5, 1, (50, 3))
    found, expected = neighbourhoods(real, other), compute_prdc(real, other, nearest_k=5)
    assert found.precise.mean() == pytest.approx(expected["precision"])
    assert found.dense.mean() == pytest.approx(expected["density"])
    assert found.recalled.mean() == pytest.approx(expected["recall"])
    assert found.covered.mean() == pytest.approx(expected["coverage"])


def test_kolmogorov_and_correlation_by_known_values() -> None:
    generator = np.random.default_rng(3)
    real, other = generator.normal(0, 1, (40, 2)), generator.normal(1, 1, (30, 2))
    expected = [stats.ks_2samp(real[:, k], other[:, k]).statistic for k in range(2)]
    assert kolmogorov(real, other) == pytest.approx(expected)
    line = np.arange(10.0)
    along, against = np.stack([line, line], axis=1), np.stack([line, -line], axis=1)
    assert correlation_difference(along, against) == pytest.approx(2)


def test_a_disc_has_the_features_of_a_disc() -> None:
    labels = np.zeros((64, 64), np.int32)
    labels[disk((31, 33), 20)] = 1
    grey = np.where(labels, 0.8, 0.1)
    found = measure_image(grey, labels)
    assert found["shape/Area"] == pytest.approx([np.pi * 20**2], rel=0.01)
    assert found["shape/Area"] == [np.count_nonzero(labels)]
    assert found["shape/Perimeter"] == pytest.approx([2 * np.pi * 20], rel=0.05)
    assert found["shape/FormFactor"] == pytest.approx([1], abs=0.1)
    assert found["shape/Eccentricity"] == pytest.approx([0], abs=0.1)
    assert found["shape/MaxFeretDiameter"] == pytest.approx([40], abs=2)
    assert found["intensity/Intensity_MeanIntensity"] == pytest.approx([0.8])
    assert not [name for name in found if "Center" in name or "Orientation" in name]


def test_features_do_not_depend_on_place_or_quarter_turns() -> None:
    image, labels = draw(4)
    grey = stretched(image.astype(np.float64))
    there = measure_image(grey, labels)
    turned = measure_image(np.rot90(grey).copy(), np.rot90(labels).copy())
    for name in ("shape/Area", "shape/MajorAxisLength", "texture/Entropy", "texture/Contrast"):
        assert turned[name] == pytest.approx(there[name], rel=1e-6)


def test_cells_on_the_border_and_specks_are_not_measured() -> None:
    labels = np.zeros((40, 40), np.uint16)
    labels[0:9, 0:9] = 7
    labels[12:20, 12:20] = 300
    labels[30:32, 30:32] = 5
    assert np.unique(whole_cells(labels)).tolist() == [0, 1]
    assert (whole_cells(labels) > 0).sum() == 64
    assert not whole_cells(np.zeros((9, 9), np.uint8)).any()


def test_features_without_values_and_cells_with_gaps_go() -> None:
    real, other = sample(0), sample(1)
    rows, gaps = real.rows.copy(), other.rows.copy()
    rows[:, 1] = 3.0
    gaps[0, 0] = np.nan
    first, (second,) = usable(
        Sample(features=real.features, rows=rows, unit=real.unit, units=real.units),
        [Sample(features=other.features, rows=gaps, unit=other.unit, units=other.units)],
    )
    assert first.features == ("a/1", "b/1", "b/2")
    assert len(first.rows) == 400
    assert len(second.rows) == 399


def test_samples_of_one_distribution_are_at_the_floor() -> None:
    real, other = sample(10), sample(11)
    scale = fit_scale(real.rows)
    measures = (
        *distance_measures(real, other, "made"),
        *neighbour_measures(real, other),
        *feature_measures(real, other, scale),
    )
    assert {one.verdict for one in measures} == {"as real"}
    fd = named(measures)["fd_made"]
    assert fd.interval is not None
    assert fd.value is not None
    assert fd.interval.low <= fd.value <= fd.interval.high
    assert (fd.real_images, fd.synthetic_images, fd.real_rows) == (20, 20, 400)


def test_a_shifted_sample_is_beyond_the_floor() -> None:
    real, other = sample(10), sample(11, shift=1.0)
    measures = (
        *distance_measures(real, other, "made"),
        *neighbour_measures(real, other),
        *feature_measures(real, other, fit_scale(real.rows)),
    )
    off = named(measures)
    for name in ("fd_made", "kd_made", "coverage", "W1/IQR, a", "KS, b"):
        assert off[name].verdict == "beyond the floor", name
    assert off["correlation"].verdict == "as real"


def test_collapse_shows_in_recall_and_coverage_alone() -> None:
    real, other = sample(10), sample(11)
    narrow = Sample(
        features=other.features, rows=other.rows * 0.2, unit=other.unit, units=other.units
    )
    found = named(neighbour_measures(real, narrow))
    assert found["precision"].verdict == found["density"].verdict == "as real"
    assert found["recall"].verdict == found["coverage"].verdict == "beyond the floor"


def test_too_few_images_give_a_reason_and_no_number() -> None:
    measures = distance_measures(sample(0, images=9), sample(1), "made")
    assert {one.withheld for one in measures} == {"9 real images with whole cells, fewer than 10"}
    assert {(one.value, one.floor, one.verdict) for one in measures} == {(None, None, "")}
    few = distance_measures(sample(0), sample(1, images=6, cells=5), "made")
    assert few[0].withheld == "30 whole cells of synthetic images, fewer than 50"


def test_repeated_training_images_are_seen_and_new_ones_are_not() -> None:
    train = np.stack([small(draw(seed)[0] / 255) for seed in range(12)])
    unseen = likeness(np.stack([small(draw(seed)[0] / 255) for seed in range(20, 40)]), train)
    new = likeness(np.stack([small(draw(seed)[0] / 255) for seed in range(50, 65)]), train)
    turned = [np.rot90(draw(seed)[0]).copy() / 255 for seed in range(12)]
    copies = likeness(np.stack([small(picture) for picture in turned]), train)
    assert copies.place.tolist() == list(range(12))
    assert copies.distance == pytest.approx(np.zeros(12), abs=1e-6)
    places = np.arange(20)
    seen = copied("x", (unseen.distance, places), (copies.distance, places[:12]), 12)
    fine = copied("x", (unseen.distance, places), (new.distance, places[:15]), 12)
    assert (seen.value, seen.verdict) == (1, "beyond the floor")
    assert fine.verdict == "as real"
    bare = copied("x", (np.zeros(0), places[:0]), (new.distance, places[:15]), 12)
    assert bare.withheld.startswith("no real image was held out")


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command wrote of 12 generated images, larger than the real ones are."""
    root = tmp_path_factory.mktemp("synthetic")
    real = write_folder(root / "real", range(24))
    write_split(real, range(12, 24), range(24))
    made = write_folder(root / "made", range(100, 112), radius=8.0, method="drawn")
    out = root / "out"
    done = CliRunner().invoke(app, ["synthetic", str(real), str(made), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert str(out / "index.html") in done.output.replace("\n", "")
    return out


def test_the_command_finds_what_differs(compared: Path) -> None:
    found = read_comparison(compared)
    assert found.methods == ("drawn",)
    measures = named(found.measures)
    assert measures["W1/IQR, shape"].verdict == "beyond the floor"
    assert found.by_feature[0].wasserstein > 1
    assert not [name for name in measures if "fid" in name.lower()]
    assert len(found.nearest) == 12
    assert all((compared / one.picture).is_file() for one in found.nearest)


def test_the_page_has_all_of_it_in_both_languages(compared: Path) -> None:
    page, twin = ((compared / name).read_text("utf-8") for name in ("index.html", "report.md"))
    for text in (page, twin):
        assert "W1/IQR, shape" in text
        assert "beyond" in text
        assert "made beside real" in text
    assert "http://" not in page.replace("http://www.w3.org", "")
    table = (compared / "tables/synthetic_every_feature.csv").read_text("utf-8")
    assert len(table.splitlines()) == read_comparison(compared).features + 1


def test_folders_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="No folder"):
        read_folder(tmp_path / "absent")
    (tmp_path / "bare").mkdir()
    with pytest.raises(CallError, match="neither images/"):
        read_folder(tmp_path / "bare")
    (tmp_path / "bare/images").mkdir()
    with pytest.raises(CallError, match="No image with a label"):
        read_folder(tmp_path / "bare")
    wrong = tmp_path / "wrong"
    write_pair(wrong, "a", draw(0)[0], np.ones((3, 3), np.uint8))
    with pytest.raises(CallError, match=r"is 3×3, its image 96×96"):
        compare_synthetic(wrong, wrong, tmp_path / "out")


def test_sides_without_held_out_images_or_without_cells_are_compared(tmp_path: Path) -> None:
    cells = write_folder(tmp_path / "cells", range(2))
    for seed in range(2):
        write_pair(tmp_path / "bare", f"bare_{seed}", draw(seed)[0], np.zeros((96, 96), np.uint16))
    by_call = {
        (cells, cells): "2 real images with whole cells, fewer than 10",
        (cells, tmp_path / "bare"): "2 real images with whole cells, fewer than 10",
        (tmp_path / "bare", cells): "0 real images with whole cells, fewer than 10",
    }
    for place, (sides, reason) in enumerate(by_call.items()):
        compare_synthetic(*sides, tmp_path / f"out{place}")
        measures = named(read_comparison(tmp_path / f"out{place}").measures)
        assert measures.pop("copied cells").withheld.startswith("no real image was held out")
        assert measures.pop("copied images").withheld.startswith("no real image was held out")
        assert {one.withheld for one in measures.values()} == {reason}
    write_split(cells, range(2), range(2))
    with pytest.raises(CallError, match="is for training"):
        compare_synthetic(cells, cells, tmp_path / "none")


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    real = str(write_folder(tmp_path / "real", range(1)))
    for name in ("index.html", "synthetic.json", "nearest-01.jpg"):
        out = tmp_path / name.partition(".")[0]
        out.mkdir()
        (out / name).write_text("mine")
        with pytest.raises(CallError, match=f"{name}, which cellbench did not write"):
            CliRunner().invoke(
                app, ["synthetic", real, real, "--out", str(out)], catch_exceptions=False
            )
        assert (out / name).read_text() == "mine"


def test_a_dataset_and_its_parts_say_what_was_held_out(tmp_path: Path) -> None:
    write_folder(tmp_path / "Training-labeled", range(2))
    write_folder(tmp_path / "Tuning", range(5, 6))
    found = read_folder(tmp_path)
    assert [pair.stem for pair in found.of("train")] == ["cell_000", "cell_001"]
    assert [pair.stem for pair in found.of("held_out")] == ["cell_005"]


def test_a_run_shows_what_it_knows_of_its_generators(compared: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    assert section(Numbers(data=load_report(run))) is None
    shutil.copytree(compared, RunFolder(run).quality("drawn", 0))
    paths = build_report(run, run / "report")
    page = paths.index_html.read_text("utf-8")
    assert "Generated images" in page
    assert "W1/IQR, shape" in page
    assert (paths.tables / "drawn_seed0_every_feature.csv").is_file()
    assert (paths.figures / "drawn_seed0_nearest-1.jpg").is_file()
