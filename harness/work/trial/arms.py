"""What the items of an arm, or of a generator, work with: the run with their own training set."""

from collections.abc import Sequence
from dataclasses import replace

from contract.schema import Subset
from evaluator.runs.trial import ArmRecord, TrialRecord
from harness.datasets.folder import Pair
from harness.models.registry import Model
from harness.work.items import Context
from harness.work.trial.generating import GenerateItem, synthetic_pairs
from harness.work.trial.plan import training_set
from harness.work.trial.shares import share_of


def arm_context(context: Context, arm: ArmRecord, synthetic: Sequence[Pair] = ()) -> Context:
    """What the items of one arm share."""
    dataset, split = training_set(context.dataset, context.split, arm, synthetic)
    return replace(context, dataset=dataset, split=split)


def made_for(context: Context, trial: TrialRecord, arm: ArmRecord, seed: int) -> Sequence[Pair]:
    """The synthetic images that lie there for an arm."""
    if arm.generator is None:
        return ()
    place = trial.placed(arm.generator, arm.share)
    return synthetic_pairs(context.run.step(place, seed, "generate"))


def generator_context(context: Context, generator: Model, share: float) -> Context:
    """What a generator is given: the training images of a share, and the validation images.

    By these it may set a filter, and make nothing of them. A control that adds real images is given
    those that the share leaves out as well, held back.
    """
    chosen = {pair.name for pair in share_of(context.dataset.train, context.split, share)}
    split: dict[str, Subset] = dict.fromkeys(chosen, "train")
    split |= {name: subset for name, subset in context.split.items() if subset == "val"}
    if generator.card.needs_held:
        held = [name for name, subset in context.split.items() if subset == "train"]
        split |= dict.fromkeys((name for name in held if name not in chosen), "held")
    train = tuple(pair for pair in context.dataset.train if pair.name in split)
    return replace(context, dataset=replace(context.dataset, train=train), split=split)


def generate_item(
    context: Context, trial: TrialRecord, generator: Model, share: float, seed: int
) -> GenerateItem:
    """The making of the images that the arms of a generator and share need."""
    return GenerateItem(
        context=generator_context(context, generator, share),
        model=replace(generator, called=trial.placed(generator.name, share)),
        seed=seed,
        count=trial.count(generator.name, share),
    )
