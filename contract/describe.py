"""The verb describe: what a model is, and what can be set of its training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contract.profiles import profile_names
from contract.schema import ModelCard
from contract.settings import declared, read_settings, schema

DEFAULT_PROFILE = "quick"


def describe(
    segmenter: type[Any],
    card: ModelCard,
    folder: Path,
    *,
    profile: str | None,
    overrides: Sequence[str],
) -> ModelCard:
    """`card` with the settings that can be set, the profiles, and one profile's values if asked.

    So a call can be checked before anything is trained: raises CallError for whatever `train` would
    refuse of `profile` and `overrides`, save that files need not be there.
    """
    if "train" not in card.verbs:
        return card
    kinds, profiles = declared(segmenter), folder / "profiles"
    asked = profile is not None or overrides
    found: dict[str, Any] = {
        "settings": None if kinds is None else schema(kinds),
        "profiles": tuple(profile_names(profiles)),
        "values": read_settings(profiles, profile or DEFAULT_PROFILE, overrides, kinds, files=False)
        if asked
        else None,
    }
    return card.model_copy(update=found)
