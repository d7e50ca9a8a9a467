"""Generated images with a real partner: next frames, super-resolution, masks of real images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from contract import CallError
from contract.names import some
from evaluator.statistics.intervals import FEWEST, Interval
from evaluator.synthetic.folders import Folder, Grey, by_stem, stretched
from evaluator.synthetic.result import PairScore
from evaluator.synthetic.similarity import (
    SMALLEST,
    SMALLEST_MULTI,
    micro_ssim,
    ms_ssim,
    psnr,
    ssim,
)

MOST_PAIRS = 200
DRAWS = 2000
GENERATED, COPY, WARP, OTHER = (
    "synthetic",
    "copy the last frame",
    "warp the last frames",
    "another real image",
)
METRICS = ("PSNR, dB", "SSIM", "MS-SSIM", "MicroSSIM")
Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class _Scene:
    """A real image, the generated one of the same name, and what the baselines make of the past."""

    real: Grey
    by_way: Mapping[str, Grey]


def pair_scores(real: Folder, synthetic: Folder) -> tuple[tuple[PairScore, ...], tuple[str, ...]]:
    """How alike generated images and the real ones with the same stem are, beside baselines.

    With sequences.csv beside the real images these are the frame before, and that frame moved on by
    the optical flow between the two frames before (Farnebäck), which needs nothing of the frame in
    question; all ways are scored on the frames that have two before them. Without, the baseline is
    the next real image, which says what an unrelated image gets. Returns the scores and sentences
    about what was left out; raises CallError where no name is on both sides.
    """
    partners, others = by_stem(real.pairs), by_stem(synthetic.pairs)
    shared = [stem for stem in others if stem in partners]
    if not shared:
        raise CallError(
            f"--paired: no image of {synthetic.root} has the name of one of {real.root}.",
            f"the names are {some(sorted(others))} and {some(sorted(partners))}",
            "generate next frames, or from the masks of real images, under the same names;"
            " else leave --paired out",
        )
    frames: dict[str, Grey] = {}

    def raw(stem: str) -> Grey:
        if stem not in frames:
            frames[stem] = partners[stem].open().pixels.astype(np.float64).mean(axis=2)
        return frames[stem]

    past = _past(real)
    notes, scenes = [], []
    early, unequal = [], []
    for stem in sorted(shared)[:MOST_PAIRS]:
        truth, made = raw(stem), others[stem].open().pixels.astype(np.float64).mean(axis=2)
        if made.shape != truth.shape or min(truth.shape) < SMALLEST:
            unequal.append(stem)
            continue
        ways = {GENERATED: made}
        if past is not None:
            before = past(stem)
            if before is None or any(raw(one).shape != truth.shape for one in before):
                early.append(stem)
                continue
            first, last = (raw(one) for one in before)
            ways |= {COPY: last, WARP: moved_on(first, last)}
        scenes.append(_Scene(real=truth, by_way=ways))
    if unequal:
        notes.append(f"Left out of the pairs, of another size or tiny: {some(unequal)}.")
    if early:
        notes.append(f"Left out of the pairs, without two frames before: {some(early)}.")
    if past is None and len(scenes) > 1 and len({one.real.shape for one in scenes}) == 1:
        scenes = [
            _Scene(real=one.real, by_way={**one.by_way, OTHER: other.real})
            for one, other in zip(scenes, scenes[1:] + scenes[:1], strict=True)
        ]
    return _scores(scenes), tuple(notes)


def moved_on(first: Grey, last: Grey) -> Grey:
    """(H, W) of the frame after `last`, if all goes on as from `first` to `last`."""
    low, high = np.percentile(last, [0.1, 99.9])
    eight = [
        np.clip((one - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
        for one in (first, last)
    ]
    flow = cv2.calcOpticalFlowFarneback(
        eight[0], eight[1], None, 0.5, 4, 21, 5, 7, 1.5, cv2.OPTFLOW_FARNEBACK_GAUSSIAN
    )
    rows, columns = np.mgrid[: last.shape[0], : last.shape[1]].astype(np.float32)
    moved = cv2.remap(
        last.astype(np.float32),
        columns - flow[..., 0],
        rows - flow[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.float64)


def _past(real: Folder) -> Callable[[str], tuple[str, str] | None] | None:
    """A function that gives the two frames before a stem; None where there are no sequences."""
    if real.sequences is None:
        return None
    known = set(by_stem(real.pairs))
    places = {place: stem for stem, place in real.sequences.items() if stem in known}
    sequences = real.sequences

    def before(stem: str) -> tuple[str, str] | None:
        if stem not in sequences:
            return None
        sequence, frame = sequences[stem]
        first, last = places.get((sequence, frame - 2)), places.get((sequence, frame - 1))
        return (first, last) if first is not None and last is not None else None

    return before


def _scores(scenes: Sequence[_Scene]) -> tuple[PairScore, ...]:
    if not scenes:
        reason = "no pair is left"
        return tuple(
            PairScore(way=GENERATED, metric=metric, pairs=0, withheld=reason) for metric in METRICS
        )
    ways = tuple(scenes[0].by_way)
    values = {way: _values(scenes, way) for way in ways}
    found = []
    for metric in METRICS:
        for way in ways:
            own = values[way][metric]
            if own is None:
                side = min(min(scene.real.shape) for scene in scenes)
                reason = f"an image has {side} pixels a side, fewer than {SMALLEST_MULTI}"
                found.append(PairScore(way=way, metric=metric, pairs=len(scenes), withheld=reason))
                continue
            made = values[GENERATED][metric]
            gained = made - own if made is not None and way != GENERATED else None
            found.append(
                PairScore(
                    way=way,
                    metric=metric,
                    pairs=len(scenes),
                    value=float(own.mean()),
                    interval=_interval(own),
                    difference=None if gained is None else float(gained.mean()),
                    difference_interval=None if gained is None else _interval(gained),
                )
            )
    return tuple(found)


def _values(scenes: Sequence[_Scene], way: str) -> dict[str, Numbers | None]:
    """Metric → (pairs,) values; None of MS-SSIM where an image is too small for it."""
    shown = [(stretched(scene.real), stretched(scene.by_way[way])) for scene in scenes]
    large = all(min(scene.real.shape) >= SMALLEST_MULTI for scene in scenes)
    micro = micro_ssim([scene.real for scene in scenes], [scene.by_way[way] for scene in scenes])
    return {
        # equal images have no error, for which 100 dB stands
        METRICS[0]: np.array([min(psnr(*pair), 100.0) for pair in shown]),
        METRICS[1]: np.array([ssim(*pair) for pair in shown]),
        METRICS[2]: np.array([ms_ssim(*pair) for pair in shown]) if large else None,
        METRICS[3]: np.array(micro),
    }


def _interval(values: Numbers) -> Interval | None:
    """95 % of the mean, by drawing pairs again; None below FEWEST."""
    if len(values) < FEWEST:
        return None
    drawn = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
    return Interval(low=float(low), high=float(high))
