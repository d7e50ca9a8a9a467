"""What isolation forbids an image that is used to it, told from its last words."""

from collections.abc import Iterable

from contract.errors import full_disk
from contract.schema import Freedom
from harness.models.registry import Model
from harness.runners.arguments import MOUNT_POINTS, TMP_SHARE
from harness.runners.job import Job, tail

READ_ONLY = ("read-only file system", "errno 30", "erofs")
DENIED = ("permission denied", "errno 13", "eacces", "operation not permitted", "errno 1]")
NO_NETWORK = (
    "network is unreachable",
    "name resolution",
    "could not resolve",
    "failed to resolve",
    "name or service not known",
)
FULL = ("no space left on device", "errno 28", "enospc")
NO_COMMAND = ("exec predict failed", "executable file not found", "predict: not found")
NO_SCRIPT = ("open predict.sh", "open 'predict.sh'", "predict.sh: no such file")


def forbidden(job: Job, words: str = "", *, spoke: bool = True) -> str:
    """What a container may not do but seems to have tried, and the remedy; "" if nothing shows.

    `words` are the engine's own, where it would not even start. `spoke` says whether the container
    gave an event, as one of this project's contract does.
    """
    said = f"{tail(job.log)}\n{words}".lower()
    causes = (_files(job, said), _network(job.model, said), _full(job, said))
    return "; ".join(filter(None, (*causes, _contract(job.model, said, spoke=spoke))))


def undeclared(model: Model) -> str:
    """For an image that was named without a model.yaml: how it is started; "" for any other."""
    if model.folder is not None:
        return ""
    points = MOUNT_POINTS[model.card.contract]
    return (
        f"{model.image} declares no contract, so it is started as `predict {points.input}"
        f" {points.output}`; for a submission to a challenge write a"
        " containers/NAME/model.yaml with `contract: neurips22` or `contract: grand-challenge`"
    )


def _files(job: Job, said: str) -> str:
    points = MOUNT_POINTS[job.model.card.contract]
    if _any(READ_ONLY, said):
        if "write" in job.model.card.relax:
            return f"forbidden: all mounts but {points.output} are read-only, which stays so"
        return (
            f"forbidden: it wrote to its own files, and outside {points.output} and /tmp an image"
            f" is read-only; {_remedy(job.model, ('root', 'write'))}"
        )
    if _any(DENIED, said):
        wanted: tuple[Freedom, ...] = ("root", "home") if "/root" in said else ("root",)
        if set(wanted) <= set(job.model.card.relax):
            return ""
        return (
            "forbidden: it needs the files or rights of the image's own user, and is run as"
            f" another one without any; {_remedy(job.model, wanted)}"
        )
    return ""


def _network(model: Model, said: str) -> str:
    if not _any(NO_NETWORK, said):
        return ""
    text = "forbidden: it asked for the network, which no model is given; what it loads must lie"
    text += " in the image"
    if {"root", "home"} <= set(model.card.relax):
        return text
    return f"{text}, and if it lies in its own home: {_remedy(model, ('root', 'home'))}"


def _full(job: Job, said: str) -> str:
    if not _any(FULL, said):
        return ""
    points = MOUNT_POINTS[job.model.card.contract]
    if full := full_disk(job.output):
        return f"the disk at {full}, which holds its {points.output}, is full"
    size = job.limits.memory / TMP_SHARE / 2**30
    return (
        f"full is its /tmp, which holds {size:.3g} GiB, or its /dev/shm ({job.model.card.shm}): a"
        " larger --limit-memory makes /tmp larger, `shm:` in its model.yaml the other"
    )


def _contract(model: Model, said: str, *, spoke: bool) -> str:
    if model.card.contract == "neurips22" and _any(NO_SCRIPT, said):
        return "its folder (WORKDIR) holds no predict.sh, which `contract: neurips22` runs"
    if spoke and not _any(NO_COMMAND, said):
        return ""
    return undeclared(model)


def _remedy(model: Model, wanted: Iterable[Freedom]) -> str:
    freedoms = [*model.card.relax, *(one for one in wanted if one not in model.card.relax)]
    declare = f"declare `relax: [{', '.join(freedoms)}]` in its model.yaml"
    if model.is_built_here:
        return declare
    return f"allow it with --relax {','.join(freedoms)}, or {declare}"


def _any(patterns: tuple[str, ...], said: str) -> bool:
    return any(pattern in said for pattern in patterns)
