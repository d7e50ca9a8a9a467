"""What a training works on: its images, how they are shown, and how many steps there are."""

import sys
from dataclasses import dataclass

from containers.base.segmentation.crops import CropSampler
from containers.base.segmentation.data import Pool
from containers.base.segmentation.predict import Viewing
from containers.base.segmentation.schedule import Budget, make_budget
from containers.base.segmentation.settings import Settings
from containers.base.segmentation.validation import Validator
from contract import CallError, TrainCall
from contract.schema import Subset


@dataclass(frozen=True, kw_only=True)
class Material:
    """All that follows from the images and the settings."""

    training: Pool
    sampler: CropSampler
    validator: Validator
    viewing: Viewing
    budget: Budget


def gather(call: TrainCall, settings: Settings) -> Material:
    """Reads the images of `call`; those that cannot be used are named on stderr and left out.

    Without validation images the training images take their place. Raises CallError when there is
    nothing to learn from.
    """
    training, validation = (_pool(call, subset, settings) for subset in ("train", "val"))
    if not len(training):
        raise CallError("None of the training images can be used.", "each was named above")
    typical = training.typical_diameter()
    return Material(
        training=training,
        sampler=CropSampler(training, settings, call.seed),
        validator=Validator(validation if len(validation) else training, settings, typical),
        viewing=Viewing(
            tile=settings.tile,
            overlap=settings.overlap,
            tta=settings.tta,
            scales=settings.scales,
            cell_diameter=settings.cell_diameter,
            typical_diameter=typical,
            diameters=training.diameter_range(),
        ),
        budget=make_budget(settings, len(training)),
    )


def _pool(call: TrainCall, subset: Subset, settings: Settings) -> Pool:
    pairs = [pair for pair in call.pairs if pair.subset == subset]
    pool = Pool(pairs, settings.cache_bytes)
    for name, reason in pool.skipped:
        print(f"warning: {name} is left out: {reason}", file=sys.stderr)
    return pool
