"""Profiles: files of settings that inherit from one another, and single values on top of them."""

import re
from pathlib import Path
from typing import Any

import yaml

from contract.errors import CallError, did_you_mean

EXTENDS = "extends"
"""The key that names the profile from which one inherits; no setting can be called so."""
DEMONSTRATION = "tiny"
"""The profile that shows that everything works, and claims nothing."""
CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **{sign + inf: float(sign + "inf") for sign in ("", "+", "-") for inf in (".inf", ".Inf")},
}


def profile_names(profiles: Path) -> list[str]:
    """The names of the profiles in a folder, sorted."""
    return sorted(path.stem for path in profiles.glob("*.yaml"))


def read_profile(profiles: Path, name: str) -> dict[str, Any]:
    """What `profiles`/`name`.yaml says, on top of the profile that it extends, and so on.

    A file is flat `key: value` YAML (see `parse_yaml`); `extends: other` is no setting of its own.
    Raises CallError for a profile that is not there, with the nearest name, for one that extends
    itself in a circle, and for a file that is no such YAML.
    """
    chain: list[dict[str, Any]] = []
    seen: list[str] = []
    wanted: str | None = name
    while wanted is not None:
        if wanted in seen:
            raise CallError(
                f"The profile {seen[0]} extends itself: {' -> '.join([*seen, wanted])}.",
                do=f"take `{EXTENDS}` out of one of these files in {profiles}",
            )
        values = _read_file(profiles, wanted, seen[-1] if seen else None)
        seen.append(wanted)
        wanted = values.pop(EXTENDS, None)
        if wanted is not None and not isinstance(wanted, str):
            raise CallError(
                f"The profile {seen[-1]} extends {wanted!r}, which is no name.",
                do=f"choose one of: {', '.join(profile_names(profiles))}",
            )
        chain.append(values)
    return {key: value for values in reversed(chain) for key, value in values.items()}


def parse_override(text: str) -> tuple[str, Any]:
    """Key and value of KEY=VALUE, the value read as YAML (see `parse_yaml`).

    Raises CallError when it has no key or no equals sign, or the value is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise CallError(
            f"--set {text}: this is no KEY=VALUE.", do="write it as in --set batch_size=4"
        )
    try:
        return key.strip(), parse_yaml(value)
    except ValueError as error:
        raise CallError(
            f"--set {text}: the value is no YAML: {error}",
            do="quote what is meant as text, write lists as [1, 2]",
        ) from error


def parse_yaml(text: str) -> Any:
    """Null, true, false, decimal numbers, text, lists and mappings, as YAML 1.2 has them.

    So 1e-4 is a number and 010 is ten, while `on`, 1:30 and 2020-01-01 are text. Raises ValueError
    for broken YAML, a key that stands there twice, and tags such as !!set.
    """
    try:
        node = yaml.compose(text, yaml.BaseLoader)
        return None if node is None else _value(node)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _read_file(profiles: Path, name: str, child: str | None) -> dict[str, Any]:
    names = profile_names(profiles)
    if name not in names:
        wanted = f"The profile {child} extends {name!r}, and there" if child else "There"
        raise CallError(
            f"{wanted} is no profile {name!r}{did_you_mean(name, names)}",
            do=f"choose one of: {', '.join(names)}" if names else f"add {profiles}/{name}.yaml",
        )
    path = profiles / f"{name}.yaml"
    try:
        values = parse_yaml(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CallError(
            f"{path} is no YAML: {error}", do="write one `key: value` a line"
        ) from error
    values = {} if values is None else values
    if not isinstance(values, dict):
        raise CallError(f"{path} holds no settings.", do="write one `key: value` a line")
    return values


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str":
        text = str(node.value)
        return text if node.style else _scalar(text)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return [_value(item) for item in node.value]
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        pairs = [(_value(key), _value(item)) for key, item in node.value]
        keys = [key for key, _ in pairs]
        for key in keys:
            if not isinstance(key, str) or keys.count(key) > 1:
                raise ValueError(f"the key {key!r} stands there twice or is no name")
        return dict(pairs)
    raise ValueError(f"the tag {node.tag} is not understood")


def _scalar(text: str) -> Any:
    """What a text without quotes means."""
    if text in CONSTANTS:
        return CONSTANTS[text]
    if re.fullmatch(r"[-+]?[0-9]+", text):
        return int(text)
    if re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", text):
        return float(text)
    return text
