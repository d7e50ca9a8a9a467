"""Writing the folder of a new model, from a template or from the U-Net."""

import keyword
import re
import shutil
from pathlib import Path
from typing import Literal, get_args

from contract import CallError
from harness.models.registry import SOURCES, all_models

Origin = Literal["python", "unet", "shell"]
ORIGINS: tuple[Origin, ...] = get_args(Origin)
NAME_OF = {"python": "blobs", "shell": "blobs", "unet": "unet"}
"""What a template calls itself."""
NOT_COPIED = ("__pycache__", "README.md", "weights")
LONGEST_NAME = 40
REPLACE = """# Replace the title and what describes the method (contract/schema.py, ModelCard).
# Then, in segmenter.py and beside it, replace what finds cells and what is set and learned.
"""


def new_model(name: str, origin: Origin, containers: Path) -> Path:
    """Writes `containers`/`name` so that it runs as it stands; returns the folder.

    Raises CallError, with nothing written, for a name that cannot be one, a folder that is there,
    and a name that a model has already.
    """
    folder = containers / name
    _refuse(name, folder)
    source = SOURCES / "containers" / ("unet" if origin == "unet" else f"template/{origin}")
    aside = containers / f".{name}.part"
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(source, aside, ignore=shutil.ignore_patterns(*NOT_COPIED))
    for path in aside.rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            path.write_text(renamed(text, NAME_OF[origin], name), encoding="utf-8")
    card = aside / "model.yaml"
    card.write_text(f"{REPLACE}{card.read_text(encoding='utf-8')}", encoding="utf-8")
    aside.rename(folder)
    return folder


def renamed(text: str, old: str, new: str) -> str:
    """A file of a template with the name of the new model in its paths and its card."""
    text = re.sub(rf"\bcontainers([./]){old}\b", rf"containers\g<1>{new}", text)
    return re.sub(rf"^(name|title): {old}$", rf"\g<1>: {new}", text, flags=re.MULTILINE)


def _refuse(name: str, folder: Path) -> None:
    if (
        not re.fullmatch(r"[a-z][a-z0-9_]*", name)
        or keyword.iskeyword(name)
        or len(name) > LONGEST_NAME
        or name in ("base", "template", "controls")
    ):
        raise CallError(
            f"{name!r} cannot be the name of a model.",
            "it is a folder, an image and a Python package at once",
            f"use up to {LONGEST_NAME} small letters, digits and _, beginning with a letter",
        )
    if folder.exists():
        raise CallError(
            f"{folder} is there already.",
            "a model of this name was begun before",
            "choose another name, or remove the folder",
        )
    if name in all_models():
        raise CallError(
            f"There is a model {name} already.",
            "it comes with cellbench, or lies in ./containers",
            "choose another name",
        )
