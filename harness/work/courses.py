"""Which items follow from each other for one model and seed: training, prediction, scoring."""

from dataclasses import replace
from itertools import chain

from evaluator.runs.words import Outcome
from evaluator.scores.rows import ScoreRow
from harness.models.registry import Model
from harness.work.crew import Course
from harness.work.items import Context, Done
from harness.work.predicting import PredictItem
from harness.work.scoring import ScoreItem
from harness.work.shards import BeginItem, GatherItem, ShardItem, shards
from harness.work.shipped import learned

NO_TESTS = slice(0)
"""Of the test images: a training has nothing to do with them."""


def course(
    context: Context, model: Model, seed: int, before: Done | None = None
) -> Course[tuple[ScoreRow, ...]]:
    """Training, if it learns, prediction and scoring; the rows.

    `before` is how a step of another model ended on which all of it depends.
    """
    done = before or Done(outcome="done")
    if model.learns and done.outcome == "done":
        done = yield learned(context.narrowed(NO_TESTS), model, seed)
    if done.outcome == "done":
        done = yield from _predicted(context, model, seed)
    # The folder of this model does not tell of a failure before it.
    told = done.recorded and (before is None or before.outcome == "done")
    failed: Outcome | None = None if told else "crashed"
    item = ScoreItem(context=context, model=model.name, seed=seed, failed=failed)
    return (yield from scored(item))


def _predicted(context: Context, model: Model, seed: int) -> Course[Done]:
    """The masks: one item's work, or that of many shards."""
    parts = shards(len(context.dataset.test))
    if len(parts) == 1:
        return (yield PredictItem(context=context, model=model, seed=seed))
    done = yield BeginItem(context=context, model=model, seed=seed, parts=parts)
    if done.outcome != "done" or done.shards is None:
        return done
    if done.shards:
        yield tuple(
            ShardItem(context=context.narrowed(parts[number]), model=model, seed=seed, shard=number)
            for number in done.shards
        )
    return (yield GatherItem(context=context, model=model, seed=seed, parts=parts))


def scored(item: ScoreItem) -> Course[tuple[ScoreRow, ...]]:
    """The rows; those of masks that cannot even be looked at are crashes."""
    parts = shards(len(item.context.dataset.test))
    items = [item]
    if len(parts) > 1:
        items = [
            replace(item, context=item.context.narrowed(images), shard=number)
            for number, images in enumerate(parts)
        ]
    ends = list((yield tuple(items)).parts)
    fallen = [number for number, end in enumerate(ends) if end.outcome != "done"]
    if fallen:
        again = yield tuple(replace(items[number], failed="crashed") for number in fallen)
        for number, end in zip(fallen, again.parts, strict=True):
            ends[number] = end
    return tuple(chain.from_iterable(end.rows for end in ends))
