"""Baked images predict as they stand, for anybody, on anything."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from contract import label_name, read_mask
from tests.bad_files import BAD, sizes, write_images
from tests.programs import docker, run
from tests.small_unet import NAME, write_small_unet

IMAGE = f"cellbench/{NAME}"
OWNER = 4242
"""Of images, where the tests run as root."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, engine: Any) -> Path:
    """A folder with a run of the small U-Net in Docker, its weights baked."""
    place = tmp_path_factory.mktemp("bake")
    write_small_unet(place, steps=10)
    run("harness", "data", "simulate", place / "data", "--images", 8, "--size", 64)
    done = run(
        "harness", "run-all", "--data", place / "data", "--out", place / "run", "--models", NAME,
        "--profile", "tiny", "--runner", "docker", cwd=place,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    baked = run("harness", "bake", NAME, "--run", place / "run", cwd=place)
    assert baked.returncode == 0, baked.stderr
    return place


def test_the_plain_line_gives_the_runs_own_masks(trained: Path) -> None:
    images, masks = trained / "data/Tuning/images", trained / "masks"
    done = docker("-v", f"{images}:/in:ro", "-v", f"{masks}:/out", IMAGE, "predict", "/in", "/out")
    assert done.returncode == 0, done.stderr
    assert "note: the weights are a demonstration" in done.stderr
    own = trained / "run/models" / NAME / "seed0/predict"
    names = [path.name for path in own.glob("*.tiff")]
    assert len(names) == 2
    for name in names:
        assert (masks / name).read_bytes() == (own / name).read_bytes()


def test_without_a_mount_nothing_is_predicted_and_lost(trained: Path) -> None:
    images = trained / "data/Tuning/images"
    done = docker("-v", f"{images}:/in:ro", IMAGE, "predict", "/in", "/out")
    assert done.returncode == 2
    assert "No folder is mounted at /out" in done.stderr
    assert '"image"' not in done.stdout


def test_masks_in_a_folder_that_docker_made_belong_to_the_owner_of_the_images(
    trained: Path,
) -> None:
    images, masks = trained / "owned", trained / "owned-masks"
    shutil.copytree(trained / "data/Tuning/images", images)
    if os.getuid() == 0:
        os.chown(images, OWNER, OWNER)
    owner = images.stat().st_uid
    done = docker("-v", f"{images}:/in:ro", "-v", f"{masks}:/out", IMAGE, "predict", "/in", "/out")
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in (masks, *masks.iterdir())} == {owner}


def test_the_plain_line_replaces_its_own_masks_alone(trained: Path) -> None:
    images, masks = trained / "data/Tuning/images", trained / "own-masks"
    masks.mkdir()
    masks.chmod(0o777)
    line = ("-v", f"{images}:/in:ro", "-v", f"{masks}:/out", IMAGE, "predict", "/in", "/out")
    assert [docker(*line).returncode for _ in range(2)] == [0, 0]
    mask = next(masks.glob("*.tiff"))
    (masks / "predictions.jsonl").unlink()
    mask.write_bytes(mask.read_bytes() + b"\0")
    done = docker(*line)
    assert done.returncode == 2
    assert f"{mask.name}, changed since cellbench wrote it" in done.stderr


def test_any_user_in_a_locked_container_predicts_what_can_be_predicted(trained: Path) -> None:
    images, masks = write_images(trained / "mixed"), trained / "mixed-masks"
    masks.mkdir()
    masks.chmod(0o777)
    done = docker(
        "--network", "none", "--read-only", "--tmpfs", "/tmp", "--user", "1234:1234",
        "--cap-drop", "ALL", "-v", f"{images}:/in:ro", "-v", f"{masks}:/out",
        IMAGE, "predict", "/in", "/out",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    for name, size in sizes().items():
        assert read_mask(masks / label_name(name)).shape == size
    lines = [json.loads(line) for line in (masks / "predictions.jsonl").read_text().splitlines()]
    bad = {line["image"]: line["message"] for line in lines if line["outcome"] == "unreadable"}
    assert sorted(bad) == sorted(BAD)
    assert all(bad.values())
    assert len(lines) == len(sizes()) + len(BAD)
    assert len(list(masks.glob("*.tiff"))) == len(sizes())


def test_stdout_holds_events_alone(trained: Path) -> None:
    images, masks = trained / "data/Tuning/images", trained / "masks-events"
    done = docker("-v", f"{images}:/in:ro", "-v", f"{masks}:/out", IMAGE, "predict", "/in", "/out")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["event"] == "started"
    assert events[-1]["event"] == "finished"
    assert events[-1]["peak_memory_bytes"] > 0
    progress = [event for event in events if event["event"] == "progress"]
    assert [event["done"] for event in progress] == [1, 2]


def test_an_image_without_weights_says_how_to_get_some(trained: Path) -> None:
    images = trained / "data/Tuning/images"
    done = docker("-v", f"{images}:/in:ro", "--tmpfs", "/out", f"{IMAGE}:plain",
                  "predict", "/in", "/out")  # fmt: skip
    assert done.returncode == 2
    assert "no weights" in done.stderr
    assert f"harness bake {NAME}" in done.stderr


def test_describe_needs_no_mounts(trained: Path) -> None:
    done = docker("--network", "none", "--read-only", "--user", "1234:1234", IMAGE, "describe")
    assert done.returncode == 0
    assert json.loads(done.stdout)["name"] == NAME


def test_wrong_calls_do_nothing(trained: Path) -> None:
    empty, masks = trained / "nothing", trained / "nothing-masks"
    empty.mkdir()
    done = docker("-v", f"{empty}:/in:ro", "-v", f"{masks}:/out", IMAGE, "predict", "/in", "/out")
    assert done.returncode == 2
    assert "No images in /in" in done.stderr
    done = docker("-v", f"{trained / 'data/Tuning/images'}:/in:ro", "-v", f"{masks}:/out:ro",
                  IMAGE, "predict", "/in", "/out")  # fmt: skip
    assert done.returncode == 2
    assert "Cannot write to /out" in done.stderr
    assert not list(masks.iterdir())


def test_rebuilding_keeps_baked_weights(trained: Path, engine: Any) -> None:
    before = engine.images.get(IMAGE).id
    engine.images.remove(f"{IMAGE}:plain")
    built = run("harness", "build", NAME, cwd=trained)
    assert built.returncode == 0, built.stderr
    assert "keeps the weights baked from" in built.stdout
    assert engine.images.get(IMAGE).id == before


def test_weights_of_a_demonstration_say_so_in_the_image_and_in_its_label(
    trained: Path, engine: Any
) -> None:
    label = engine.images.get(IMAGE).labels["cellbench.demonstration"]
    assert label.startswith("the weights are a demonstration: the profile tiny")
    images, run_folder = trained / "data/Tuning/images", trained / "run"
    baked = ("predict", f"{IMAGE}:latest", images, trained / "masks-label", "--runner", "docker")
    of_run = ("predict", NAME, images, trained / "masks-run", "--run", run_folder)
    for words in (baked, (*of_run, "--runner", "docker")):
        done = run("harness", *words, cwd=trained)
        assert done.returncode == 0, done.stderr
        assert "the weights are a demonstration" in done.stderr


def test_an_image_carries_the_weights_that_come_with_its_model(trained: Path, engine: Any) -> None:
    """Last in this file: the plain image is another one from here on."""
    trained_weights = trained / "run/models" / NAME / "seed0/train/weights"
    shutil.copytree(trained_weights, trained / "containers" / NAME / "weights")
    built = run("harness", "build", NAME, cwd=trained)
    assert built.returncode == 0, built.stderr
    images, masks = trained / "data/Tuning/images", trained / "masks-shipped"
    done = docker(
        "--network", "none", "-t", "-v", f"{images}:/in:ro", "-v", f"{masks}:/out",
        f"{IMAGE}:plain", "predict", "/in", "/out",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert '{"event"' not in done.stdout
    assert "2 of 2 images have a mask: /out/<name>_label.tiff" in done.stdout
    ours = run("harness", "predict", NAME, images, trained / "masks-ours", "--runner", "local",
               cwd=trained)  # fmt: skip
    assert ours.returncode == 0, ours.stderr
    for mask in masks.glob("*.tiff"):
        assert mask.read_bytes() == (trained / "masks-ours" / mask.name).read_bytes()
