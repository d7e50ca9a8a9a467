"""What other platforms ask for beside an image: a descriptor, and a program that they can start."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

import yaml

from contract import CallError, write_text
from contract.serve import BAKED_WEIGHTS
from harness.models.registry import Model

Platform = Literal["grand-challenge", "bilayers", "biaflows"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
SHIMS = Path(__file__).with_name("shims")
FOLDERS = "/bilayers/input_images", "/bilayers/output_images"
"""Where Bilayers has its images and results."""
FORMATS = ["tiff", "tif", "png", "jpg", "jpeg", "bmp"]
INPUT_SLUG, OUTPUT_SLUG = "cell-microscopy-image", "cell-instance-segmentation"
SERVER = {
    "cytomine_host": "String",
    "cytomine_public_key": "String",
    "cytomine_private_key": "String",
    "cytomine_id_project": "Number",
    "cytomine_id_software": "Number",
}
"""Inputs that every descriptor of BIAFLOWS has; a local call needs none of them."""


def describe_as(platform: Platform, model: Model, folder: Path) -> list[Path]:
    """Writes the platform's files for a model into `folder`, which must not be there.

    Raises CallError for a folder that is there and for a model that the platform could not start.
    """
    _refuse(model, folder)
    files = FILES[platform](model)
    folder.mkdir(parents=True)
    for name, text in files.items():
        write_text(folder / name, text)
    return [folder / name for name in files]


def image_of(model: Model) -> str:
    """The image that predicts as it stands: the one with weights baked in, if the model learns."""
    return f"cellbench/{model.name}:latest" if model.learns else model.image


def grand_challenge(model: Model) -> dict[str, str]:
    """algorithm.json with the two sockets, the program, a Dockerfile and a call to try it with.

    The platform's sockets are chosen there: whoever has others writes their slugs and paths into
    algorithm.json.
    """
    sockets = {
        "inputs": [_socket(INPUT_SLUG, "Image")],
        "outputs": [_socket(OUTPUT_SLUG, "Segmentation")],
    }
    algorithm = {
        "title": model.card.title,
        "slug": model.name.replace("_", "-"),
        "description": model.card.source or model.card.title,
        "repository": model.card.repository,
        "licence": model.card.licence,
        **sockets,
    }
    given = [{"socket": socket, "image": {"name": "image.mha"}} for socket in sockets["inputs"]]
    return {
        "algorithm.json": _json(algorithm),
        "inputs.json": _json(given),
        "grand_challenge.py": _shim("grand_challenge"),
        "Dockerfile": (
            f"FROM {image_of(model)}\n"
            "COPY algorithm.json grand_challenge.py /opt/app/\n"
            "USER 10001:10001\n"
            f'ENTRYPOINT ["python3", "/opt/app/grand_challenge.py", "{model.module}"]\n'
        ),
    }


def bilayers(model: Model) -> dict[str, str]:
    """config.yaml: folders, image and command of Bilayers' schema; its image needs no program."""
    organisation, _, rest = image_of(model).partition("/")
    name, _, tag = rest.partition(":")
    source, out = FOLDERS
    described = {
        "citations": [
            {
                "name": model.card.title,
                "license": model.card.licence or "unknown",
                "description": model.card.citation or model.card.source or model.card.title,
            }
        ],
        "docker_image": {
            "org": organisation, "name": name, "tag": tag, "platform": "linux/amd64"
        },
        "algorithm_folder_name": f"{model.name}_inference",
        "exec_function": {
            "name": "generate_cli_command",
            "cli_command": f"python3 -m {model.module} predict {source} {out}",
            "hidden_args": [],
        },
        "inputs": [
            _layer("images", "Images", "Folder of 2D images", source, ["grayscale", "color"], "*")
            | {"format": FORMATS}
        ],
        "outputs": [
            _layer("masks", "Masks", "A label image for each image", out, ["label"], "_label")
            | {"format": ["tiff"]}
        ],
        "parameters": [_weights()] if model.learns else [],
        "display_only": [],
    }  # fmt: skip
    return {"config.yaml": yaml.safe_dump(described, sort_keys=False, allow_unicode=True)}


def biaflows(model: Model) -> dict[str, str]:
    """descriptor.json of schema cytomine-0.1, wrapper.py and the Dockerfile of the workflow."""
    descriptor = {
        "name": model.name,
        "description": model.card.title,
        "container-image": {"image": f"cellbench/w_{model.name}", "type": "singularity"},
        "command-line": " ".join(["python3 wrapper.py", *(name.upper() for name in SERVER)]),
        "inputs": [
            {
                "id": name,
                "name": name.replace("_", " ").capitalize(),
                "description": "Set by the server; not used by a local call",
                "value-key": "@ID",
                "command-line-flag": "--@id",
                "set-by-server": True,
                "optional": False,
                "type": kind,
            }
            for name, kind in SERVER.items()
        ],
        "schema-version": "cytomine-0.1",
    }
    return {
        "descriptor.json": _json(descriptor),
        "wrapper.py": _shim("biaflows"),
        "Dockerfile": (
            f"FROM {image_of(model)}\n"
            "COPY descriptor.json wrapper.py /app/\n"
            f'ENTRYPOINT ["python3", "/app/wrapper.py", "{model.module}"]\n'
        ),
    }


FILES = {"grand-challenge": grand_challenge, "bilayers": bilayers, "biaflows": biaflows}


def _refuse(model: Model, folder: Path) -> None:
    if folder.exists():
        raise CallError(f"{folder} is there already.", do="name another folder with --out")
    if model.generates or model.card.needs_truth or not model.runs_locally:
        raise CallError(
            f"{model.name} cannot be described for other platforms.",
            "what they start is a Python model of this folder that finds cells in images alone",
        )


def _socket(slug: str, kind: str) -> dict[str, str]:
    return {
        "slug": slug, "kind": kind, "super_kind": "Image", "relative_path": f"images/{slug}"
    }  # fmt: skip


def _layer(
    name: str, label: str, description: str, folder: str, subtypes: list[str], pattern: str
) -> dict[str, Any]:
    return {
        "name": name,
        "type": "image",
        "label": label,
        "subtype": subtypes,
        "description": description,
        "cli_tag": "None",
        "cli_order": 0,
        "default": "directory",
        "optional": False,
        "folder_name": folder,
        "file_count": "multiple",
        "unique_string": [pattern],
        "section_id": "images",
        "mode": "beginner",
        "depth": False,
        "timepoints": False,
        "tiled": False,
        "pyramidal": False,
    }


def _weights() -> dict[str, Any]:
    return {
        "name": "weights",
        "type": "textbox",
        "label": "Weights",
        "description": "Folder of weights in the container; these come with the image",
        "default": str(BAKED_WEIGHTS),
        "cli_tag": "--weights",
        "optional": True,
        "section_id": "model",
        "mode": "advanced",
    }


def _json(value: Mapping[str, Any] | list[Any]) -> str:
    return f"{json.dumps(value, indent=2, ensure_ascii=False)}\n"


def _shim(name: str) -> str:
    return (SHIMS / f"{name}.py").read_text(encoding="utf-8")
