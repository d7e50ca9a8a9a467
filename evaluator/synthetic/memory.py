"""Whether a generator repeats what it was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from scipy.spatial.distance import cdist

from contract import write_aside
from evaluator.statistics.intervals import FEWEST
from evaluator.synthetic.cells import Sample
from evaluator.synthetic.floor import SPLITS, cluster_interval
from evaluator.synthetic.folders import Grey, Pair
from evaluator.synthetic.result import Floor, Measure, Nearest

SIDE = 32
"""Pixels of the small pictures that are compared."""
RARE = 0.05
"""Share of held-out real images or cells that lie as near to a training one by chance."""
MOST_IMAGES = 500
SHOWN = 12
SHOWN_SIDE = 224
PICTURES = tuple(f"nearest-{number:02d}.jpg" for number in range(1, SHOWN + 1))
GAP = 6
QUALITY = 85
FEWEST_HELD_OUT = 2 * FEWEST
Numbers = npt.NDArray[np.float64]


def copied(
    name: str,
    held_out: tuple[Numbers, npt.NDArray[np.intp]],
    synthetic: tuple[Numbers, npt.NDArray[np.intp]],
    train_images: int,
    seed: int = 0,
) -> Measure:
    """The share of generated rows nearer to training than all but RARE of the held-out rows.

    Both sides are (rows,) distances to the nearest training row, and (rows,) the images. A
    generator that has learnt, not copied, gives about RARE. The floor is the share of one half of
    the held-out images by the limit of the other half; at equal size the generated ones are judged
    by the same limits. Withheld below FEWEST_HELD_OUT held-out images.
    """
    distances, unit = held_out
    others, other_unit = synthetic
    images, other_images = len(np.unique(unit)), len(np.unique(other_unit))
    plain = Measure(
        name=name,
        topic="memory",
        better="low",
        real_images=train_images,
        synthetic_images=other_images,
        real_rows=len(distances),
        synthetic_rows=len(others),
    )
    reason = ""
    if not images:
        reason = (
            "no real image was held out of training: give split.csv with val, or a dataset"
            " with Tuning/"
        )
    elif images < FEWEST_HELD_OUT:
        reason = f"{images} held-out real images, fewer than {FEWEST_HELD_OUT}"
    elif other_images < FEWEST:
        reason = f"{other_images} synthetic images, fewer than {FEWEST}"
    if reason:
        return replace(plain, withheld=reason)
    near = (others < np.quantile(distances, RARE)).astype(np.float64)
    generator = np.random.default_rng([seed, 3])
    own, floors, equals = np.unique(unit), [], []
    for _ in range(SPLITS):
        half = np.isin(unit, generator.permutation(own)[: len(own) // 2])
        limit = np.quantile(distances[half], RARE)
        floors.append(float((distances[~half] < limit).mean()))
        equals.append(float((others < limit).mean()))
    low, middle, high = np.quantile(floors, [0.025, 0.5, 0.975])
    return replace(
        plain,
        value=float(near.mean()),
        interval=cluster_interval(near, other_unit),
        equal=float(np.median(equals)),
        floor=Floor(middle=float(middle), low=float(low), high=float(high)),
    )


def copied_cells(train: Sample, held_out: Sample, synthetic: Sample) -> Measure:
    """`copied` of cells, by the distance of their principal components."""

    def nearest(sample: Sample) -> Numbers:
        if not len(sample.rows) or not len(train.rows):
            return np.zeros(0)
        return np.asarray(cdist(sample.rows, train.rows).min(axis=1))

    return copied(
        "copied cells",
        (nearest(held_out), held_out.unit),
        (nearest(synthetic), synthetic.unit),
        train.images,
    )


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """For every image of one side, the training image that is most like it."""

    distance: Numbers
    """(images,) 1 − correlation at SIDE×SIDE pixels, the least over eight orientations."""
    place: npt.NDArray[np.intp]
    """(images,) of that training image."""


def small(grey: Grey) -> Numbers:
    """(SIDE²,) grey values with mean 0 and length 1; 0 for an image without contrast."""
    values = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA).ravel()
    values = values - values.mean()
    length = float(np.linalg.norm(values))
    return np.asarray(values / length if length > 0 else values, dtype=np.float64)


def likeness(images: Numbers, train: Numbers) -> Likeness:
    """Of (images, SIDE²) small pictures to (train, SIDE²) ones, turned and mirrored as well."""
    best = np.full((len(images), len(train)), -1.0)
    pictures = images.reshape(-1, SIDE, SIDE)
    for flipped in (pictures, pictures[:, :, ::-1]):
        for turns in range(4):
            turned = np.rot90(flipped, turns, axes=(1, 2)).reshape(len(images), -1)
            best = np.maximum(best, turned @ train.T)
    return Likeness(distance=1 - best.max(axis=1), place=best.argmax(axis=1))


def copied_images(held_out: Likeness | None, synthetic: Likeness, train_images: int) -> Measure:
    """`copied` of whole images."""
    distances = held_out.distance if held_out else np.zeros(0)
    return copied(
        "copied images",
        (distances, np.arange(len(distances))),
        (synthetic.distance, np.arange(len(synthetic.distance))),
        train_images,
    )


def small_pictures(pairs: Sequence[Pair]) -> Numbers:
    """(pairs, SIDE²) of these pairs' images."""
    found = [small(pair.open().grey) for pair in pairs]
    return np.stack(found) if found else np.zeros((0, SIDE * SIDE))


def show_nearest(
    synthetic: Sequence[Pair], train: Sequence[Pair], found: Likeness, out: Path
) -> tuple[Nearest, ...]:
    """Writes SHOWN pictures, the generated image left of its nearest real one.

    The nearest third of them is that of the most alike pairs; the others are evenly spread over the
    rest, so that the sheet shows the usual as well.
    """
    order = np.argsort(found.distance, kind="stable")
    first = order[: SHOWN // 3]
    rest = order[SHOWN // 3 :]
    spread = (
        rest[np.unique(np.linspace(0, len(rest) - 1, SHOWN - len(first)).astype(int))]
        if (len(rest))
        else rest
    )
    shown = []
    for name, place in zip(PICTURES, (*first, *spread), strict=False):
        one, other = synthetic[place], train[found.place[place]]
        picture = np.concatenate(
            [_shown(one), np.full((SHOWN_SIDE, GAP, 3), 255, np.uint8), _shown(other)], axis=1
        )
        write_aside(out / name, partial(Pillow.fromarray(picture).save, quality=QUALITY))
        shown.append(
            Nearest(
                synthetic=one.stem,
                real=other.stem,
                distance=float(found.distance[place]),
                picture=name,
            )
        )
    return tuple(shown)


def _shown(pair: Pair) -> npt.NDArray[np.uint8]:
    """SHOWN_SIDE² colours of the whole image, on white where it is not square."""
    pixels = pair.open().pixels.astype(np.float64)
    low, high = np.percentile(pixels, [0.5, 99.5])
    scaled = np.clip((pixels - low) / max(high - low, 1e-9) * 255, 0, 255).astype(np.uint8)
    image = Pillow.fromarray(scaled)
    factor = SHOWN_SIDE / max(image.size)
    width, height = (max(1, round(side * factor)) for side in image.size)
    image = image.resize((width, height))
    ground = Pillow.new("RGB", (SHOWN_SIDE, SHOWN_SIDE), "white")
    ground.paste(image, ((SHOWN_SIDE - image.width) // 2, (SHOWN_SIDE - image.height) // 2))
    return np.asarray(ground)
