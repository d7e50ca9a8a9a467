"""The VAE: trained for seconds, it paints nuclei that its layout places; killed, it goes on."""

import json
from pathlib import Path

import numpy as np
import pytest

from containers.base.generation.data import collect
from containers.base.generation.encode import touching_share
from containers.base.generation.posterior import Posterior
from containers.vae.composing import correlated, measure_ground
from containers.vae.nuclei import find_outline, frame, in_frame, place_in_frame
from contract import CallError, write_mask
from contract.dataset import training_pairs
from tests.unit.generation_fixtures import assert_resumes, prepared, same, train, values
from tests.unit.generator_fixtures import training_folder

SMALL = {"texture_features": "[8, 8, 16]", "texture_latent": 4, "batch_size": 8}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return training_folder(tmp_path_factory.mktemp("in") / "data")


@pytest.fixture(scope="module")
def trained(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    train("vae", source, out, steps=60, epoch_steps=20, learning_rate=0.003, **SMALL)
    return out


@pytest.mark.parametrize("profile", ["tiny", "quick", "report"])
def test_every_profile_is_complete(profile: str) -> None:
    assert values("vae", profile)["crop"] % 8 == 0


def test_it_paints_nuclei_where_the_mask_has_them(source: Path, trained: Path) -> None:
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert history[-1]["last_error"] < history[0]["last_error"]
    for masks in (None, "real", "replaced"):
        generator = prepared("vae", source, trained, masks=masks or "sampled")
        samples = [generator.generate(index) for index in range(3)]
        assert max(int(sample.labels.max()) for sample in samples) >= 2
        for sample in samples:
            inside = sample.labels > 0
            assert sample.pixels[inside].mean() - sample.pixels[~inside].mean() > 50
            assert sample.score > 0.8
            assert set(sample.sources) <= {"t0", "t1", "t2"}
        again = prepared("vae", source, trained, masks=masks or "sampled").generate(2)
        assert same(samples[2], again)
    assert abs(np.median(samples[0].pixels) - 40) < 10


def test_cells_touch_as_often_as_real_ones(source: Path, trained: Path) -> None:
    generator = prepared("vae", source, trained, masks="sampled")
    shares = [touching_share(generator.generate(index).labels) for index in range(8)]
    assert 0.2 < np.mean(shares) < 1


def test_killed_and_resumed_it_learns_the_same(source: Path, tmp_path: Path) -> None:
    assert_resumes("vae", source, tmp_path, steps=4, **SMALL)


def test_a_nucleus_comes_back_from_its_frame(source: Path) -> None:
    real = collect(training_pairs(source, 0)[0], "train")[0]
    shape = find_outline(real.labels, 1, real.box(1))
    there = frame(shape, 32)
    again = place_in_frame(shape, *there.reshape(2, -1), 32)
    rows, columns = np.mgrid[:32, :32]
    assert np.allclose(again, [rows.ravel(), columns.ravel()], atol=1e-9)
    texture, mask, weights = in_frame(real, 1, shape, 32)
    assert abs(texture[mask > 0].mean() - 1) < 0.1
    assert abs(texture[(weights > 0) & (mask == 0)].mean()) < 0.6
    assert (weights >= mask).all()


def test_new_codes_have_the_mean_and_the_spread_of_the_real_ones() -> None:
    rng = np.random.default_rng(0)
    codes = (rng.normal(size=(300, 3)) @ [[2, 1, 0], [0, 1, 0], [0, 0, 0.1]] + 5).astype(np.float32)
    posterior = Posterior(codes)
    drawn = np.array([posterior.near(int(rng.integers(300)), rng) for _ in range(4000)])
    assert np.allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.15)
    assert np.allclose(np.cov(drawn.T), np.cov(codes.T), rtol=0.15, atol=0.05)


def test_noise_has_the_strength_and_the_correlation_that_were_measured(source: Path) -> None:
    look = measure_ground(collect(training_pairs(source, 0)[0], "train")[0])
    assert abs(look.noise - 6 * 2 / 152) < 0.02
    assert look.correlation < 0.15
    field = correlated((200, 200), 0.6, np.random.default_rng(0))
    assert abs(field.std() - 1) < 0.01
    assert abs(np.corrcoef(field[:, 1:].ravel(), field[:, :-1].ravel())[0, 1] - 0.6) < 0.08


def test_images_without_whole_cells_are_refused(tmp_path: Path) -> None:
    source = training_folder(tmp_path / "in")
    for label in (source / "labels").iterdir():
        label.unlink()
    for image in (source / "images").iterdir():
        write_mask(source / "labels" / f"{image.stem}_label.tiff", np.zeros((48, 48), np.uint8))
    with pytest.raises(CallError, match="no two whole cells"):
        train("vae", source, tmp_path, steps=1, **SMALL)
