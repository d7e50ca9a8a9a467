"""Pages made of other files: READMEs of models, notebooks, what each module holds, import rules."""

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

ROOT = Path(__file__).parents[2]


class ModelReadmes(SphinxDirective):
    """The README of every model, segmenters before controls, its headings one level down."""

    def run(self) -> list[nodes.Node]:
        cards = [
            *ROOT.glob("containers/*/model.yaml"),
            *ROOT.glob("containers/controls/*/model.yaml"),
        ]
        texts = []
        for card in sorted(cards, key=lambda path: (len(path.parts), path)):
            readme = card.with_name("README.md")
            self.env.note_dependency(str(readme))
            texts.append(re.sub("(?m)^#", "##", readme.read_text(encoding="utf-8")))
        return self.parse_text_to_nodes("\n\n".join(texts), allow_section_headings=True)


class Rooms(SphinxDirective):
    """Every package below a folder with what it holds; its modules behind a click."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        lines = []
        for package in sorted((ROOT / self.arguments[0]).rglob("__init__.py")):
            name = package.parent.relative_to(ROOT).as_posix()
            lines += [f"**{name}/**: {first_line(package)}", ""]
            modules = sorted(set(package.parent.glob("*.py")) - {package})
            if not modules:
                continue
            lines += [f":::{{dropdown}} {len(modules)} modules", ""]
            lines += ["| module | holds |", "| --- | --- |"]
            lines += [f"| `{path.name}` | {first_line(path)} |" for path in modules]
            lines += [":::", ""]
        return self.parse_text_to_nodes("\n".join(lines))


def first_line(module: Path) -> str:
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|").replace("<", "\\<")


class ImportRules(SphinxDirective):
    """The contracts of import-linter, read from pyproject.toml."""

    def run(self) -> list[nodes.Node]:
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        lines = []
        for rule in tomllib.loads(text)["tool"]["importlinter"]["contracts"]:
            match rule["type"]:
                case "layers":
                    meaning = " → ".join(f"`{layer}`" for layer in rule["layers"])
                case "forbidden":
                    meaning = f"no {_listed(rule['forbidden_modules'])}"
                    meaning += f" in {_listed(rule['source_modules'])}"
                case _:
                    meaning = _listed(rule["modules"])
            lines.append(f"* {rule['name']}: {meaning}")
        return self.parse_text_to_nodes("\n".join(lines))


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


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


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("model-readmes", ModelReadmes)
    app.add_directive("rooms", Rooms)
    app.add_directive("import-rules", ImportRules)
    app.connect("builder-inited", take_notebooks)
    app.connect("source-read", link_sources)
    return {"parallel_read_safe": True}
