"""A trial that takes seconds: a model that learns one brightness, and made scores for verdicts."""

import os
from pathlib import Path

import numpy as np

from evaluator.runs.trial import ArmRecord, GeneratorRecord, TrialRecord
from evaluator.statistics.score_matrix import ScoreMatrix
from harness.models.overrides import checked_overrides
from harness.models.registry import choose_models
from harness.runners.choose import Chosen
from harness.runners.local import LocalRunner
from harness.work.request import Request
from harness.work.run_all import Result
from harness.work.trial.plan import TrialRequest
from harness.work.trial.run import run_trial
from tests.unit.harness_items import LIMITS, Heard

PUPIL = '''
import json
import numpy as np
from pydantic import Field
from scipy import ndimage
from contract import SettingsModel, TrainingSummary, read_image, read_mask, serve, take, write_json

class Settings(SettingsModel):
    """What can be set."""
    steps: int = Field(default=4, ge=1)
    """Steps."""
    patience: int | None = 3
    """Ends it early."""
    by_images: bool = False
    """Steps for each image, as a training by epochs has them."""

class Segmenter:
    """Cells are what is brighter than the mean of cells and background."""
    settings = (Settings,)

    def __init__(self, weights, threads):
        self.level = None if weights is None else json.loads((weights / "level.json").read_text())

    def train(self, call):
        settings = take(call.settings, Settings)
        pairs = [pair for pair in call.pairs if pair.subset == "train"]
        levels = []
        for pair in pairs:
            pixels, truth = read_image(pair.image).mean(axis=2), read_mask(pair.label) > 0
            levels.append((pixels[truth].mean() + pixels[~truth].mean()) / 2)
        level = float(np.mean(levels) + np.random.default_rng(call.seed).normal())
        write_json(call.weights / "level.json", level)
        steps = settings.steps * (len(pairs) if settings.by_images else 1)
        return TrainingSummary(parameters=1, steps=steps, pretrained="none")

    def predict(self, image):
        return ndimage.label(image.pixels.mean(axis=2) > self.level)[0]

if __name__ == "__main__":
    serve(Segmenter)
'''

COPIER = '''
from contract import Sample, TrainingSummary, read_image, read_mask, serve, write_json

class Copier:
    """Gives the images that it is given, or with wrong labels once it is told to."""

    def __init__(self, weights, threads):
        self.weights = weights

    def train(self, call):
        assert {pair.subset for pair in call.pairs} == {"train", "val"}
        write_json(call.weights / "names.json", [pair.stem for pair in call.pairs])
        return TrainingSummary(parameters=1, steps=1, pretrained="none")

    def prepare(self, call):
        self.pairs = call.pairs
        if call.seed == 9:
            raise RuntimeError("it does not like this seed")

    def generate(self, index):
        pair = self.pairs[index % len(self.pairs)]
        pixels = read_image(pair.image)
        return Sample(pixels=pixels, labels=read_mask(pair.label), sources=(pair.stem,))

if __name__ == "__main__":
    serve(Copier)
'''


def write_copier(root: Path) -> None:
    """The model folder `root`/containers/copier, a generator that learns."""
    folder = root / "containers" / "copier"
    (folder / "profiles").mkdir(parents=True)
    (folder / "profiles" / "tiny.yaml").write_text("{}\n")
    (folder / "segmenter.py").write_text(COPIER)
    (folder / "model.yaml").write_text(
        "name: copier\ntitle: Copier\nkind: generator\nverbs: [describe, train, generate]\n"
        "entry: segmenter.py\n"
    )


def write_pupil(root: Path) -> None:
    """The model folder `root`/containers/pupil; `root` has to be the working folder."""
    folder = root / "containers" / "pupil"
    (folder / "profiles").mkdir(parents=True)
    (folder / "profiles" / "tiny.yaml").write_text("steps: 6\n")
    (folder / "segmenter.py").write_text(PUPIL)
    (folder / "model.yaml").write_text(
        "name: pupil\ntitle: Pupil\nkind: segmenter\nverbs: [describe, train, predict]\n"
        "entry: segmenter.py\n"
    )


def trial_request(
    data: Path,
    out: Path,
    *,
    generators: tuple[str, ...] = (),
    shares: tuple[float, ...] = (0.25, 1.0),
    primary_share: float = 0.25,
    margin: float = 0.02,
    seeds: tuple[int, ...] = (0, 1),
    settings: tuple[str, ...] = (),
) -> TrialRequest:
    """A trial of the pupil of the working folder."""
    models = choose_models(["pupil", *generators])
    return TrialRequest(
        base=Request(
            data=data,
            out=out,
            models=models[:1],
            profile="tiny",
            settings=checked_overrides(settings, models, "tiny"),
            seeds=seeds,
            protocol="plain",
            limits=LIMITS,
        ),
        generators=models[1:],
        shares=shares,
        primary_share=primary_share,
        ratio=1.0,
        margin=margin,
    )


def carry_out(asked: TrialRequest, show: Heard | None = None) -> Result:
    """The trial on this machine, one item after the other."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return run_trial(asked, Chosen(LocalRunner(), "for a test"), show or Heard())


def trial_record(*generators: str, controls: tuple[str, ...] = ()) -> TrialRecord:
    """A trial of `net` at 25 % (10 images) and 100 % (40 images)."""
    arms = {
        "net@25%": ArmRecord(role="real", share=0.25, real=10),
        "net@100%": ArmRecord(role="real", share=1.0, real=40),
    }
    for name in (*generators, *controls):
        arms[f"net@25%+{name}"] = ArmRecord(
            role="with", share=0.25, real=10, generator=name, synthetic=10
        )
    return TrialRecord(
        model="net",
        shares=(0.25, 1.0),
        primary_share=0.25,
        margin=0.02,
        ratio=1.0,
        seeds=(0, 1, 2),
        generators={
            name: GeneratorRecord(title=name, verbs=("generate",), control=name in controls)
            for name in (*generators, *controls)
        },
        arms=arms,
        asked={"steps": "6"},
    )


def made_scores(
    means: dict[str, float], *, images: int = 40, seeds: int = 3, spread: float = 0.01
) -> ScoreMatrix:
    """Scores around these means: images that differ alike for all, and seeds that differ little."""
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 0.1, images)
    return ScoreMatrix(
        images=tuple(f"i{number}.png" for number in range(images)),
        by_seed={
            name: np.clip(
                mean
                + hard
                + rng.normal(0, spread, (seeds, 1))
                + rng.normal(0, 0.01, (seeds, images)),
                0,
                1,
            )
            for name, mean in means.items()
        },
    )
