"""Whether a trial can say all three: that synthetic images help, that they hurt, that they do not.

    python -m tests.benchmarks.synthetic_trial [FOLDER]

Eight simulated pictures of four modalities play the real images. Beside them a model is given
four times as many by the simulator itself (procedural: a gain), as many of the eight with each
other's labels (shuffled: harm), or the same eight again (copies: no gain). The model is behind the
contract and learns in a second: a ridge regression on random waves of filtered pixels, so that a
difference can be seen without a GPU. Every verdict is that of `harness run-synthetic`, with its own
statistics; the program ends with 1 if one is not as it must be. A few minutes of one core. FOLDER
keeps the run, and goes on with it; without it everything is removed.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from containers.base.simulated.modalities import MODALITIES, RECIPES, simulate_image
from contract import label_name, write_mask
from contract.samples import write_png
from evaluator.report.numbers import Numbers
from evaluator.report.read.run import load_report
from evaluator.report.settled import settled
from evaluator.trial.verdicts import Effect
from harness.models.overrides import checked_overrides
from harness.models.registry import choose_models
from harness.runners.choose import choose_runner
from harness.runners.job import Limits
from harness.work.progress import display
from harness.work.request import Request
from harness.work.trial.plan import TrialRequest
from harness.work.trial.run import run_trial

TRAINING, TESTING, SIDE = 9, 32, 96
"""Pictures, one of the first for validation, and their side in px."""
SEEDS = tuple(range(6))
RATIO = 4.0
MARGIN = 0.04
NAME = "waves"
EXPECTED = {"procedural": "gain", "shuffled": "harm", "copies": "no gain"}
WAVES = '''
"""Cells' insides by ridge regression on random waves of filtered grey values."""
import json
import numpy as np
from pydantic import Field
from scipy import ndimage
from skimage.segmentation import expand_labels
from contract import SettingsModel, TrainingSummary, read_image, read_mask, serve, take, write_json

class Settings(SettingsModel):
    """What can be set."""
    steps: int = Field(default=1, ge=1)
    """Regressions; one is exact."""
    waves: int = Field(default=400, ge=1)
    """Random features."""
    pixels: int = Field(default=60000, ge=1)
    """Of all training images together, whatever their number."""

def filtered(pixels):
    grey = pixels.mean(axis=2)
    grey = (grey - grey.mean()) / (grey.std() + 1e-6)
    found = [grey]
    for width in (1, 2, 4, 8):
        smooth = ndimage.gaussian_filter(grey, width)
        spread = ndimage.gaussian_filter(grey * grey, width) - smooth**2
        found += [smooth, np.sqrt(np.maximum(spread, 0))]
        found += [ndimage.gaussian_gradient_magnitude(grey, width)]
        found += [ndimage.gaussian_laplace(grey, width) * width]
    return np.stack(found, axis=-1).reshape(-1, len(found))

def inside(labels):
    same = ndimage.grey_erosion(labels, 5) == ndimage.grey_dilation(labels, 5)
    return ((labels > 0) & same).reshape(-1)

class Segmenter:
    """Learns which pixels lie inside a cell; connected ones are a cell."""
    settings = (Settings,)

    def __init__(self, weights, threads):
        self.kept = None if weights is None else json.loads((weights / "waves.json").read_text())

    def train(self, call):
        settings, random = take(call.settings, Settings), np.random.default_rng(call.seed)
        pairs = [pair for pair in call.pairs if pair.subset == "train"]
        known, truth = [], []
        for pair in pairs:
            seen = filtered(read_image(pair.image))
            drawn = random.integers(0, len(seen), settings.pixels // len(pairs))
            known.append(seen[drawn])
            truth.append(inside(read_mask(pair.label))[drawn] - 0.5)
        seen = np.concatenate(known)
        directions = random.normal(0, 0.5, (seen.shape[1], settings.waves))
        shifts = random.uniform(0, 2 * np.pi, settings.waves)
        waves = np.cos(seen @ directions + shifts)
        square = waves.T @ waves + np.eye(settings.waves)
        solved = np.linalg.solve(square, waves.T @ np.concatenate(truth))
        kept = {"directions": directions, "shifts": shifts, "solved": solved}
        write_json(call.weights / "waves.json", {key: it.tolist() for key, it in kept.items()})
        return TrainingSummary(parameters=settings.waves, steps=settings.steps, pretrained="none")

    def predict(self, image):
        kept = {key: np.array(value) for key, value in self.kept.items()}
        waves = np.cos(filtered(image.pixels) @ kept["directions"] + kept["shifts"])
        found = (waves @ kept["solved"] > 0).reshape(image.pixels.shape[:2])
        return expand_labels(ndimage.label(ndimage.binary_opening(found))[0], 2)

if __name__ == "__main__":
    serve(Segmenter)
'''
COPIES = '''
"""The training images once more, as they are."""
from contract import Sample, read_image, read_mask, serve

class Copies:
    """Gives what it is given."""

    def __init__(self, weights, threads):
        pass

    def prepare(self, call):
        self.pairs = call.pairs

    def generate(self, index):
        pair = self.pairs[index % len(self.pairs)]
        pixels, labels = read_image(pair.image), read_mask(pair.label)
        return Sample(pixels=pixels, labels=labels, sources=(pair.stem,))

if __name__ == "__main__":
    serve(Copies)
'''


def write_dataset(root: Path) -> None:
    """Pictures of the four modalities in turn, with a manifest that names them."""
    for part, count, seed in (("Training-labeled", TRAINING, 0), ("Tuning", TESTING, 1)):
        folder = root / part
        (folder / "images").mkdir(parents=True)
        lines = ["image,modality\n"]
        for number in range(count):
            modality = MODALITIES[number % len(MODALITIES)]
            picture = simulate_image(modality, (seed, number), SIDE)
            name = f"{'real' if part == 'Training-labeled' else 'test'}_{number:03d}.png"
            write_png(folder / "images" / name, picture.pixels)
            write_mask(folder / "labels" / label_name(name), picture.labels)
            lines.append(f"{name},{RECIPES[modality].title}\n")
        (folder / "manifest.csv").write_text("".join(lines))


def write_models(root: Path) -> None:
    """The model that is trained, and the generator that gives the real images again."""
    folder = root / "containers" / NAME
    (folder / "profiles").mkdir(parents=True, exist_ok=True)
    (folder / "profiles" / "tiny.yaml").write_text("steps: 1\n")
    (folder / "segmenter.py").write_text(WAVES)
    (folder / "model.yaml").write_text(
        f"name: {NAME}\ntitle: Waves\nkind: segmenter\nverbs: [describe, train, predict]\n"
        "entry: segmenter.py\n"
    )
    folder = root / "containers" / "copies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "generator.py").write_text(COPIES)
    (folder / "model.yaml").write_text(
        "name: copies\ntitle: The same images again\nkind: control\n"
        "verbs: [describe, generate]\nentry: generator.py\n"
    )


def carry_out(place: Path) -> Path:
    """The trial; returns its run folder."""
    write_models(place)
    os.chdir(place)
    if not (place / "data").exists():
        write_dataset(place / "data")
    models = choose_models([NAME, *EXPECTED])
    asked = TrialRequest(
        base=Request(
            data=place / "data",
            out=place / "run",
            models=models[:1],
            profile="tiny",
            settings=checked_overrides([], models, "tiny"),
            seeds=SEEDS,
            protocol="plain",
            limits=Limits(memory=8 * 2**30, timeout=3600, cores=1),
        ),
        generators=models[1:],
        shares=(1.0,),
        primary_share=1.0,
        ratio=RATIO,
        margin=MARGIN,
    )
    with display() as show:
        run_trial(asked, choose_runner("local"), show)
    return place / "run"


def told(effect: Effect) -> str:
    """A line of the table in docs/synthetic.md."""
    interval = effect.interval
    assert effect.difference is not None
    where = f"{interval.low:+.3f} to {interval.high:+.3f}" if interval else "no interval"
    return f"| {effect.generator} | {effect.difference:+.3f} | {where} | {effect.verdict} |"


def main(place: Path) -> int:
    """Runs the trial in `place` and prints its verdicts; 0 when all three are right."""
    began = time.monotonic()
    run = carry_out(place)
    found = settled(Numbers(data=load_report(run)))
    assert found is not None
    verdicts = {
        effect.generator: effect
        for effect in found.effects
        if effect.threshold == 0.5 and not effect.modality
    }
    print("| four times as many images by | difference of mean F1 | 95 % interval | verdict |")
    print("| --- | --- | --- | --- |")
    for effect in verdicts.values():
        print(told(effect))
    wrong = [name for name, verdict in EXPECTED.items() if verdicts[name].verdict != verdict]
    times = os.times()
    print(
        f"{len(SEEDS)} seeds, margin {MARGIN:g};"
        f" {times.children_user + times.user:.0f} CPU-s, {time.monotonic() - began:.0f} s"
    )
    print(f"not as it must be: {', '.join(wrong)}" if wrong else "all three as they must be")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        folder = Path(sys.argv[1]).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        sys.exit(main(folder))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(main(Path(temporary)))
