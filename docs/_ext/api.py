"""The evaluator's public names from their docstrings and signatures.

`{public-names} metrics` documents the names that come from `evaluator/metrics`.
"""

import ast
import importlib
import inspect
import re
import textwrap
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


LITERAL = re.compile(r"(``?[^`]*``?)")


SHORT_TYPES = ("Codes", "Distances", "Flags", "Labels", "Values", "Whole")


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


def keep_short_types(cls: type[Any]) -> None:
    """Annotations as they are written, such as `Whole`, in place of what they stand for."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    for field in body.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            written = ast.unparse(field.annotation)
            if written in SHORT_TYPES:
                cls.__annotations__[field.target.id] = written


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


def escape_prose(
    app: Sphinx, what: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Docstrings are prose: outside backticks and examples | and * mean themselves."""
    for place, line in enumerate(lines):
        if not line.startswith(("    ", ">>> ", "... ")):
            parts = LITERAL.split(line)
            parts[::2] = [re.sub(r"(?!^\* )([|*])", r"\\\1", part) for part in parts[::2]]
            lines[place] = "".join(parts)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("public-names", PublicNames)
    app.connect("autodoc-process-signature", source_signature)
    app.connect("autodoc-process-docstring", escape_prose)
    return {"parallel_read_safe": True}
