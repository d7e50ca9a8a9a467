"""Putting weights into an image, so that it predicts without any mount but its folders."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from contract import CallError, sha256_tree
from contract.serve import BAKED_WEIGHTS
from contract.start import TOLD_SHIPPED
from contract.train import demonstration
from evaluator.runs.licences import freedom
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
    client: Any,
    model: Model,
    weights: Path | None,
    run: Path,
    say: Callable[[str], None],
    *,
    i_may: bool = False,
) -> None:
    """Tags cellbench/MODEL:latest with an image that carries `weights`, read by every user.

    Raises CallError for a model without weights or without sources here, when the tag is that of an
    image which was not built here, and, unless the caller says `i_may`, for weights whose licence
    does not let everybody have them.
    """
    sources = model.sources_sha256()
    if weights is None or sources is None:
        raise CallError(
            f"{model.name} has no weights to bake.", "it does not learn, or it is a ready image"
        )
    if not i_may:
        refuse_unfree(model, weights, say)
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


def refuse_unfree(model: Model, weights: Path, say: Callable[[str], None]) -> None:
    """Raises CallError when the training started from weights that are not for everybody.

    Where nobody says how free those are, that is said.
    """
    licence = _licence_of_start(model, weights)
    if licence is None:
        return
    start, terms = licence
    word = freedom(terms)
    if word == "academic only":
        raise CallError(
            f"These weights of {model.name} started from {start}, whose licence is {terms}.",
            "an image that carries them may not be passed on to everybody",
            "give --i-may if you keep the image to yourself, or may pass it on",
        )
    if word == "not known":
        say(
            f"note: the weights started from {start}, whose licence is not stated: ask before you"
            " pass the image on"
        )


def _licence_of_start(model: Model, weights: Path) -> tuple[str, str | None] | None:
    """What the training started from and the licence of that; None for random numbers."""
    with suppress(OSError, ValueError):
        facts = json.loads((weights / "weights.json").read_text(encoding="utf-8"))
        start = str(facts.get("pretrained") or "none")
        if start == "none":
            return None
        own = start.startswith(TOLD_SHIPPED)
        return start, model.card.weights_licence if own else model.card.pretrained_licence
    return None
