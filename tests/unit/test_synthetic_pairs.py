"""Generated images with a real partner: likeness pixel by pixel, and the baselines to beat."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from contract import CallError
from evaluator.synthetic.folders import read_folder
from evaluator.synthetic.paired import COPY, GENERATED, OTHER, WARP, moved_on, pair_scores
from evaluator.synthetic.result import PairScore
from evaluator.synthetic.similarity import micro_ssim, ms_ssim, psnr, ssim
from tests.unit.synthetic_fixtures import draw, write_folder, write_pair

Numbers = npt.NDArray[np.float64]
FRAMES = 9


def smooth(seed: int, shape: tuple[int, int] = (64, 72)) -> Numbers:
    found = ndimage.gaussian_filter(np.random.default_rng(seed).normal(0, 60, shape), 2)
    return np.asarray(found, dtype=np.float64)


def by_way(scores: tuple[PairScore, ...], metric: str) -> dict[str, PairScore]:
    return {one.way: one for one in scores if one.metric == metric}


def test_psnr_and_ssim_are_those_of_scikit_image() -> None:
    real = (smooth(0) - smooth(0).min()) / np.ptp(smooth(0))
    other = np.clip(real + np.random.default_rng(1).normal(0, 0.1, real.shape), 0, 1)
    expected = structural_similarity(
        real, other, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1
    )
    assert ssim(real, other) == pytest.approx(expected)
    assert psnr(real, other) == pytest.approx(peak_signal_noise_ratio(real, other, data_range=1))
    assert psnr(real, real) == np.inf
    assert ssim(real, real) == ms_ssim(np.tile(real, (3, 3)), np.tile(real, (3, 3))) == 1


def test_micro_ssim_heeds_neither_gain_nor_offset() -> None:
    real = 150 + smooth(2) * 20
    assert micro_ssim([real], [0.02 * real + 700]) == pytest.approx([1], abs=1e-4)
    noisy = 0.3 * real + np.random.default_rng(3).normal(0, 4, real.shape) - 20
    much = 0.3 * real + np.random.default_rng(3).normal(0, 40, real.shape) - 20
    assert micro_ssim([real], [much])[0] < 0.8 < micro_ssim([real], [noisy])[0]


def test_micro_ssim_is_that_of_its_authors() -> None:
    generator = np.random.default_rng(42)
    real = 150 + ndimage.gaussian_filter(generator.normal(0, 60, (64, 72)), 2) * 20
    other = 0.3 * real + generator.normal(0, 4, real.shape) - 20
    # by microssim 0.0.5
    assert micro_ssim([real], [other]) == pytest.approx([0.98818115], abs=1e-4)


def test_a_steady_motion_is_foreseen() -> None:
    large = smooth(4, (120, 120))
    frames = [large[10:106, 10 + 3 * step : 106 + 3 * step] for step in range(3)]
    foreseen = moved_on(frames[0], frames[1])
    inner = np.s_[12:-12, 12:-12]
    moved = np.abs(foreseen - frames[2])[inner].mean()
    assert moved < 0.35 * np.abs(frames[1] - frames[2])[inner].mean()


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real frames of cells that move two pixels at a time, with sequences.csv."""
    root = tmp_path_factory.mktemp("movie")
    image, labels = draw(0)
    lines = ["image,sequence,frame"]
    for frame in range(FRAMES):
        shift = (0, 2 * frame)
        write_pair(
            root, f"t{frame:03d}", np.roll(image, shift, (0, 1)), np.roll(labels, shift, (0, 1))
        )
        lines.append(f"t{frame:03d}.png,one,{frame}")
    (root / "sequences.csv").write_text("\n".join(lines) + "\n")
    return root


def test_the_truth_beats_the_baselines_and_a_copy_is_one(movie: Path, tmp_path: Path) -> None:
    scores, notes = pair_scores(read_folder(movie), read_folder(movie))
    found = by_way(scores, "SSIM")
    assert set(found) == {GENERATED, COPY, WARP}
    assert {one.pairs for one in scores} == {FRAMES - 2}
    assert found[GENERATED].value == pytest.approx(1)
    gain = found[COPY].difference_interval
    assert gain is not None
    assert gain.low > 0
    assert notes == ("Left out of the pairs, without two frames before: t000, t001.",)

    copies = tmp_path / "copies"
    real = read_folder(movie)
    for before, pair in zip(real.pairs, real.pairs[1:], strict=False):
        opened = before.open()
        write_pair(copies, pair.stem, opened.pixels[..., 0].astype(np.uint8), opened.labels)
    scores, _ = pair_scores(real, read_folder(copies))
    for metric in ("PSNR, dB", "SSIM", "MicroSSIM"):
        copied = by_way(scores, metric)[COPY]
        assert copied.difference == pytest.approx(0)


def test_without_a_movie_the_baseline_is_an_unrelated_image(tmp_path: Path) -> None:
    real = read_folder(write_folder(tmp_path / "real", range(6)))
    scores, _ = pair_scores(real, real)
    found = by_way(scores, "MicroSSIM")
    assert set(found) == {GENERATED, OTHER}
    value = found[OTHER].value
    assert value is not None
    assert value < 0.8
    large = by_way(scores, "MS-SSIM")[GENERATED]
    assert large.value is None
    assert large.withheld == "an image has 96 pixels a side, fewer than 161"


def test_names_that_do_not_meet_and_sizes_that_differ_are_named(tmp_path: Path) -> None:
    real = write_folder(tmp_path / "real", range(2))
    strange = write_folder(tmp_path / "strange", range(7, 8))
    with pytest.raises(CallError, match=r"no image of .*strange has the name"):
        pair_scores(read_folder(real), read_folder(strange))
    image, labels = draw(0)
    write_pair(tmp_path / "cut", "cell_000", image[:50], labels[:50])
    scores, notes = pair_scores(read_folder(real), read_folder(tmp_path / "cut"))
    assert {one.withheld for one in scores} == {"no pair is left"}
    assert notes == ("Left out of the pairs, of another size or tiny: cell_000.",)
    (real / "sequences.csv").write_text("image,frame\ncell_000.png,1\n")
    with pytest.raises(CallError, match="no image,sequence,frame"):
        read_folder(real)
