"""Models that cheat or return nonsense go through a benchmark as anybody's, and gain nothing."""

from pathlib import Path

from evaluator import read_scores
from tests.datasets import make_dataset
from tests.programs import TEST_MODELS, environment, finish
from tests.programs import command as words


def test_a_cheater_and_a_degenerate_model_gain_nothing(tmp_path: Path) -> None:
    """The truth is nowhere in reach; a cell a pixel matches no cell."""
    data = make_dataset(tmp_path / "data")
    done = finish(
        words("harness", "run-all", "--data", data, "--out", tmp_path / "run", "--models",
              "cheater,degenerate,oracle", "--runner", "local"),
        cwd=TEST_MODELS, env={**environment(), "DEGENERATE": "a_cell_a_pixel"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    best = {
        model: max(row.f1 for row in read_scores(tmp_path / "run/scores.csv") if row.model == model)
        for model in ("cheater", "degenerate", "oracle")
    }
    assert best["oracle"] == 1
    assert best["cheater"] < 0.5
    assert best["degenerate"] < 0.1
