"""Which runner is used, and why."""

from typing import Literal, NamedTuple

from contract import CallError
from harness.runners.job import Runner

RunnerChoice = Literal["auto", "docker", "apptainer", "local"]


class Chosen(NamedTuple):
    """A runner and the reason for it, for people."""

    runner: Runner
    reason: str

    def told(self) -> tuple[str, ...]:
        """Lines for people: which it is and why, and what its engine does not limit."""
        ignored = (f"warning: this runner does not limit {limit}" for limit in self.runner.ignored)
        return (f"runner {self.runner.name}: {self.reason}", *ignored)


def choose_runner(choice: RunnerChoice) -> Chosen:
    """Docker when asked for or when an engine answers, else local.

    Raises CallError when docker is asked for and no engine answers, or apptainer and there is none.
    """
    from harness.runners.apptainer import ApptainerRunner
    from harness.runners.docker import DockerRunner
    from harness.runners.local import LocalRunner

    match choice:
        case "docker":
            return Chosen(DockerRunner(), "asked for")
        case "apptainer":
            return Chosen(ApptainerRunner(), "asked for")
        case "local":
            return Chosen(LocalRunner(), "asked for; models run without isolation")
        case "auto":
            try:
                return Chosen(DockerRunner(), "a Docker engine answers")
            except CallError as error:
                return Chosen(
                    LocalRunner(), f"{error.what} ({error.why}); models run without isolation"
                )
