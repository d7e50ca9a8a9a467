"""Weights that come with the models: what they may learn from, how they are made, their cards."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from contract import CallError, label_name, read_mask, sha256_file
from harness.datasets.folder import load_dataset
from harness.models.registry import all_models, choose_models
from harness.weights import fingerprints
from harness.weights.card import read_card, told_card
from harness.weights.gather import gather, is_free, read_sources
from harness.weights.half import halve
from harness.weights.make import make, makers
from tests.datasets import add_pair
from tests.programs import ROOT
from tests.small_unet import NAME, write_small_unet

MOST_BYTES = 25 * 10**6
FREE = "CC0-1.0"


def write_part(part: Path, lines: list[tuple[str, str, str]], seed: int) -> None:
    """Images with a manifest: name, source, licence."""
    for number, (name, _, _) in enumerate(lines):
        add_pair(part, name, seed=seed + number, side=64)
    with (part / "manifest.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("image", "label", "original", "source", "modality", "licence"))
        for name, source, licence in lines:
            writer.writerow((name, label_name(name), name, source, f"light of {source}", licence))


def write_data(data: Path) -> Path:
    """Two kinds of images to learn from, some that may not be, and a movie."""
    train = [(f"a_{n}.png", "discs", FREE) for n in range(6)]
    train += [(f"b_{n}.png", "others", "mit") for n in range(2)]
    train += [("c_0.png", "closed", "CC BY-NC 4.0"), ("c_1.png", "closed", "none stated")]
    write_part(data / "set/Training-labeled", train, seed=0)
    tests = [("t_0.png", "discs", FREE), ("t_1.png", "closed", "none stated")]
    write_part(data / "set/Tuning", tests, seed=50)
    for frame in range(5):
        add_pair(data / "movie", f"t{frame:03d}.tif", seed=80 + frame, side=64)
    return data


def write_sources(place: Path, movie_licence: str = "BSD-3-Clause") -> Path:
    rules = {
        "free": [FREE, "MIT", "BSD-3-Clause"],
        "folders": [{"train": "set/Training-labeled", "test": "set/Tuning"}],
        "movies": [
            {
                "folder": "movie", "licence": movie_licence, "modality": "phase",
                "frames": [0, 2],
            }
        ],
        "simulated": {"images": 4, "size": 64, "seed": 7},
        "origins": {"discs": "drawn for a test"},
    }  # fmt: skip
    (place / "sources.yaml").write_text(yaml.safe_dump(rules))
    return place / "sources.yaml"


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("CC0-1.0", True), ("cc by 4.0", True), ("MIT", True), ("BSD-3-Clause", True),
        ("CC BY-NC 4.0", False), ("CC BY-NC-SA 3.0 (images); none stated", False),
        ("CC-BY-SA-4.0", False), ("none stated (cite ISBI 2009)", False), ("", False),
        ("MIT or not", False), ("GPL-3.0", False),
    ],
)  # fmt: skip
def test_a_licence_is_free_as_a_whole_or_not_at_all(licence: str, free: bool) -> None:
    assert is_free(licence, read_sources().free) == free


def test_what_may_be_learned_from_is_taken_and_the_rest_listed(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    part = data / "set/Training-labeled"
    # A Tuning image that somebody turned and put among the training images.
    twin = np.rot90(np.asarray(Image.open(data / "set/Tuning/images/t_0.png")))
    Image.fromarray(twin).save(part / "images/a_5.png")
    truth = np.rot90(read_mask(data / "set/Tuning/labels/t_0_label.tiff"))
    shutil.copyfile(part / "labels/a_5_label.tiff", tmp_path / "kept.tiff")
    Image.fromarray(truth.astype(np.uint8)).save(part / "labels/a_5_label.tiff")
    rows = gather(data, tmp_path / "out", read_sources(write_sources(tmp_path)))
    reasons = {row.name: row.reason for row in rows if row.reason}
    assert reasons == {
        "set_a_5.png": "the same picture as the Tuning image set_t_0.png",
        "set_c_0.png": "its licence does not allow it",
        "set_c_1.png": "its licence does not allow it",
        "movie_t001.tif": "a frame near one that is learned from",
        "movie_t003.tif": "a late frame of the movie, left to tests",
        "movie_t004.tif": "a late frame of the movie, left to tests",
    }
    listed = list(csv.DictReader((tmp_path / "out/excluded.csv").open()))
    assert {Path(line["image"]).name for line in listed} == {
        name.split("_", 1)[1] for name in reasons
    }
    found = load_dataset(tmp_path / "out")
    assert {pair.strata["source"] for pair in found.train} >= {"discs", "others", "movie"}
    assert sum(pair.name.startswith("simulated_") for pair in found.train) == 4
    assert len(found.train) == 5 + 2 + 2 + 4
    assert {pair.name: pair.strata["learned"] for pair in found.test} == {
        "set_t_0.png": "yes",
        "set_t_1.png": "no",
    }
    assert not found.faults
    before = (tmp_path / "out/gathered.json").stat().st_mtime_ns
    assert gather(data, tmp_path / "out", read_sources(tmp_path / "sources.yaml")) == rows
    assert (tmp_path / "out/gathered.json").stat().st_mtime_ns == before


def test_a_movie_without_a_free_licence_is_refused(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    rules = read_sources(write_sources(tmp_path, "CC-BY-NC-4.0"))
    with pytest.raises(CallError, match="movie has the licence CC-BY-NC"):
        gather(data, tmp_path / "out", rules)


def test_half_precision_keeps_what_it_cannot_hold(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    (tmp_path / "weights").mkdir()
    tensors = {
        "kernel": np.full((2, 3), 1 / 3, np.float32),
        "huge": np.full((2, 2), 1e6, np.float32),
        "bias": np.full(3, 1 / 3, np.float32),
        "count": np.array(7, np.int64),
    }
    save_file(tensors, tmp_path / "weights/weights.safetensors")
    (tmp_path / "weights/weights.json").write_text("{}")
    halve(tmp_path / "weights", tmp_path / "half")
    found = load_file(tmp_path / "half/weights.safetensors")
    kinds = {name: str(one.dtype) for name, one in found.items()}
    assert kinds == {"kernel": "float16", "huge": "float32", "bias": "float32", "count": "int64"}
    assert (tmp_path / "half/weights.json").read_text() == "{}"
    with pytest.raises(CallError, match=r"holds no weights\.safetensors"):
        halve(tmp_path / "half" / "nothing", tmp_path / "other")


def textured(seed: int) -> np.ndarray:
    from skimage.filters import gaussian

    spots = np.random.default_rng(seed).random((160, 200)) > 0.992
    noise = gaussian(spots.astype(float), 3) + gaussian(np.roll(spots, 9, 1).astype(float), 6)
    return np.asarray(noise / noise.max() * 255, np.uint8)


def test_training_images_are_known_again_from_their_fingerprints(tmp_path: Path) -> None:
    learned, tests = tmp_path / "learned", tmp_path / "tests"
    learned.mkdir()
    tests.mkdir()
    for seed in range(6):
        Image.fromarray(textured(seed)).save(learned / f"{seed}.png")
    Image.fromarray(textured(0)).save(tests / "equal.tif")
    Image.fromarray(np.rot90(textured(1))).save(tests / "turned.png")
    Image.fromarray(255 - textured(2)[20:, 30:]).save(tests / "cut.png")
    Image.fromarray(textured(77)).save(tests / "another.png")
    (tests / "broken.png").write_bytes(b"no picture")
    known = fingerprints.take({f"image {path.stem}": path for path in learned.iterdir()})
    path = tmp_path / "prints.npz"
    fingerprints.save(known, path)
    assert path.stat().st_size < 10_000 * len(known.names)
    loaded = fingerprints.load(path, sha256_file(path))
    found = fingerprints.find(sorted(tests.iterdir()), loaded)
    assert {(seen.image, seen.other, seen.equal) for seen in found} == {
        ("equal.tif", "image 0", True),
        ("turned.png", "image 1", False),
        ("cut.png", "image 2", False),
    }
    with pytest.raises(CallError, match=r"prints\.npz is not there, or not the file"):
        fingerprints.load(path, "0" * 64)


def test_weights_are_made_with_their_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_small_unet(tmp_path, steps=4)
    (folder / "profiles/weights.yaml").write_text("extends: tiny\nsteps: 6\nepoch_steps: 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    said: list[str] = []
    (made,) = make(
        choose_models([NAME]), write_data(tmp_path / "data"), tmp_path / "making",
        sources=write_sources(tmp_path), settings=["steps=4"], prints=tmp_path / "prints",
        say=said.append,
    )  # fmt: skip
    assert made == folder / "weights"
    card = read_card(made)
    assert card is not None
    assert (card.images, card.steps, card.seed) == (6 + 2 + 2 + 4, 4, 0)
    assert card.validation_images == 1
    assert card.command == f"make weights MODEL={NAME} SET=steps=4"
    assert {line.source: line.learned for line in card.tuning} == {"discs": True, "closed": False}
    assert {one.licence for one in card.data} == {FREE, "mit", "BSD-3-Clause"}
    assert sum(one.images for one in card.left_out) == 5
    names = ("sizes.safetensors", "weights.json", "weights.safetensors")
    assert card.files == {name: sha256_file(made / name) for name in names}
    print_file = tmp_path / "prints" / card.fingerprints.file
    known = fingerprints.load(print_file, card.fingerprints.sha256)
    assert len(known.names) == card.fingerprints.images == 10
    assert (made / "card.md").read_text() == told_card(card)
    page = told_card(card)
    assert "| closed | light of closed | no | 1 |" in page
    assert "light of closed: no such image was learned from." in page
    assert json.loads((made / "card.json").read_text())["model"] == NAME
    assert any("14 images to learn from, 5 left out" in line for line in said)


def test_a_model_without_the_profile_is_named() -> None:
    with pytest.raises(CallError, match="otsu has no profile weights"):
        makers(["unet", "otsu"])
    assert {model.name for model in makers(None)} == {"unet", "nnunet", "sac", "lstmunet", "maunet"}


def test_what_comes_with_the_models_is_small_and_has_its_card() -> None:
    total = 0
    for model in all_models().values():
        assert model.folder is not None
        folder = model.folder / "weights"
        if not folder.is_dir() or ROOT not in folder.parents:
            continue
        card = read_card(folder)
        assert card is not None, folder
        assert card.model == model.name
        for name, digest in card.files.items():
            assert sha256_file(folder / name) == digest, name
        fingerprints.load(fingerprints.FOLDER / card.fingerprints.file, card.fingerprints.sha256)
        free = read_sources().free
        assert all(is_free(source.licence, free) for source in card.data), model.name
        total += sum(path.stat().st_size for path in folder.iterdir())
    total += sum(path.stat().st_size for path in fingerprints.FOLDER.glob("*.npz"))
    assert total < MOST_BYTES
