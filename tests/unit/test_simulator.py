"""The simulator: the same seed gives the same dataset, labels are whole, pictures show cells."""

import csv
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from containers.base.simulated.dic import sheared_interference
from containers.base.simulated.image import SimulatedImage
from containers.base.simulated.modalities import MODALITIES, Modality, simulate_image
from containers.base.simulated.phase import phase_contrast
from containers.base.simulated.shapes import scatter, tidy_labels
from contract import CallError, label_name, list_images, read_image, read_mask
from harness.datasets.simulated.dataset import simulate_dataset, tuning_indices

PARTS = ("Training-labeled", "Tuning")


def manifest(part: Path) -> list[dict[str, str]]:
    with (part / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def whole_cells(labels: np.ndarray) -> set[int]:
    """Ids of the cells that stay clear of the two outermost pixels of the picture."""
    frame = np.ones(labels.shape, bool)
    frame[2:-2, 2:-2] = False
    return set(range(1, labels.max() + 1)) - set(np.unique(labels[frame]).tolist())


@cache
def picture(modality: Modality, seed: int, size: int = 256) -> SimulatedImage:
    return simulate_image(modality, seed, size)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "cells"
    simulate_dataset(folder, images=9, size=64, seed=5)
    return folder


# --- pictures and labels


@pytest.mark.parametrize("modality", MODALITIES)
def test_same_seed_same_picture_other_seed_another(modality: Modality) -> None:
    first, again, other = (simulate_image(modality, seed, 96) for seed in (7, 7, 8))
    assert first.pixels.tobytes() == again.pixels.tobytes()
    assert first.labels.tobytes() == again.labels.tobytes()
    assert first.pixels.tobytes() != other.pixels.tobytes()
    assert first.labels.tobytes() != other.labels.tobytes()


@pytest.mark.parametrize(("size", "seeds"), [(64, 4), (101, 1), (256, 2)])
@pytest.mark.parametrize("modality", MODALITIES)
def test_labels_are_whole_pieces_without_gaps(modality: Modality, size: int, seeds: int) -> None:
    for seed in range(seeds):
        drawn = picture(modality, seed, size)
        assert drawn.labels.dtype == np.int32
        assert drawn.labels.shape == drawn.pixels.shape[:2] == (size, size)
        ids = np.unique(drawn.labels[drawn.labels > 0])
        np.testing.assert_array_equal(ids, np.arange(1, ids.size + 1))
        assert all(ndimage.label(drawn.labels == label)[1] == 1 for label in ids)
        assert whole_cells(drawn.labels), "every picture has a cell clear of the border"


@pytest.mark.parametrize(
    ("modality", "fewest", "most", "dtype", "channels"),
    [
        ("fluorescence", 8, 60, np.uint8, ()),
        ("smear", 2, 12, np.uint8, (3,)),
        ("phase", 8, 60, np.uint8, ()),
        ("dic", 8, 60, np.uint16, ()),
    ],
)
def test_counts_and_pixel_type(
    modality: Modality, fewest: int, most: int, dtype: type, channels: tuple[int, ...]
) -> None:
    drawn = [picture(modality, seed) for seed in range(2)]
    assert all(fewest <= one.labels.max() <= most for one in drawn)
    assert {one.pixels.dtype for one in drawn} == {np.dtype(dtype)}
    assert {one.pixels.shape[2:] for one in drawn} == {channels}


def test_tidy_labels_keeps_the_largest_piece_and_renumbers() -> None:
    labels = np.zeros((8, 8), np.int32)
    labels[0:3, 0:3] = 4
    labels[3, 3] = 4  # touches by a corner only
    labels[6:8, 6:8] = 9
    labels[0, 7] = 2  # too small
    tidy = tidy_labels(labels, smallest=3)
    expected = np.zeros((8, 8), np.int32)
    expected[0:3, 0:3] = 1
    expected[6:8, 6:8] = 2
    np.testing.assert_array_equal(tidy, expected)


def test_scatter_keeps_its_distance_and_starts_inside() -> None:
    rng = np.random.default_rng(0)
    points = np.array(scatter(rng, (200, 100), 40, clustered=0.5, spread=20, spacing=15, inside=3))
    gaps = np.hypot(*(points[:, None] - points[None]).transpose(2, 0, 1))
    assert gaps[~np.eye(len(points), dtype=bool)].min() >= 15
    assert (points[:3] >= (40, 20)).all()
    assert (points[:3] <= (160, 80)).all()


# --- what the pictures look like


def test_nuclei_shine() -> None:
    for seed in range(2):
        drawn = picture("fluorescence", seed)
        background = np.median(drawn.pixels[drawn.labels == 0])
        nuclei = ndimage.median(drawn.pixels, drawn.labels, range(1, drawn.labels.max() + 1))
        assert np.median(nuclei) > 3 * background
        assert np.mean(np.asarray(nuclei) > 1.5 * background) > 0.9


def test_nuclei_of_leukocytes_are_darker_in_red_than_all_else() -> None:
    for seed in range(2):
        drawn = picture("smear", seed)
        red = drawn.pixels[..., 0]
        darkest_elsewhere = np.percentile(red[drawn.labels == 0], 2)
        whole = whole_cells(drawn.labels)
        assert whole
        for label in whole:
            assert np.percentile(red[drawn.labels == label], 10) < 0.7 * darkest_elsewhere


def test_red_cells_are_red_and_not_labelled() -> None:
    drawn = picture("smear", 1)
    free = drawn.pixels[drawn.labels == 0].astype(float)
    red_cells = free[free[:, 1] < np.percentile(free[:, 1], 20)]
    assert red_cells[:, 0].mean() > 1.3 * red_cells[:, 1].mean()


def test_spread_cells_are_dark_with_a_bright_halo() -> None:
    for seed in range(2):
        drawn = picture("phase", seed)
        cells = drawn.labels > 0
        distance = ndimage.distance_transform_edt(~cells)
        glass = np.median(drawn.pixels[distance > 8])
        halo = np.median(drawn.pixels[(distance > 0) & (distance < 4)])
        assert halo > 1.1 * glass
        assert np.median(drawn.pixels[cells]) < 0.75 * halo


def test_relief_has_contrast_and_no_net_brightness() -> None:
    for seed in range(2):
        drawn = picture("dic", seed)
        grey = drawn.pixels.astype(float)
        detail = grey - ndimage.gaussian_filter(grey, 6)
        cells = drawn.labels > 0
        assert detail[cells].std() > 1.5 * detail[~cells].std()
        assert grey[cells].mean() == pytest.approx(grey[~cells].mean(), rel=0.15)


def test_phase_contrast_of_a_thin_disc() -> None:
    y, x = np.mgrid[-40:41, -40:41]
    radius = np.hypot(y, x)
    intensity = phase_contrast(ndimage.gaussian_filter(0.5 * (radius < 10), 1.0))
    assert intensity[radius < 5].mean() < 0.9
    assert intensity[(radius > 12) & (radius < 15)].mean() > 1.05
    np.testing.assert_allclose(phase_contrast(np.zeros((9, 9))), 1, atol=1e-9)


def test_interference_shows_slopes_along_the_shear_only() -> None:
    ramp = np.tile(0.2 * np.arange(32.0), (32, 1))
    bias = np.pi / 2
    flat = np.sin(bias / 2) ** 2
    middle = (slice(8, 24), slice(8, 24))
    falling = sheared_interference(ramp, direction=0, bias=bias)[middle]
    rising = sheared_interference(-ramp, direction=0, bias=bias)[middle]
    across = sheared_interference(ramp, direction=np.pi / 2, bias=bias)[middle]
    expected = np.sin((bias - 2 * 0.9 * 0.2) / 2) ** 2
    np.testing.assert_allclose(falling, expected, atol=1e-6)
    assert rising.min() > flat > falling.max()
    np.testing.assert_allclose(across, flat, atol=1e-6)


# --- datasets


def test_layout_is_the_challenges(dataset: Path) -> None:
    assert sorted(path.name for path in dataset.iterdir()) == sorted(PARTS)
    names = []
    for part in PARTS:
        images = list_images(dataset / part / "images")
        rows = manifest(dataset / part)
        assert list(rows[0]) == ["image", "modality", "source", "cells", "height", "width"]
        assert [row["image"] for row in rows] == [path.name for path in images]
        assert sorted(path.name for path in (dataset / part / "labels").iterdir()) == [
            label_name(path.name) for path in images
        ]
        for row, path in zip(rows, images, strict=True):
            labels = read_mask(dataset / part / "labels" / label_name(path.name))
            assert read_image(path).shape == (64, 64, 3)
            assert labels.shape == (int(row["height"]), int(row["width"])) == (64, 64)
            assert int(labels.max()) == int(row["cells"]) > 0
        names += [path.name for path in images]
    assert sorted(names) == [
        "cell_00001.png",  # fluorescence
        "cell_00002.png",  # brightfield
        "cell_00003.tif",  # phase contrast
        "cell_00004.tif",  # DIC
        "cell_00005.png",
        "cell_00006.png",
        "cell_00007.bmp",
        "cell_00008.tif",
        "cell_00009.png",
    ]


def test_files_hold_what_the_modality_promises(dataset: Path) -> None:
    rows = {row["image"]: (part, row) for part in PARTS for row in manifest(dataset / part)}
    for name, modality, dtype, coloured in (
        ("cell_00001.png", "fluorescence", np.uint8, False),
        ("cell_00002.png", "brightfield", np.uint8, True),
        ("cell_00003.tif", "phase contrast", np.uint8, False),
        ("cell_00007.bmp", "phase contrast", np.uint8, False),
        ("cell_00004.tif", "DIC", np.uint16, False),
    ):
        part, row = rows[name]
        pixels = read_image(dataset / part / "images" / name)
        assert row["modality"] == modality
        assert pixels.dtype == dtype
        assert (pixels[..., 0] != pixels[..., 1]).any() == coloured


def test_pictures_do_not_depend_on_how_many_there_are(dataset: Path, tmp_path: Path) -> None:
    simulate_dataset(tmp_path / "fewer", images=8, size=64, seed=5)
    more = {name.split("/", 1)[1]: data for name, data in contents(dataset).items()}
    fewer = {name.split("/", 1)[1]: data for name, data in contents(tmp_path / "fewer").items()}
    for name in fewer.keys() - {"manifest.csv"}:
        assert fewer[name] == more[name], name


def test_same_seed_same_bytes_other_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_dataset(tmp_path / name, images=4, size=64, seed=seed)
    first, again, other = (contents(tmp_path / name) for name in "abc")
    assert first == again
    images = [name for name in first if "/images/" in name]
    assert len(images) == 4
    assert all(first[name] != other[name] for name in images)


@pytest.mark.parametrize("images", [4, 5, 6, 7, 8, 14, 15, 16, 24, 30, 101])
def test_a_quarter_is_for_tuning_and_modalities_are_balanced(images: int) -> None:
    tuning = tuning_indices(images)
    training = set(range(images)) - tuning
    assert len(tuning) == max(1, round(images / 4))
    assert max(tuning) < images
    for part in (tuning, training):
        counts = np.bincount([index % 4 for index in part], minlength=4)
        assert counts.max() - counts.min() <= 1, (images, counts)


def test_progress_counts_every_picture(tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    simulate_dataset(
        tmp_path / "set", images=4, size=64, progress=lambda *event: seen.append(event)
    )
    assert [event[:2] for event in seen] == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert all(before[2] != after[2] for before, after in pairwise(seen))
    assert "cell_00002.png" in seen[1][2]


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"images": 3}, "3 images"), ({"size": 63}, "63 px"), ({"seed": -1}, "seed -1")],
)
def test_impossible_requests_are_refused(
    tmp_path: Path, settings: dict[str, int], word: str
) -> None:
    with pytest.raises(CallError, match=word) as refusal:
        simulate_dataset(tmp_path / "new" / "set", **settings)
    assert refusal.value.why
    assert refusal.value.do
    assert not (tmp_path / "new").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(CallError, match="not an empty folder") as refusal:
        simulate_dataset(tmp_path, images=4, size=64)
    assert "remove this one" in refusal.value.do
    with pytest.raises(CallError, match="not an empty folder"):
        simulate_dataset(tmp_path / "notes.txt", images=4, size=64)
    assert contents(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_folder_is_filled_and_a_stopped_simulation_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "set"
    target.mkdir()

    def stop(done: int, total: int, message: str) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_dataset(target, images=4, size=64, progress=stop)
    assert list(tmp_path.iterdir()) == [target]
    assert list(target.iterdir()) == []
    simulate_dataset(target, images=4, size=64)
    assert sorted(path.name for path in target.iterdir()) == sorted(PARTS)
