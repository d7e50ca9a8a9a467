"""--set: single settings of a training other than its profile has them, and files for it."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, sha256_file
from harness.models.registry import Model


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


def parse_overrides(texts: Sequence[str], models: Sequence[Model]) -> Mapping[str, Overrides]:
    """The overrides of each model, by its name, from KEY=VALUE and MODEL.KEY=VALUE.

    A key without a model goes to every model that has such a setting; the last one counts. A value
    that begins with /, ./, ../ or ~ is a file of this machine. Raises CallError for a setting that
    no chosen model has and for a file that is not there.
    """
    known = {model.name: model.setting_names() for model in models if "train" in model.card.verbs}
    found: dict[str, dict[str, Override]] = {name: {} for name in known}
    for text in texts:
        left, equals, value = text.partition("=")
        name, _, key = left.rpartition(".")
        takers = [model for model in known if name in ("", model) and key in known[model]]
        if not equals or not takers:
            raise _unknown(text, name, key, known)
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


def _unknown(text: str, name: str, key: str, known: Mapping[str, set[str]]) -> CallError:
    if name and name not in known:
        return CallError(
            f"--set {text}: no model {name!r} is trained here.",
            do=f"choose one of: {', '.join(known) or 'none of these models learns'}",
        )
    keys = sorted(set().union(*(known[name],) if name else known.values()))
    close = difflib.get_close_matches(key, keys, n=1)
    return CallError(
        f"--set {text}: no setting {key!r}{f'; did you mean {close[0]!r}?' if close else '.'}",
        "settings are written KEY=VALUE or MODEL.KEY=VALUE, and are those of the profiles",
        f"choose one of: {', '.join(keys)}",
    )
