"""Runs a model's image in a container of its own, isolated and always removed."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from contract import CallError, ExitCode
from contract.errors import full_disk
from contract.shown import shown
from evaluator.runs.words import RunnerName, StepOutcome
from harness.models.registry import Model
from harness.runners.arguments import RUN_LABEL, container_arguments, container_name, user
from harness.runners.confine import DiskWatch, bytes_below, confine
from harness.runners.engine import ignored_limits, is_rootless
from harness.runners.habits import forbidden, undeclared
from harness.runners.job import (
    EXIT_MEANINGS,
    LONGEST_LINE,
    Clock,
    Ended,
    EventHandler,
    Job,
    RunnerGone,
    explain,
    take_line,
    write_words,
)
from harness.runners.ownership import give, take_back
from harness.runners.signals import held_back

POLL_SECONDS = 0.25
START_TIMEOUT = 120
"""Seconds that the engine may take for one answer."""


def connect() -> Any:
    """A client of the engine that DOCKER_HOST or the default socket names.

    Raises CallError that tells a missing engine from one that refuses this user.
    """
    import docker
    import requests

    try:
        client = docker.from_env(timeout=START_TIMEOUT)
        client.ping()
    except (docker.errors.DockerException, requests.RequestException) as error:
        denied = "ermission denied" in str(error)
        raise CallError(
            "No Docker engine answers.",
            "this user may not use its socket"
            if denied
            else "Docker or Podman is not installed, or its service is not running",
            "add the user to the group docker, then log in again, or use --runner local"
            if denied
            else "start it (`sudo systemctl start docker`), or use --runner local",
        ) from error
    return client


class DockerRunner:
    """Containers on one engine, through its API."""

    name: RunnerName = "docker"

    def __init__(self, client: Any = None, pins: Mapping[str, str] | None = None) -> None:
        self._client = client or connect()
        info = self._client.info()
        self._rootless = is_rootless(info)
        self._root = Path(str(info.get("DockerRootDir", "/")))
        self._pins = dict(pins or {})
        self.ignored = ignored_limits(info)

    def __reduce__(self) -> tuple[type["DockerRunner"], tuple[None, dict[str, str]]]:
        """Where it is unpickled it connects anew: a connection cannot be handed on."""
        return DockerRunner, (None, self._pins)

    def prepare(self, model: Model, say: Callable[[str], None]) -> None:
        """Builds the model's image when it is missing or older than its sources.

        From here on this image is the model's, whatever its tag comes to mean.
        """
        from harness.models.build import DEMONSTRATION_LABEL, build_if_stale

        self._pins.pop(model.image, None)
        if model.is_built_here:
            build_if_stale(self._client, model, say)
        elif said := undeclared(model):
            say(f"note: {said}")
        image = self._image(model)
        self._pins[model.image] = str(image.id)
        if said := image.labels.get(DEMONSTRATION_LABEL):
            say(f"note: {model.image}: {shown(str(said))}")

    def identity(self, model: Model) -> str:
        """The hash of the model's sources, or the digest of a foreign image."""
        return model.code_sha256() or str(self._image(model).id)

    def digest(self, model: Model) -> str:
        """The image's id, which is the hash of its content."""
        return str(self._image(model).id)

    def remove_leftovers(self, run: Path) -> int:
        """Removes this run's containers: the caller holds its lock, so nobody needs them."""
        import docker

        left = self._client.containers.list(
            all=True, filters={"label": f"{RUN_LABEL}={run.resolve()}"}
        )
        for container in left:
            with suppress(docker.errors.APIError):
                container.remove(force=True)
        return len(left)

    def run(self, job: Job, on_event: EventHandler) -> Ended:
        """Runs the verb in a new container and removes it, whatever happens.

        A container that the engine refuses is a crash of this model. Raises RunnerGone when the
        engine itself does not answer any more.
        """
        import docker
        import requests

        clock = Clock(on_event)
        own_user = "root" in job.model.card.relax
        confine(job.output, job.limits.disk)
        give(job.output, user(rootless=self._rootless), own_user=own_user)
        try:
            outcome, code = self._run(job, clock)
        except docker.errors.APIError as error:
            words = str(error.explanation or error)
            message = f"the engine would not run it: {words}"
            hint = forbidden(job, words)
            if "no space left" in words.lower() and (full := full_disk(self._root)):
                hint = f"full is the disk at {full}, which holds {self._root}: docker image prune"
            return clock.ended(self.name, "crashed", None, message, hint)
        except requests.RequestException as error:
            raise RunnerGone(
                "The Docker engine stopped answering.",
                f"it was restarted or is overloaded: {error}",
                "see that it runs, then give the same command again: finished work is kept",
            ) from error
        finally:
            if own_user and clock.image:
                take_back(self._client, clock.image, job, rootless=self._rootless)
            confine(job.output, job.limits.disk)
        message = explain(outcome, code, job.limits, job.log)
        hint = forbidden(job, spoke=clock.spoke)
        return clock.ended(self.name, outcome, code, message, hint)

    def _run(self, job: Job, clock: Clock) -> tuple[StepOutcome, int | None]:
        """How the container ended, and its exit code; None when it filled the disk."""
        image = self._image(job.model)
        clock.image = str(image.id)
        with job.log.open("a+b", buffering=0) as log, self._container(job, image) as container:
            reader = _follow(container, clock, log)
            killed = self._watch(container, clock, job)
            reader.join(timeout=10)
            container.reload()
            state = container.attrs["State"]
        code = int(state["ExitCode"])
        if killed:
            return killed, None if killed == "crashed" else code
        if state.get("OOMKilled") and code not in (ExitCode.DONE, ExitCode.FAILURES):
            return "out_of_memory", code
        return EXIT_MEANINGS.get(code, "crashed"), code

    @contextmanager
    def _container(self, job: Job, image: Any) -> Iterator[Any]:
        import docker

        name = container_name(job)
        arguments = container_arguments(
            job, name=name, image=image.id, rootless=self._rootless, volumes=_volumes(image)
        )
        try:
            with held_back():
                container = self._client.containers.create(**arguments)
            yield container
        finally:
            with held_back(), suppress(docker.errors.APIError):
                self._client.api.remove_container(name, force=True, v=True)

    def _watch(self, container: Any, clock: Clock, job: Job) -> StepOutcome | None:
        """Waits for the end; returns why the container was killed, or None if it ended itself."""
        import docker

        container.start()
        disk = DiskWatch(lambda: bytes_below(job.output) + self._written(container, job))
        while True:
            container.reload()
            if container.status in ("exited", "dead"):
                return None
            clock.memory(_memory_in_use(self._client, container.id))
            late = clock.elapsed > job.limits.timeout
            if late or disk.used() > job.limits.disk:
                with suppress(docker.errors.APIError):
                    container.kill()
                container.wait(timeout=START_TIMEOUT)
                return "timeout" if late else "crashed"
            time.sleep(POLL_SECONDS)

    def _written(self, container: Any, job: Job) -> int:
        """Bytes that a container wrote to its own root, where that is allowed."""
        import docker

        if "write" not in job.model.card.relax:
            return 0
        with suppress(docker.errors.DockerException):
            (found,) = self._client.api.containers(
                all=True, size=True, filters={"id": container.id}
            )
            return int(found.get("SizeRw") or 0)
        return 0

    def _image(self, model: Model) -> Any:
        import docker

        try:
            return self._client.images.get(self._pins.get(model.image, model.image))
        except docker.errors.ImageNotFound as error:
            raise CallError(
                f"There is no image {model.image}.",
                "it was not built or pulled on this machine",
                f"harness build {model.card.name}"
                if model.is_built_here
                else f"docker pull {model.image}",
            ) from error


def _volumes(image: Any) -> tuple[str, ...]:
    """The folders that an image declares as volumes, which would escape the limit on the disk."""
    return tuple((image.attrs.get("Config") or {}).get("Volumes") or ())


def _follow(container: Any, clock: Clock, log: IO[bytes]) -> threading.Thread:
    """Reads the container's two streams: events from stdout, words for people into the log."""
    stream = container.attach(stream=True, demux=True, logs=True)

    def read() -> None:
        rest = b""
        with suppress(OSError, ValueError):  # a log closed meanwhile, or a full disk
            for out, err in stream:
                if err:
                    write_words(err, log)
                *lines, rest = (rest + (out or b"")).split(b"\n")
                for line in lines:
                    take_line(line, clock, log)
                if len(rest) > LONGEST_LINE:
                    take_line(rest, clock, log)
                    rest = b""
            if rest:
                take_line(rest, clock, log)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _memory_in_use(client: Any, container_id: str) -> int:
    """Memory of a container in bytes, without the page cache that the kernel can take back."""
    import docker

    try:
        stats = client.api.stats(container_id, stream=False, one_shot=True)
    except docker.errors.DockerException:
        return 0
    memory = stats.get("memory_stats", {})
    details = memory.get("stats", {})
    cache = details.get("total_inactive_file", details.get("inactive_file", 0))
    return max(0, int(memory.get("usage", 0)) - int(cache))
