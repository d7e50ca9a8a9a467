"""--set: single settings of a training other than its profile has them, and files for it."""

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract import CallError, sha256_file, sha256_tree
from contract.errors import did_you_mean
from contract.profiles import parse_override
from contract.settings import FILE_FORMAT, FOLDER_FORMAT
from evaluator.runs.words import SHIPPED
from harness.models.describe import describe, options_of
from harness.models.registry import Model

Known = Mapping[str, Mapping[str, Any] | None]
"""For each model that learns the JSON schema of each setting; None: nobody knows, any is taken."""

FILES = ("/", "./", "../", "~")
"""How the path of a file begins."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """One setting; `file` when its value is a file or folder that the model must read."""

    key: str
    value: str
    file: Path | None = None

    @property
    def text(self) -> str:
        """As it is given to a model that sees this machine's paths."""
        return f"{self.key}={self.value if self.file is None else self.file}"

    def fingerprint(self) -> str:
        """What a training depends on: the value, or the content of the file."""
        if self.file is None:
            return self.text
        content = sha256_tree(self.file) if self.file.is_dir() else sha256_file(self.file)
        return f"{self.key}={content}"


Overrides = tuple[Override, ...]


def checked_overrides(
    texts: Sequence[str], models: Sequence[Model], profile: str
) -> Mapping[str, Overrides]:
    """The overrides of each model (see `parse_overrides`), checked by it with its profile.

    Each model that learns and has Python sources here is asked, in a process of its own; the others
    say what they refuse when they are trained. Raises CallError for whatever is wrong.
    """
    if profile == SHIPPED:
        if texts:
            raise CallError(
                f"--set {texts[0]}: the profile {SHIPPED} trains nothing.",
                do="leave it out, or choose another profile",
            )
        return {}
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
    that begins with /, ./, ../ or ~ is a file of this machine, and so is a text for a setting that
    wants a file. Raises CallError for a setting that no chosen model has, for a value that is no
    YAML, and for a file that is not there.
    """
    found: dict[str, dict[str, Override]] = {name: {} for name in known}
    for text in texts:
        left, meant = parse_override(text)
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
        for model in takers:
            rule = (known[model] or {}).get(key, {})
            folder = _wants(rule, FOLDER_FORMAT)
            wanted = isinstance(meant, str) and (folder or _wants(rule, FILE_FORMAT))
            named = wanted and not (folder and value == SHIPPED)
            path = named or value.startswith(FILES)
            file = _path(text, value, folder=folder) if path else None
            found[model][key] = Override(key=key, value=value, file=file)
    return {name: tuple(values.values()) for name, values in found.items()}


def _wants(rule: Mapping[str, Any], form: str) -> bool:
    return any(option.get("format") == form for option in (rule, *rule.get("anyOf", ())))


def _path(text: str, value: str, *, folder: bool) -> Path:
    path, kind = Path(value).expanduser().resolve(), "folder" if folder else "file"
    if not (path.is_dir() if folder else path.is_file()):
        raise CallError(
            f"--set {text}: there is no {kind} {path}.",
            f"the setting is a {kind}, or the value begins with /, ./, ../ or ~ as the path of one",
            "check the path",
        )
    return path


def _unknown(text: str, key: str, known: Collection[Mapping[str, Any] | None]) -> CallError:
    keys = sorted({key for names in known for key in names or ()})
    return CallError(
        f"--set {text}: no setting {key!r}{did_you_mean(key, keys)}",
        "settings are written KEY=VALUE or MODEL.KEY=VALUE",
        f"choose one of: {', '.join(keys)}" if keys else "none of these models learns",
    )
