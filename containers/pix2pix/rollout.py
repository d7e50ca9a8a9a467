"""Frames made one after another from real ones."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from containers.base.generation.data import Collection, Floats, Real
from containers.base.generation.painting import judged
from containers.pix2pix.motion import Motion, next_mask
from containers.pix2pix.movies import Step, condition, steps
from contract import CallError, GenerateCall, Sample

Labels = npt.NDArray[np.int32]
PaintNext = Callable[[Floats, np.random.Generator], Floats]
"""H×W×C in [-1, 1] for a condition."""


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """A frame of a run, and what the next one is made from."""

    start: Real
    """The last real frame before the run."""
    images: tuple[Floats, Floats]
    """H×W×C in [-1, 1] of this frame and of the one before it."""
    masks: tuple[Labels, Labels]
    sources: frozenset[str]
    following: Step | None
    """The real step on whose frame the next one's mask may be taken."""
    beside: str = ""
    """Stem of the real frame whose mask this one has."""


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
        self._real = call.masks == "real"
        self._paint, self._length, self._threshold = paint, length, threshold
        self._steps = steps(collection.pairs)
        if not self._steps:
            raise CallError(
                "There are no two frames that follow each other among the training images.",
                why="these weights paint the next frame of a movie",
                do="give a folder with sequences.csv (image,sequence,frame)",
            )
        self._after = {step.before[0]: step for step in self._steps}
        self._frame = lru_cache(1)(self._make)

    def __call__(self, index: int) -> Sample:
        """Frame number index % length of run index // length.

        It is made from the one before it, which is kept from the last call or made again.
        """
        run, place = divmod(index, self._length)
        frame = self._frame(run, place)
        beside = f", beside {frame.beside}" if frame.beside else ""
        return judged(
            frame.images[0],
            frame.masks[0],
            levels=frame.start.levels,
            modality=frame.start.modality,
            sources=frame.sources,
            threshold=self._threshold,
            message=f"frame {place + 1} of {self._length} after {frame.start.stem}{beside}",
        )

    def _begin(self, run: int) -> _Frame:
        rng = np.random.default_rng([self._call.seed, 15, run])
        count = len(self._steps)
        step = self._steps[run % count if self._real else int(rng.integers(count))]
        last, second = (self._collection[number] for number in step.before[:2])
        return _Frame(
            start=last,
            images=(last.scaled, second.scaled),
            masks=(last.labels, second.labels),
            sources=frozenset({last.stem, second.stem}),
            following=step,
        )

    def _make(self, run: int, place: int) -> _Frame:
        before = self._frame(run, place - 1) if place else self._begin(run)
        rng = np.random.default_rng([self._call.seed, 16, run, place])
        sources, following, beside = before.sources, None, ""
        if self._real and before.following is not None:
            truth = self._collection[before.following.frame]
            mask, beside = truth.labels, truth.stem
            sources |= {truth.stem}
            following = self._after.get(before.following.frame)
        else:
            mask = next_mask(before.masks[0], self._motion, rng)
        image = self._paint(condition(before.images, (*before.masks, mask)), rng)
        return _Frame(
            start=before.start,
            images=(image, before.images[0]),
            masks=(mask, before.masks[0]),
            sources=sources,
            following=following,
            beside=beside,
        )
