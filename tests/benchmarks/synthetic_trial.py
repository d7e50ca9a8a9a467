"""Whether a trial can say all three: that synthetic images help, that they hurt, that they do not.

    python -m tests.benchmarks.synthetic_trial [FOLDER]

Eight simulated pictures of four modalities play the real images. Beside them a small U-Net is given
as many more by the simulator itself (procedural: a gain), the same pictures with each other's
labels (shuffled: harm), or the same eight once more (copies: no gain). Every verdict is that of
`harness run-synthetic`, with its own statistics; the program ends with 1 if one is not as it must
be. About ten minutes of one core. FOLDER keeps the run; without it everything is removed.
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
from tests.small_unet import NAME, write_small_unet

TRAINING, TESTING, SIDE = 9, 32, 96
"""Pictures, one of the first for validation, and their side in px."""
SEEDS = tuple(range(4))
STEPS = 150
MARGIN = 0.05
EXPECTED = {"procedural": "gain", "shuffled": "harm", "copies": "no gain"}
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


def write_dataset(root: Path) -> Path:
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
    return root


def write_copies(root: Path) -> None:
    """The generator that gives the real images again."""
    folder = root / "containers" / "copies"
    folder.mkdir(parents=True)
    (folder / "generator.py").write_text(COPIES)
    (folder / "model.yaml").write_text(
        "name: copies\ntitle: The same images again\nkind: control\n"
        "verbs: [describe, generate]\nentry: generator.py\n"
    )


def carry_out(place: Path) -> Path:
    """The trial; returns its run folder."""
    write_small_unet(place, steps=STEPS)
    write_copies(place)
    os.chdir(place)
    models = choose_models([NAME, *EXPECTED])
    asked = TrialRequest(
        base=Request(
            data=write_dataset(place / "data"),
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
        ratio=1.0,
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
    began = time.process_time(), time.monotonic()
    run = carry_out(place)
    found = settled(Numbers(data=load_report(run)))
    assert found is not None
    verdicts = {
        effect.generator: effect
        for effect in found.effects
        if effect.threshold == 0.5 and not effect.modality
    }
    print("| as many more images by | difference of mean F1 | 95 % interval | verdict |")
    print("| --- | --- | --- | --- |")
    for effect in verdicts.values():
        print(told(effect))
    wrong = [name for name, verdict in EXPECTED.items() if verdicts[name].verdict != verdict]
    times = os.times()
    print(
        f"{len(SEEDS)} seeds, {STEPS} steps in every arm, margin {MARGIN:g};"
        f" {times.children_user + times.user:.0f} CPU-s, {time.monotonic() - began[1]:.0f} s"
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
