"""Putting weights into an image, so that it predicts without any mount but its folders."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from contract import CallError, sha256_tree
from contract.serve import BAKED_WEIGHTS
from contract.train import demonstration
from harness.models.build import (
    BAKED_LABEL,
    DEMONSTRATION_LABEL,
    SOURCES_LABEL,
    build_if_stale,
    is_foreign,
)
from harness.models.context import pack
from harness.models.registry import Model


def bake_weights(
    client: Any, model: Model, weights: Path | None, run: Path, say: Callable[[str], None]
) -> None:
    """Tags cellbench/MODEL:latest with an image that carries `weights`, read by every user.

    Raises CallError for a model without weights or without sources here, and when the tag is that
    of an image which was not built here.
    """
    sources = model.sources_sha256()
    if weights is None or sources is None:
        raise CallError(
            f"{model.name} has no weights to bake.", "it does not learn, or it is a ready image"
        )
    tag = f"cellbench/{model.name}:latest"
    if is_foreign(client, tag):
        raise CallError(
            f"{tag} is an image that was not built here.",
            "it would lose its name, and with it be lost",
            f"give it another one: docker tag {tag} NAME; docker rmi {tag}",
        )
    build_if_stale(client, model, say)
    dockerfile = f"FROM {model.image}\nCOPY weights {BAKED_WEIGHTS}\n"
    client.images.build(
        fileobj=pack({"Dockerfile": dockerfile, "weights": weights}),
        custom_context=True,
        tag=tag,
        labels={
            SOURCES_LABEL: sources,
            BAKED_LABEL: str(run.resolve()),
            "cellbench.weights": sha256_tree(weights),
            **({DEMONSTRATION_LABEL: said} if (said := demonstration(weights)) else {}),
        },
        rm=True,
        forcerm=True,
    )
    if said:
        say(f"note: {said}")
    say(f"{tag} carries the weights of {run}")
