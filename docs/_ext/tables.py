"""Tables from what the program checks and prints itself.

`{settings} unet` shows what can be set of a model, `{model-fields} contract.schema.ModelCard` the
fields of a pydantic model, `{docstring}` what is said of it, `{command-line} harness.commands.cli`
the commands of a Typer app.
"""

import ast
import importlib
import inspect
import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "table",
}


PROFILES = ("tiny", "quick", "tune", "weights", "report", "upstream")
ORDER = {name: place for place, name in enumerate(PROFILES)}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


class ModelFields(SphinxDirective):
    """A table of a pydantic model's fields: name, type, default, meaning."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        model = getattr(importlib.import_module(module), name)
        schema = model.model_json_schema()
        meanings = field_docstrings(model)
        rows = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
        for field, rule in schema["properties"].items():
            default = "required"
            if field not in schema.get("required", ()):
                default = f"`{json.dumps(rule.get('default'))}`"
            meaning = " ".join((rule.get("description") or meanings.get(field, "")).split())
            kind = in_words(rule, schema.get("$defs", {}))
            rows.append(f"| `{field}` | {kind} | {default} | {meaning} |")
        return self.parse_text_to_nodes("\n".join(rows))


class Settings(SphinxDirective):
    """What can be set of a model's training, and what each of its profiles says."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from contract import read_card
        from contract.profiles import profile_names, read_profile
        from contract.settings import schema

        folder = ROOT / "containers" / self.arguments[0]
        entry = read_card(folder).entry.removesuffix(".py")
        module = importlib.import_module(f"containers.{self.arguments[0]}.{entry}")
        rules = schema(getattr(module, entry.capitalize()).settings)["properties"]
        profiles = folder / "profiles"
        names = sorted(profile_names(profiles), key=lambda name: (ORDER.get(name, 99), name))
        said = {name: read_profile(profiles, name) for name in names}
        heads = ["setting", "meaning; type and range", "default", *names]
        rows = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---'] * len(heads))} |"]
        for key, rule in rules.items():
            own = [
                f"`{json.dumps(said[name][key])}`" if key in said[name] else "" for name in names
            ]
            meaning = " ".join(rule.get("description", "").split()).replace("|", "\\|")
            kind = in_words(rule, {})
            cells = [
                f"`{key}`",
                f"{meaning} ({kind})",
                f"`{json.dumps(rule.get('default'))}`",
                *own,
            ]
            rows.append(f"| {' | '.join(cells)} |")
        return self.parse_text_to_nodes("\n".join(rows))


class Docstring(SphinxDirective):
    """The docstring of a class as a paragraph."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        text = inspect.getdoc(getattr(importlib.import_module(module), name)) or ""
        return self.parse_text_to_nodes(text)


def field_docstrings(model: type[Any]) -> dict[str, str]:
    """Field → the string that stands under it, the bases' fields included."""
    found: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if cls.__module__.startswith("pydantic") or cls is object:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, below in zip(body.body, body.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
            ):
                found[field.target.id] = str(below.value.value)
    return found


def in_words(rule: dict[str, Any], definitions: dict[str, Any]) -> str:
    """A JSON schema's type as a reader wants it, with its range."""
    if "$ref" in rule:
        name = rule["$ref"].rpartition("/")[2]
        inner = definitions[name]
        return (
            f"[{name}](#{name.lower()})" if "properties" in inner else in_words(inner, definitions)
        )
    if "anyOf" in rule:
        return " or ".join(in_words(part, definitions) for part in rule["anyOf"])
    if "enum" in rule or "const" in rule:
        return ", ".join(f"`{value}`" for value in rule.get("enum", [rule.get("const")]))
    if rule.get("type") == "array":
        items = rule.get("items", {})
        return f"list of {in_words(items, definitions)}" if items else "list"
    if rule.get("format") == "path":
        return "path"
    bounds = [f"{sign} {rule[word]:.16g}" for word, sign in BOUNDS.items() if word in rule]
    return ", ".join([WORDS.get(rule.get("type", ""), "anything"), *bounds])


class CommandLine(SphinxDirective):
    """A section for every command of a Typer app, from its help texts."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        from typer.main import get_command

        module, _, name = self.arguments[0].partition(":")
        app = getattr(importlib.import_module(module), name or "app")
        command = get_command(app)
        lines = [line for found in commands(command, command.name) for line in found]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def commands(command: Any, path: str) -> Iterator[list[str]]:
    """Markdown of each command below `command`; groups are passed through."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from commands(child, f"{path} {name}")
        return
    context = command.context_class(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    lines = [f"## {path}", "", *inspect.cleandoc(command.help or "").splitlines(), ""]
    lines += ["```text", usage, "```", ""]
    records = [param.get_help_record(context) for param in command.params if param.name != "help"]
    if any(records):
        lines += ["| argument or option | meaning |", "| --- | --- |"]
    for words, meaning in filter(None, records):
        meaning = " ".join((meaning or "").split()).replace("<", "\\<").replace("|", "\\|")
        words = words.replace("|", "\\|")
        lines.append(f"| `{words}` | {meaning} |")
    yield [*lines, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("model-fields", ModelFields)
    app.add_directive("settings", Settings)
    app.add_directive("docstring", Docstring)
    app.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True}
