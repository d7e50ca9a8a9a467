"""Test images that are in training too, in whatever form, and those that only look like it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image as Pillow

from contract import ExitCode, label_name, write_json, write_mask
from contract.guarded import read_image, read_mask
from evaluator.report import build_report
from evaluator.runs.likeness import caution
from evaluator.runs.records import LeakageRecord, Likeness
from harness.datasets.check import check_dataset
from harness.datasets.folder import load_dataset, split_training
from harness.datasets.leakage.audit import audit, audit_once, movie_name
from harness.datasets.leakage.matching import Index
from harness.datasets.leakage.signature import Signature
from harness.datasets.simulated.dataset import simulate_dataset
from tests.unit.report_fixtures import NAMES, make_run

Pixels = npt.NDArray[Any]


def _tenth(pixels: Pixels) -> Pixels:
    height, width = pixels.shape[:2]
    return pixels[height // 10 :, width // 10 :]


def _eight_bits(pixels: Pixels) -> Pixels:
    low, high = np.percentile(pixels, (1, 99))
    return np.clip((pixels - low) / (high - low) * 255, 0, 255).astype(np.uint8)


def _resized(pixels: Pixels, scale: float) -> Pixels:
    return cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def _gamma(pixels: Pixels) -> Pixels:
    return (255 * (_eight_bits(pixels) / 255.0) ** 0.6).astype(np.uint8)


FORMS: dict[str, Callable[[Pixels], Pixels]] = {
    "cropped": _tenth,
    "mirrored": lambda pixels: pixels[:, ::-1],
    "turned": lambda pixels: np.rot90(pixels),
    "8 bits": _eight_bits,
    "half": lambda pixels: _resized(_eight_bits(pixels), 0.5),
    "contrast": _gamma,
    "negative": lambda pixels: 255 - _eight_bits(pixels),
    "all": lambda pixels: _resized(_tenth(np.rot90(_gamma(pixels))[::-1]), 0.7),
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of 24 images, 6 of them for testing."""
    folder = tmp_path_factory.mktemp("leakage") / "cells"
    simulate_dataset(folder, images=24, size=128, seed=3)
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    for part in ("Training-labeled", "Tuning"):
        for kind in ("images", "labels"):
            (tmp_path / "data" / part / kind).mkdir(parents=True)
    return tmp_path / "data"


def _put(data: Path, part: str, name: str, pixels: Pixels, jpeg: bool = False) -> None:
    """Writes an image with a label that has one cell."""
    file = data / part / "images" / name
    pixels = np.ascontiguousarray(pixels)
    if pixels.dtype == np.uint8:
        Pillow.fromarray(pixels).save(file.with_suffix(".jpg" if jpeg else ".png"), quality=70)
    else:
        tifffile.imwrite(file.with_suffix(".tif"), pixels)
    label = np.zeros(pixels.shape[:2], np.uint8)
    label[2:8, 2:8] = 1
    write_mask(data / part / "labels" / label_name(name), label)


def _images(simulated: Path, part: str) -> list[Path]:
    return sorted((simulated / part / "images").iterdir())


def _audit(data: Path) -> LeakageRecord:
    dataset = load_dataset(data)
    return audit(dataset, split_training(dataset.train))


def test_independent_images_are_found_to_be_so(simulated: Path) -> None:
    found = _audit(simulated)
    assert (found.found, found.compared, found.timed_out) == ((), found.images, False)


def test_every_test_image_is_found_in_every_form(simulated: Path, empty: Path) -> None:
    test = _images(simulated, "Tuning")
    for place, image in enumerate(test):
        pixels = read_image(image)
        _put(empty, "Tuning", f"test{place}.x", pixels)
        for number, change in enumerate(FORMS.values()):
            name = f"copy{number} of test{place}.x"
            _put(empty, "Training-labeled", name, change(pixels), jpeg=number == len(FORMS) - 1)
    for image in _images(simulated, "Training-labeled"):
        _put(empty, "Training-labeled", image.name, read_image(image))
    found = [one for one in _audit(empty).found if one.subset == "test"]
    assert [(one.kind, Path(one.image).stem, one.more) for one in found] == [
        ("copy", f"test{place}", len(FORMS) - 1) for place in range(len(test))
    ]
    assert all(Path(one.image).stem in one.other for one in found)


def test_equal_pixels_are_equal_in_any_file(simulated: Path, empty: Path) -> None:
    grey = read_image(_images(simulated, "Tuning")[0])[..., 0]
    _put(empty, "Tuning", "a.x", np.stack([grey] * 3, axis=-1).astype(np.uint8))
    _put(empty, "Training-labeled", "b.x", grey.astype(np.uint8).astype(np.uint16))
    (one,) = _audit(empty).found
    assert (one.kind, one.correlation) == ("equal", None)


def test_frames_of_one_movie_are_named_unless_groups_say_otherwise(
    simulated: Path, empty: Path
) -> None:
    images = _images(simulated, "Training-labeled")
    for place in range(4):
        part = "Tuning" if place == 3 else "Training-labeled"
        _put(empty, part, f"dish_t{place:03d}.x", read_image(images[place]))
    (one,) = _audit(empty).found
    assert (one.kind, one.other, one.more, one.how) == ("movie", "dish_t000.png", 2, "dish_t#")
    for part, group in (("Tuning", "b"), ("Training-labeled", "a")):
        lines = [f"{p.name},{group}" for p in (empty / part / "images").iterdir()]
        (empty / part / "manifest.csv").write_text("image,group\n" + "\n".join(lines))
    assert _audit(empty).found == ()
    text = (empty / "Tuning" / "manifest.csv").read_text()
    (empty / "Tuning" / "manifest.csv").write_text(text.replace(",b", ",a"))
    (one,) = _audit(empty).found
    assert (one.kind, one.how) == ("group", "a")


@pytest.mark.parametrize(
    ("name", "movie"),
    [
        ("t003.tif", "t#"),
        ("a_frame 12.png", "a_frame #"),
        ("cell_00012.png", ""),
        ("test3.png", ""),
    ],
)
def test_a_frames_number_is_told_from_an_images(name: str, movie: str) -> None:
    assert movie_name(name) == movie


def test_nothing_is_found_where_there_is_nothing_to_find(empty: Path) -> None:
    """Without training images, and in pictures without any contrast."""
    _put(empty, "Tuning", "a.x", np.full((40, 40), 7, np.uint8))
    assert _audit(empty).found == ()
    _put(empty, "Training-labeled", "b.x", np.full((30, 50), 9, np.uint8))
    assert _audit(empty).found == ()


@pytest.mark.filterwarnings("error")
def test_pictures_without_a_point_in_common_have_no_candidates() -> None:
    def picture(*directions: int) -> Signature:
        descriptors = np.zeros((len(directions), 128), np.uint8)
        descriptors[np.arange(len(directions)), directions] = 255
        points = np.ones((len(directions), 4), np.float32)
        return Signature(pixels_sha256="", points=points, descriptors=descriptors)

    assert list(Index([picture(0, 17, 35)]).candidates(picture(3, 50))) == []


def test_an_audit_is_made_once(simulated: Path, tmp_path: Path) -> None:
    dataset = load_dataset(simulated)
    split = split_training(dataset.train)
    first = audit_once(tmp_path, dataset, split)
    written = (tmp_path / "leakage.json").stat().st_mtime_ns
    assert audit_once(tmp_path, dataset, split) == first
    assert (tmp_path / "leakage.json").stat().st_mtime_ns == written
    other = dict.fromkeys(split, "train")
    assert audit_once(tmp_path, dataset, other).key != first.key


def test_an_audit_that_runs_out_of_time_says_so(simulated: Path) -> None:
    dataset = load_dataset(simulated)
    found = audit(dataset, split_training(dataset.train), most_seconds=-1)
    assert (found.timed_out, found.compared, found.found) == (True, 0, ())


def test_data_check_fails_on_a_test_image_in_training(
    simulated: Path, empty: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = _images(simulated, "Tuning")[1]
    label = simulated / "Tuning" / "labels" / label_name(image.name)
    for part, name in (("Tuning", "a.x"), ("Training-labeled", "b.x")):
        _put(empty, part, name, read_image(image))
        write_mask(empty / part / "labels" / label_name(name), read_mask(label))
    assert check_dataset(empty) == ExitCode.FAILURES
    told = capsys.readouterr().out
    assert "Tuning/a." in told
    assert "the same pixels as Training-labeled/b." in told


def test_a_report_warns_of_test_images_in_training(tmp_path: Path) -> None:
    run = make_run(tmp_path, broken=False)
    assert "among the training images too" not in _report(run)
    known = {"subset": "test", "other": "b.png", "other_subset": "val", "kind": "copy"}
    one = Likeness.model_validate({"image": NAMES[4], "correlation": 0.93, **known})
    record = LeakageRecord(key="k", images=20, compared=20, seconds=1.5, found=(one,))
    write_json(run / "leakage.json", record.model_dump(mode="json"))
    told = _report(run)
    assert "1 of 12 test images is among the training images too" in told.split("## Dataset")[0]
    assert "20 of 20 images compared in 1.5 s" in told.split("## Dataset")[1]
    assert "| cell_00005.png | test | the same picture as | b.png | validation |" in told


def _report(run: Path) -> str:
    build_report(run, run / "report")
    text = (run / "report" / "report.md").read_text(encoding="utf-8")
    return text.replace("\\", "")


def test_a_caution_counts_images_once() -> None:
    found = [
        Likeness.model_validate(
            {"image": image, "subset": "test", "other": "b", "other_subset": "train", "kind": kind}
        )
        for image, kind in (("a", "copy"), ("a", "group"), ("c", "group"), ("d", "alike"))
    ]
    record = LeakageRecord(key="", images=9, compared=9, seconds=1, found=tuple(found))
    copied, together = caution(record, 5)
    assert copied.startswith("1 of 5 test images is among the training images too")
    assert together.startswith("1 of 5 test images is of a group or movie")


def test_a_frame_of_a_movie_is_found_in_its_picture(empty: Path, shared: Path) -> None:
    cells, movie = shared / "data/cells", shared / "data/timelapse/usiigaci_t98g/images"
    _put(empty, "Tuning", "frame.x", tifffile.imread(movie / "t000.tif"))
    for number in (122, 121, 110):
        image = next((cells / "Training-labeled/images").glob(f"cell_{number:05d}.*"))
        _put(empty, "Training-labeled", image.name, read_image(image))
    (one,) = _audit(empty).found
    assert (one.kind, Path(one.other).stem) == ("copy", "cell_00122")
    assert "25 % of it" in one.how
