"""Directives that write reference pages from the sources, so that they cannot fall behind.

`{public-names} metrics` documents the public names that come from `evaluator/metrics`,
`{model-fields} contract.schema.ModelCard` the fields of a pydantic model,
`{command-line} harness.commands.cli` the commands of a Typer app, and `{model-readmes}` puts the
README of every model in `containers/` one below the other.
"""

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]
LITERAL = re.compile(r"(``?[^`]*``?)")


class PublicNames(SphinxDirective):
    """autodoc for every name that the evaluator's stub takes from one wing."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = ["````{eval-rst}"]
        for name in public_names(self.arguments[0]):
            value = getattr(importlib.import_module("evaluator"), name)
            kind = (
                "autoclass"
                if inspect.isclass(value)
                else "autofunction"
                if callable(value)
                else "autodata"
            )
            lines.append(f".. {kind}:: evaluator.{name}")
            lines += ["   :members:", ""] if kind == "autoclass" else [""]
        return self.parse_text_to_nodes("\n".join([*lines, "````"]))


def public_names(wing: str) -> list[str]:
    """The names in evaluator/__init__.pyi that come from the module or package `wing`."""
    import evaluator

    stub = inspect.getsourcefile(evaluator)
    assert stub is not None
    with open(f"{stub}i", encoding="utf-8") as stream:  # noqa: PTH123
        tree = ast.parse(stream.read())
    found = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == wing
        for alias in node.names
    ]
    if not found:
        raise ValueError(f"evaluator/__init__.pyi takes no name from {wing}")
    return found


class ModelFields(SphinxDirective):
    """A table of a pydantic model's fields: name, type, default, meaning."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        module, _, name = self.arguments[0].rpartition(".")
        model = getattr(importlib.import_module(module), name)
        rows = ["| field | type | default | meaning |", "| --- | --- | --- | --- |"]
        meanings = field_docstrings(model)
        for field, info in model.model_fields.items():
            default = "required" if info.is_required() else f"`{shown(info.default)}`"
            meaning = info.description or meanings.get(field, "")
            kind = type_name(info.annotation).replace("|", "\\|")
            rows.append(f"| `{field}` | {kind} | {default} | {' '.join(meaning.split())} |")
        return self.parse_text_to_nodes("\n".join(rows))


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


def type_name(annotation: Any) -> str:
    """A type as a reader wants it: alternatives in words, None left to the column default."""
    arguments = [argument for argument in get_args(annotation) if argument is not type(None)]
    if get_origin(annotation) is tuple:
        return f"list of {type_name(arguments[0])}"
    if arguments and all(isinstance(argument, str) for argument in arguments):
        return ", ".join(f"`{argument}`" for argument in arguments)
    if arguments:
        return " or ".join(type_name(argument) for argument in arguments)
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    name = getattr(annotation, "__name__", str(annotation))
    return names.get(name, name)


def shown(default: Any) -> str:
    return (
        "null"
        if default is None
        else str(default).lower()
        if default in (True, False)
        else str(default)
    )


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
        cells = f"| `{words}` | {' '.join((meaning or '').split())} |"
        lines.append(cells.replace("challenge|plain", "challenge\\|plain"))
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


def link_models(app: Sphinx, page: str, source: list[str]) -> None:
    """Links that work on the repository's pages, to a model's README, work here too."""
    source[0] = re.sub(
        r"\]\(\.\./containers/(?:\w+/)*(\w+)/README\.md\)", r"](the-models.md#\1)", source[0]
    )


def escape_prose(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Docstrings are prose: outside backticks and examples | and * mean themselves."""
    for place, line in enumerate(lines):
        if not line.startswith(("    ", ">>> ", "... ")):
            parts = LITERAL.split(line)
            parts[::2] = [re.sub(r"([|*])", r"\\\1", part) for part in parts[::2]]
            lines[place] = "".join(parts)


def source_signature(
    app: Sphinx, what: str, name: str, value: Any, options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """The signature as it is written, with its short names for types such as `Labels`."""
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
    app.add_directive("command-line", CommandLine)
    app.add_directive("model-readmes", ModelReadmes)
    app.connect("autodoc-process-signature", source_signature)
    app.connect("autodoc-process-docstring", escape_prose)
    app.connect("source-read", link_models)
    return {"parallel_read_safe": True}
