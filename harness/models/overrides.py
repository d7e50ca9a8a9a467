"""--set: single settings of a training other than its profile has them, and files for it."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, sha256_file
from contract.errors import did_you_mean
from contract.profiles import parse_override
from harness.models.describe import describe, options_of
from harness.models.registry import Model

Known = Mapping[str, Collection[str] | None]
"""The settings of each model that learns, by its name; None: nobody knows, so that any is taken."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """One setting; `file` when its value is a file that the model must be able to read."""

    key: str
    value: str
    file: Path | None = None

    @property
    def text(self) -> str:
        """As it is given to a model that sees this machine's paths."""
        return f"{self.key}={self.value if self.file is None else self.file}"

    def fingerprint(self) -> str:
        """What a training depends on: the value, or the content of the file."""
        return self.text if self.file is None else f"{self.key}={sha256_file(self.file)}"


Overrides = tuple[Override, ...]


def checked_overrides(
    texts: Sequence[str], models: Sequence[Model], profile: str
) -> Mapping[str, Overrides]:
    """The overrides of each model (see `parse_overrides`), checked by it with its profile.

    Each model that learns and has Python sources here is asked, in a process of its own; the others
    say what they refuse when they are trained. Raises CallError for whatever is wrong.
    """
    learners = [model for model in models if model.learns]
    with ThreadPoolExecutor() as pool:
        cards = list(pool.map(describe, learners)) if texts else [None] * len(learners)
        known = {
            model.name: card.settings["properties"] if card and card.settings else None
            for model, card in zip(learners, cards, strict=True)
        }
        found = parse_overrides(texts, known)
        given = [[override.text for override in found[model.name]] for model in learners]
        asked = [options_of(profile, texts) for texts in given]
        list(pool.map(lambda model, options: describe(model, *options), learners, asked))
    return found


def parse_overrides(texts: Sequence[str], known: Known) -> Mapping[str, Overrides]:
    """The overrides of each model, by its name, from KEY=VALUE and MODEL.KEY=VALUE.

    A key without a model goes to every model that has such a setting; the last one counts. A value
    that begins with /, ./, ../ or ~ is a file of this machine. Raises CallError for a setting that
    no chosen model has, for a value that is no YAML, and for a file that is not there.
    """
    found: dict[str, dict[str, Override]] = {name: {} for name in known}
    for text in texts:
        left, _ = parse_override(text)
        name, dot, key = left.rpartition(".")
        if dot and name not in known:
            raise CallError(
                f"--set {text}: no model {name!r} is trained here{did_you_mean(name, known)}",
                do=f"choose one of: {', '.join(known) or 'none of these models learns'}",
            )
        takers = [
            model
            for model, keys in known.items()
            if key and (name == model or not dot) and (keys is None or key in keys)
        ]
        if not takers:
            raise _unknown(text, key, [known[name]] if dot else known.values())
        value = text.partition("=")[2]
        override = Override(key=key, value=value, file=_file(text, value))
        for model in takers:
            found[model][key] = override
    return {name: tuple(values.values()) for name, values in found.items()}


def _file(text: str, value: str) -> Path | None:
    if not value.startswith(("/", "./", "../", "~")):
        return None
    path = Path(value).expanduser().resolve()
    if not path.is_file():
        raise CallError(
            f"--set {text}: there is no file {path}.",
            "a value that begins with /, ./, ../ or ~ names a file of this machine",
            "check the path",
        )
    return path


def _unknown(text: str, key: str, known: Collection[Collection[str] | None]) -> CallError:
    keys = sorted({key for names in known for key in names or ()})
    return CallError(
        f"--set {text}: no setting {key!r}{did_you_mean(key, keys)}",
        "settings are written KEY=VALUE or MODEL.KEY=VALUE",
        f"choose one of: {', '.join(keys)}" if keys else "none of these models learns",
    )
