"""Settings: declared by a model as pydantic classes, checked before any work begins."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from contract.errors import CallError, did_you_mean
from contract.profiles import parse_override, read_profile

LONGEST_VALUE = 60
"""Letters of a value that a message shows."""
WORDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "null": "null",
}


class SettingsModel(BaseModel):
    """A set of settings: each field a key of the profiles, its docstring what people read of it.

    Frozen and strict: a whole number is taken where a float is declared, nothing else is converted,
    and no number may be infinite or NaN. Fields have flat types (numbers, text, booleans, lists of
    them, null) and ranges; a rule between several keys is a `model_validator` whose ValueError
    names them. A rule between two such classes is a third one that inherits both.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


def _existing(path: str, info: ValidationInfo) -> str:
    if info.context != WITHOUT_FILES and not Path(path).is_file():
        raise ValueError(f"there is no file {path}")
    return path


WITHOUT_FILES = "without files"
"""Context of a validation where nothing is mounted, so that no file can be looked for."""
FILE_FORMAT, FOLDER_FORMAT = "file-path", "directory-path"
ExistingFile = Annotated[
    str, AfterValidator(_existing), Field(json_schema_extra={"format": FILE_FORMAT})
]
"""The path of a file that is there; its schema has the format FILE_FORMAT."""
Kind = TypeVar("Kind", bound=BaseModel)
Kinds = Sequence[type[BaseModel]]
"""What a segmenter's class attribute `settings` holds: the keys are those of all of them."""


def declared(segmenter: type[Any]) -> Kinds | None:
    """The settings that a segmenter declares; None when it takes any."""
    kinds = getattr(segmenter, "settings", None)
    return kinds if isinstance(kinds, tuple | list) else None


def read_settings(
    profiles: Path,
    profile: str,
    overrides: Sequence[str],
    kinds: Kinds | None,
    *,
    files: bool = True,
) -> dict[str, Any]:
    """All settings of a training: a profile, KEY=VALUE `overrides` on top, defaults for the rest.

    Without `kinds` any key is taken, and nothing is known of defaults. Raises CallError, which
    names key, value and range, for whatever is wrong; for a file that is not there only with
    `files`.
    """
    values = read_profile(profiles, profile)
    said = dict.fromkeys(values, f"profile {profile}")
    for text in overrides:
        key, values[key] = parse_override(text)
        said[key] = f"--set {text}"
    if kinds is None:
        return values
    call = " ".join([f"profile {profile}", *(f"--set {text}" for text in overrides)])
    return _checked(values, kinds, said, call, None if files else WITHOUT_FILES)


def _checked(
    values: Mapping[str, Any],
    kinds: Kinds,
    said: Mapping[str, str],
    call: str,
    context: str | None,
) -> dict[str, Any]:
    """`values` as `kinds` take them, with the defaults of what is not there.

    `said` is how each key was given and `call` how all of them were, for messages.
    """
    rules = schema(kinds)["properties"]
    for key in values:
        if key not in rules:
            raise CallError(
                f"{said[key]}: no setting {key!r}{did_you_mean(key, rules)}",
                do=f"choose one of: {', '.join(sorted(rules))}",
            )
    checked: dict[str, Any] = {}
    for kind in kinds:
        try:
            checked |= take(values, kind, context).model_dump()
        except ValidationError as error:
            raise _refusal(error, rules, said, call) from error
    return {key: checked[key] for key in rules}


def take(values: Mapping[str, Any], kind: type[Kind], context: str | None = None) -> Kind:
    """One settings class, filled with those of `values` that it declares.

    Raises pydantic's ValidationError when they are not what `read_settings` gave.
    """
    own = {key: values[key] for key in kind.model_fields if key in values}
    return kind.model_validate(own, context=context)


def schema(kinds: Kinds) -> dict[str, Any]:
    """The JSON schema of all keys of `kinds`: types, ranges, defaults and descriptions."""
    properties = {key: rule for kind in kinds for key, rule in _properties(kind).items()}
    return {"type": "object", "additionalProperties": False, "properties": properties}


@cache
def _properties(kind: type[BaseModel]) -> Mapping[str, Any]:
    found: dict[str, dict[str, Any]] = kind.model_json_schema().get("properties", {})
    for rule in found.values():
        rule.pop("title", None)
        if "description" in rule:
            rule["description"] = " ".join(rule["description"].split())
    return found


def _refusal(
    error: ValidationError, rules: Mapping[str, Any], said: Mapping[str, str], call: str
) -> CallError:
    """The first thing that is wrong, in words."""
    first = error.errors(include_url=False)[0]
    own = first.get("ctx", {}).get("error")
    if not first["loc"]:
        return CallError(f"{call}: {own}.", do="change one of these settings, or several together")
    key, *place = first["loc"]
    rule = rules[str(key)]
    one = f"number {place[0] + 1} of the list is" if place and isinstance(place[0], int) else "not"
    what = own or f"{key} must be {expected(rule)}, {one} {_shown(first['input'])}"
    meaning = f": {rule['description']}" if "description" in rule else ""
    return CallError(
        f"{said.get(str(key), call)}: {what}.", do=f"choose another value for {key}{meaning}"
    )


def expected(rule: Mapping[str, Any]) -> str:
    """What the schema of one setting allows, in words: "a number above 0 and at most 1"."""
    if "anyOf" in rule:
        return " or ".join(expected(option) for option in rule["anyOf"])
    if "enum" in rule:
        return f"one of {', '.join(map(str, rule['enum']))}"
    match rule["type"]:
        case "array":
            length = _range(rule, "minItems", "maxItems", "")
            return f"a list{length and ' of length'}{length}, each {expected(rule['items'])}"
        case "integer" if "multipleOf" in rule:
            return f"a multiple of {rule['multipleOf']}{_range(rule)}"
        case kind:
            return WORDS[str(kind)] + _range(rule)


def _range(
    rule: Mapping[str, Any], least: str = "minimum", most: str = "maximum", of: str = "of "
) -> str:
    limits = least, most, "exclusiveMinimum", "exclusiveMaximum"
    low, high, above, below = (rule.get(limit) for limit in limits)
    if low is not None and high is not None:
        same, start = low == high, f"{'from ' if of else ''}{low}"
        return f" {low}" if same else f" {start} to {_number(high)}"
    parts = [
        f"{words} {_number(limit)}"
        for words, limit in (
            (f"{of}at least", low),
            ("above", above),
            (f"{of}at most" if above is None else "at most", high),
            ("below", below),
        )
        if limit is not None
    ]
    return f" {' and '.join(parts)}" if parts else ""


def _number(limit: float) -> str:
    return f"{limit:,}" if limit >= 10**5 else str(limit)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
