"""Building the models' images, the base first."""

from collections.abc import Callable, Iterable
from typing import Any

from contract import CellbenchError
from contract.shown import shown
from harness.models.context import pack
from harness.models.registry import BASE_PARTS, SOURCES, Model, base_sha256

BASE_IMAGE = "cellbench/base:latest"
BASE_DOCKERFILE = "containers/base/Dockerfile"
SOURCES_LABEL = "cellbench.sources"
DEMONSTRATION_LABEL = "cellbench.demonstration"
"""Says so of baked weights that are one."""
BAKED_LABEL = "cellbench.baked"
Say = Callable[[str], None]
LONGEST_STEP = 100
"""Characters of a step of a Dockerfile that are shown."""


def build_images(client: Any, models: Iterable[Model], say: Say) -> None:
    """Builds the base and the given models where their sources have changed.

    Each image gets the tags `plain` and `latest`; a `latest` that carries baked weights, or that
    was not built here, is kept.
    """
    for model in models:
        if not model.is_built_here:
            say(f"{model.name}: a ready image, nothing to build")
        elif build_if_stale(client, model, say):
            say(f"{model.image} built")
        else:
            say(f"{model.image} is up to date")


def build_if_stale(client: Any, model: Model, say: Say = lambda _: None) -> bool:
    """Builds one model's image (and the base) unless it is that of the present sources."""
    sources = model.sources_sha256()
    if sources is None:
        return False
    stale = sources_label(client, model.image) != sources
    if stale:
        _build_with_base(client, model, sources, say)
    _tag_latest(client, model, say if stale else lambda _: None)
    return stale


def _build_with_base(client: Any, model: Model, sources: str, say: Say) -> None:
    base = base_sha256()
    if sources_label(client, BASE_IMAGE) != base:
        say(f"building {BASE_IMAGE}, which takes minutes the first time")
        _build(
            client,
            BASE_IMAGE,
            base,
            f"tar -cC {SOURCES} {' '.join(BASE_PARTS)}"
            f" | docker build --network host -f {BASE_DOCKERFILE} -",
            say,
            fileobj=pack({part: SOURCES / part for part in BASE_PARTS}),
            custom_context=True,
            dockerfile=BASE_DOCKERFILE,
        )
    say(f"building {model.image}")
    _build(
        client,
        model.image,
        sources,
        f"docker build --network host -f {model.folder}/Dockerfile {model.folder}",
        say,
        path=str(model.folder),
    )


def _tag_latest(client: Any, model: Model, say: Say) -> None:
    latest = f"cellbench/{model.card.name}:latest"
    baked = label(client, latest, BAKED_LABEL)
    if is_foreign(client, latest):
        say(f"{latest} is an image that was not built here and keeps its name")
    elif baked is None:
        client.images.get(model.image).tag(f"cellbench/{model.card.name}", "latest")
    else:
        say(f"{latest} keeps the weights baked from {baked}; `harness bake` renews it")


def is_foreign(client: Any, image: str) -> bool:
    """Whether there is an image of this name that neither `build` nor `bake` has made.

    One that somebody made on top of the base carries the base's label.
    """
    import docker

    try:
        client.images.get(image)
    except docker.errors.ImageNotFound:
        return False
    return sources_label(client, image) in (None, sources_label(client, BASE_IMAGE))


def sources_label(client: Any, image: str) -> str | None:
    """The hash of the sources that an image was built from; None if unknown or no such image."""
    return label(client, image, SOURCES_LABEL)


def label(client: Any, image: str, name: str) -> str | None:
    """One label of an image; None when the image or the label is missing."""
    import docker

    try:
        value = client.images.get(image).labels.get(name)
    except docker.errors.ImageNotFound:
        return None
    return None if value is None else str(value)


def _build(client: Any, tag: str, sources: str, by_hand: str, say: Say, **context: Any) -> None:
    """One build over the host's network, where package registries are reached as on the host.

    Its steps are said as they begin.
    """
    import docker

    words: list[str] = []
    try:
        for line in client.api.build(
            tag=tag,
            network_mode="host",
            labels={SOURCES_LABEL: sources},
            rm=True,
            forcerm=True,
            decode=True,
            **context,
        ):
            if "error" in line:
                raise _failed(tag, str(line["error"]), words, by_hand)
            text = str(line.get("stream", "")).strip()
            if text.startswith("Step "):
                say(f"{tag}: {shown(text, LONGEST_STEP)}")
            elif text:
                words = [*words[-2:], text]
    except docker.errors.APIError as error:
        raise _failed(tag, str(error), words, by_hand) from error


def _failed(tag: str, error: str, words: list[str], by_hand: str) -> CellbenchError:
    if "no space left" in error.lower():
        return CellbenchError(
            f"Building {tag} failed: {shown(error)}",
            "the disk that holds the engine's images is full, or its folder for temporary files",
            "make room: docker image prune, docker builder prune; `harness doctor` names the disk",
        )
    return CellbenchError(
        f"Building {tag} failed: {shown(error)}",
        shown(" ".join(words)) or "a step of its Dockerfile failed",
        f"build it by hand to see all: {by_hand}",
    )
