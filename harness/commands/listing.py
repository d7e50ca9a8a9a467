"""The table of models."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from contract import CallError
from contract.shown import shown
from evaluator.runs.licences import least_free
from harness.models.build import sources_label
from harness.models.registry import Model, all_models

NAMES = ("model", "kind")
"""Columns that are never cut: names are for typing."""
COLUMNS = (*NAMES, "what it is", "may be used", "local", "docker image", "from")


def print_models() -> None:
    """Prints what there is, from where, and whether each runner can run it now.

    Generators have a table of their own.
    """
    client = _client_or_none()
    predicting, generating = _table(), _table("generators")
    unusable: dict[str, CallError] = {}
    peers = False
    for model in all_models(unusable).values():
        if model.card.peer and not peers:
            predicting.add_section()
            peers = True
        (generating if model.generates else predicting).add_row(
            model.name,
            "peer" if model.card.peer else model.card.kind,
            model.card.title,
            may_be_used(model),
            _local_state(model),
            _image_state(client, model),
            _place(model),
        )
    for table in (predicting, generating):
        if table.rows:
            Console().print(table)
    if peers:
        print("peers are other people's packages: by name, or all with --models all")
    for name, error in unusable.items():
        print(f"left out: {name}: {shown(error.what)}")


def _table(title: str | None = None) -> Table:
    table = Table(title=title)
    for name in COLUMNS:
        table.add_column(name, no_wrap=name in NAMES, overflow="fold")
    return table


def _place(model: Model) -> str:
    here = Path.cwd()
    if model.folder is not None and model.folder.is_relative_to(here):
        return str(model.folder.relative_to(here))
    return str(model.folder)


def may_be_used(model: Model) -> str:
    """One word for the least free of its code, the weights that come with it and their images."""
    card = model.card
    shipped = (card.weights_licence, *(card.data_licences or ()))
    return least_free((card.licence, *(shipped if model.shipped_weights else ())))


def _local_state(model: Model) -> str:
    if model.runs_locally and model.lacks_packages:
        return f"make peer-{model.name}"
    return "yes" if model.runs_locally else "no"


def _client_or_none() -> Any:
    from harness.runners.docker import connect

    try:
        return connect()
    except CallError:
        return None


def _image_state(client: Any, model: Model) -> str:
    if client is None:
        return "no engine"
    built = sources_label(client, model.image)
    if built is None:
        return "not built"
    return "built" if built == model.sources_sha256() else "older than its sources"
