"""Frames made one after another from real ones."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from containers.base.generation.data import Collection, Floats, Levels, Real
from containers.base.generation.painting import judged
from containers.base.generation.scenes import Scene
from containers.pix2pix.motion import Motion, next_mask
from containers.pix2pix.movies import Step, condition, steps
from contract import CallError, GenerateCall, Sample

Labels = npt.NDArray[np.int32]
PaintNext = Callable[[Floats, np.random.Generator], Floats]
"""H×W×C in [-1, 1] for a condition."""


class Rollout:
    """Samples in runs of `length` frames: run r starts from two real frames and goes on from there.

    With masks `real` the runs start at one place of the movies after another and each frame has
    the mask of the real one that it stands beside, which its message names; with `moved` they start
    anywhere, with masks from the model of motion.
    """

    def __init__(
        self,
        call: GenerateCall,
        collection: Collection,
        motion: Motion,
        paint: PaintNext,
        *,
        length: int,
        threshold: float,
    ) -> None:
        self._call, self._collection, self._motion = call, collection, motion
        self._paint, self._length, self._threshold = paint, length, threshold
        self._steps = steps(collection.pairs)
        if not self._steps:
            raise CallError(
                "There are no two frames that follow each other among the training images.",
                why="these weights paint the next frame of a movie",
                do="give a folder with sequences.csv (image,sequence,frame)",
            )
        self._after = {step.before[0]: step for step in self._steps}

    def __call__(self, index: int) -> Sample:
        """Frame number index % length of run index // length; the earlier ones are made again."""
        run, place = divmod(index, self._length)
        rng = np.random.default_rng([self._call.seed, 15, run])
        real = self._call.masks == "real"
        step = self._steps[run % len(self._steps) if real else int(rng.integers(len(self._steps)))]
        last, second = (self._collection[number] for number in step.before[:2])
        frames, masks = [last.scaled, second.scaled], [last.labels, second.labels]
        sources, beside = {last.stem, second.stem}, ""
        following: Step | None = step
        for number in range(place + 1):
            own = np.random.default_rng([self._call.seed, 16, run, number])
            truth = self._collection[following.frame] if real and following else None
            if truth is not None and following is not None:
                mask, beside = truth.labels, f", beside {truth.stem}"
                sources.add(truth.stem)
                following = self._after.get(following.frame)
            else:
                mask, beside = next_mask(masks[0], self._motion, own), ""
            shown = condition((frames[0], frames[1]), (masks[0], masks[1], mask))
            frames = [self._paint(shown, own), frames[0]]
            masks = [mask, masks[0]]
        scene = _scene(last, masks[0], tuple(sorted(sources)), last.levels)
        message = f"frame {place + 1} of {self._length} after {last.stem}{beside}"
        return judged(scene, frames[0], self._threshold, message)


def _scene(last: Real, labels: Labels, sources: tuple[str, ...], levels: Levels) -> Scene:
    return Scene(
        labels=labels,
        glow=last.glow,
        style=last.style,
        levels=levels,
        anchor=last.stem,
        modality=last.modality,
        sources=sources,
    )
