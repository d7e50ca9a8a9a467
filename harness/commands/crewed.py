"""Carrying out what several workers may do at a time, for the commands that have a run."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import typer

from harness.commands import options
from harness.runners.job import Limits
from harness.work.crew import Crew
from harness.work.progress import Display
from harness.work.run_all import Result


def carry_out(
    work: Callable[[Display, Crew], Result],
    limits: Limits,
    *,
    memory_asked: bool,
    workers: int | None,
    cluster: str | None,
    cluster_options: Path | None,
    cluster_wait: str,
) -> NoReturn:
    """Hires who was asked for, has them do the work, prints what came of it and exits so.

    Raises CallError for a cluster that cannot be reached, or options that it does not know.
    """
    from harness.commands.summary import print_summary
    from harness.runners.signals import interruptible
    from harness.work.hire import hired
    from harness.work.progress import display

    with interruptible():
        with (
            display() as show,
            hired(
                limits,
                show,
                memory_asked=memory_asked,
                workers=workers,
                cluster=cluster,
                cluster_options=cluster_options,
                patience=options.duration(cluster_wait),
            ) as crew,
        ):
            result = work(show, crew)
        print_summary(result)
    raise typer.Exit(result.exit_code)
