"""--set reaches a training in both runners, with the files that it names."""

import json
from pathlib import Path

import pytest

from tests.datasets import make_dataset
from tests.programs import run

LEARNER = """
import shutil
import numpy as np
from contract import SettingsModel, TrainingSummary, serve


class Own(SettingsModel):
    start: str
    steps: int = 1


class Segmenter:
    settings = (Own,)

    def __init__(self, weights, threads):
        pass

    def train(self, call):
        shutil.copy(call.settings["start"], call.weights / "copy")
        return TrainingSummary(steps=call.settings["steps"])

    def predict(self, image):
        return np.zeros(image.pixels.shape[:2], np.uint8)


if __name__ == "__main__":
    serve(Segmenter)
"""


def write_learner(place: Path) -> None:
    """A model whose weights are a copy of the file that its setting `start` names."""
    folder = place / "containers" / "learner"
    (folder / "profiles").mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "segmenter.py").write_text(LEARNER)
    (folder / "profiles" / "tiny.yaml").write_text("start: nothing\n")
    (folder / "model.yaml").write_text(
        "name: learner\ntitle: L\nkind: segmenter\nverbs: [describe, train, predict]\nshm: 64m\n"
    )
    (folder / "Dockerfile").write_text(
        "FROM cellbench/base\nCOPY . /opt/cellbench/containers/learner\n"
        'ENTRYPOINT ["python3", "-m", "containers.learner.segmenter"]\n'
    )


def test_a_setting_and_its_file(tmp_path: Path, runner: str) -> None:
    write_learner(tmp_path)
    data, out = make_dataset(tmp_path / "data", train=4), tmp_path / "run"
    start = tmp_path / "start here.pth"
    start.write_text("one")

    def go() -> str:
        done = run(
            "harness", "run-all", "--data", data, "--out", out, "--models", "learner",
            "--profile", "tiny", "--runner", runner, "--set", "steps=7",
            "--set", f"learner.start={start}", cwd=tmp_path,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stderr

    go()
    step = out / "models" / "learner" / "seed0" / "train"
    assert (step / "weights" / "copy").read_text() == "one"
    record = json.loads((step / "training.json").read_text())
    assert record["steps"] == 7
    assert record["overrides"].startswith("steps=7, start=")
    asked = json.loads((out / "run.json").read_text())["models"]["learner"]["settings"]
    assert asked == ["steps=7", f"start={start}"]
    assert "learner seed 0: train: reused" in go()
    why = run("harness", "why", out, "learner", "train", cwd=tmp_path)
    assert "reuses it" in why.stdout
    start.write_text("two")
    assert "settings changed" in run("harness", "why", out, "learner", "train", cwd=tmp_path).stdout
    go()
    assert (step / "weights" / "copy").read_text() == "two"


WRONG = {
    "stepps=7": "no setting 'stepps'; did you mean 'steps'?",
    "steps=many": 'learner: --set steps=many: steps must be a whole number, not "many"',
    "learner.=7": "no setting ''",
    "learnr.steps=7": "no model 'learnr' is trained here; did you mean 'learner'?",
}


@pytest.mark.parametrize("verb", ["run-all", "train"])
@pytest.mark.parametrize("setting", WRONG)
def test_a_wrong_setting_does_nothing(tmp_path: Path, verb: str, setting: str) -> None:
    write_learner(tmp_path)
    data = make_dataset(tmp_path / "data", train=4)
    chosen = ["--models", "learner"] if verb == "run-all" else ["learner"]
    done = run("harness", verb, *chosen, "--data", data, "--out", tmp_path / "run",
               "--profile", "tiny", "--set", setting, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 2
    assert WRONG[setting] in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_model_that_declares_nothing_takes_any_setting(tmp_path: Path) -> None:
    write_learner(tmp_path)
    source = tmp_path / "containers" / "learner" / "segmenter.py"
    source.write_text(source.read_text().replace("    settings = (Own,)\n", ""))
    data, start = make_dataset(tmp_path / "data", train=4), tmp_path / "w"
    start.touch()
    done = run("harness", "train", "learner", "--data", data, "--out", tmp_path / "run",
               "--profile", "tiny", "--set", "steps=7", "--set", f"start={start}",
               "--set", "anything=[1]", "--runner", "local", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
