"""Directives that write reference pages from the sources, so that they cannot fall behind.

`{public-names} metrics` documents the public names that come from `evaluator/metrics`,
`{model-fields} contract.schema.ModelCard` the fields of a pydantic model,
`{command-line} harness.commands.cli` the commands of a Typer app, and `{model-readmes}` puts the
README of every model in `containers/` one below the other.
"""

import ast
import importlib
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
LITERAL = re.compile(r"(``?[^`]*``?)")


class PublicNames(SphinxDirective):
    """autodoc for every name that the evaluator's stub takes from one wing.

    Modules named behind the wing come first, in that order.
    """

    required_arguments = 1
    optional_arguments = 20

    def run(self) -> list[nodes.Node]:
        lines = ["````{eval-rst}"]
        for name in public_names(*self.arguments):
            value = getattr(importlib.import_module("evaluator"), name)
            kind = "autofunction" if callable(value) else "autodata"
            if inspect.isclass(value):
                kind = "autoclass"
                keep_short_types(value)
            lines.append(f".. {kind}:: evaluator.{name}")
            if kind == "autoclass":
                lines += ["   :members:", "   :undoc-members:"]
            lines.append("")
        return self.parse_text_to_nodes("\n".join([*lines, "````"]))


def public_names(wing: str, *first: str) -> list[str]:
    """The names in evaluator/__init__.pyi that come from the module or package `wing`."""
    tree = ast.parse((ROOT / "evaluator/__init__.pyi").read_text(encoding="utf-8"))
    found = [
        (node.module, alias.name)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
        if node.module.split(".")[0] == wing
    ]
    if not found:
        raise ValueError(f"evaluator/__init__.pyi takes no name from {wing}")
    places = {f"{wing}.{name}": place for place, name in enumerate(first)}
    found.sort(key=lambda pair: places.get(pair[0], len(places)))
    return [name for _, name in found]


SHORT_TYPES = ("Codes", "Distances", "Flags", "Labels", "Values", "Whole")


def keep_short_types(cls: type[Any]) -> None:
    """Annotations as they are written, such as `Whole`, in place of what they stand for."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field in body.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            written = ast.unparse(field.annotation)
            if written in SHORT_TYPES:
                cls.__annotations__[field.target.id] = written


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


WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
    "object": "table",
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


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
    bounds = [f"{sign} {rule[word]}" for word, sign in BOUNDS.items() if word in rule]
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


class ModelReadmes(SphinxDirective):
    """The README of every model, segmenters before controls, its headings one level down."""

    def run(self) -> list[nodes.Node]:
        cards = [*ROOT.glob("containers/*/model.yaml"), *ROOT.glob("containers/*/*/model.yaml")]
        texts = []
        for card in sorted(cards, key=lambda path: (len(path.parts), path)):
            readme = card.with_name("README.md")
            self.env.note_dependency(str(readme))
            texts.append(re.sub("(?m)^#", "##", readme.read_text(encoding="utf-8")))
        return self.parse_text_to_nodes("\n\n".join(texts), allow_section_headings=True)


def link_sources(app: Sphinx, page: str, source: list[str]) -> None:
    """Links that work where the repository is read as files work here too."""
    source[0] = re.sub(
        r"\]\(\.\./containers/(?:\w+/)*(\w+)/README\.md\)", r"](the-models.md#\1)", source[0]
    ).replace("](../examples/", "](")


def take_notebooks(app: Sphinx) -> None:
    """Copies examples/ in here, since Sphinx reads its own folder alone."""
    for notebook in (ROOT / "examples").glob("*.ipynb"):
        copy = Path(app.srcdir) / notebook.name
        if not copy.exists() or copy.read_bytes() != notebook.read_bytes():
            copy.write_bytes(notebook.read_bytes())


def escape_prose(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Docstrings are prose: outside backticks and examples | and * mean themselves."""
    for place, line in enumerate(lines):
        if not line.startswith(("    ", ">>> ", "... ")):
            parts = LITERAL.split(line)
            parts[::2] = [re.sub(r"(?!^\* )([|*])", r"\\\1", part) for part in parts[::2]]
            lines[place] = "".join(parts)


def source_signature(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """The signature as it is written, with its short names for types such as `Labels`."""
    if what in ("class", "exception"):
        return "", ""  # the fields are listed below
    if what not in ("function", "method"):
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(value))).body[0]
    except (OSError, TypeError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    arguments = tree.args
    if what == "method" and arguments.args:
        arguments.args = arguments.args[1:]
    result = ast.unparse(tree.returns) if tree.returns else ""
    return f"({ast.unparse(arguments)})", result.strip("'")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("public-names", PublicNames)
    app.add_directive("model-fields", ModelFields)
    app.add_directive("docstring", Docstring)
    app.add_directive("command-line", CommandLine)
    app.add_directive("model-readmes", ModelReadmes)
    app.connect("autodoc-process-signature", source_signature)
    app.connect("autodoc-process-docstring", escape_prose)
    app.connect("builder-inited", take_notebooks)
    app.connect("source-read", link_sources)
    return {"parallel_read_safe": True}
