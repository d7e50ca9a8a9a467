"""Which test images are among those that a model's weights learned from before this run."""

from collections.abc import Sequence
from pathlib import Path

from contract import CallError, sha256_json, write_json
from contract.start import SHIPPED as FROM_SHIPPED
from contract.start import START_FROM
from evaluator.runs.folder import SEEN_JSON
from evaluator.runs.likeness import told_seen
from evaluator.runs.read import read_seen
from evaluator.runs.records import SeenImage, SeenRecord
from evaluator.runs.words import SHIPPED
from harness.models.registry import Model
from harness.weights import fingerprints
from harness.weights.card import Fingerprints, read_card
from harness.work.items import Context
from harness.work.progress import Display
from harness.work.training import wanted_start


def look_for_seen(context: Context, models: Sequence[Model], show: Display) -> None:
    """Writes seen.json of the models whose weights have a card; says what was found.

    Models of an earlier call stay in it.
    """
    root, tests = context.run.root, context.dataset.test
    cards = {model.name: card for model in models if (card := _prints(context, model))}
    if not cards:
        return
    earlier = read_seen(root)
    keys = {
        name: sha256_json([card.sha256, context.dataset.test_images_sha256])
        for name, card in cards.items()
    }
    kept = dict(earlier.models) if earlier else {}
    known = dict(earlier.keys) if earlier else {}
    of_prints: dict[str, tuple[SeenImage, ...]] = {}
    for name, card in cards.items():
        if known.get(name) == keys[name]:
            continue
        if card.sha256 not in of_prints:
            try:
                learned = fingerprints.load(fingerprints.FOLDER / card.file, card.sha256)
            except CallError as error:
                show.say(f"note: test images were not looked for in {name}'s weights: {error.what}")
                continue
            found = fingerprints.find([pair.image for pair in tests], learned)
            of_prints[card.sha256] = tuple(SeenImage(**vars(one)) for one in found)
        kept[name], known[name] = of_prints[card.sha256], keys[name]
    record = SeenRecord(keys=known, models=kept)
    write_json(root / SEEN_JSON, record.model_dump(mode="json"))
    for sentence in told_seen(record, len(tests)):
        show.say(f"warning: {sentence}")


def _prints(context: Context, model: Model) -> Fingerprints | None:
    """Of the images that the weights which it starts from, or comes with, learned from."""
    folder = _start(context, model)
    card = read_card(folder) if folder is not None else None
    return card.fingerprints if card else None


def _start(context: Context, model: Model) -> Path | None:
    if not model.learns or model.folder is None:
        return None
    profile = context.record.profile
    if profile == SHIPPED:
        return model.shipped_weights
    settings = context.settings.get(model.name, ())
    named = [override.file for override in settings if override.key == START_FROM]
    if named and named[-1] is not None:
        return named[-1]
    shipped = wanted_start(model, profile, settings) == FROM_SHIPPED
    return model.shipped_weights if shipped else None
