"""What `harness status` prints."""

from rich.console import Console
from rich.table import Table

from contract.shown import shown
from harness.work.progress import words
from harness.work.status import RunStatus

LONGEST_NOTE = 80


def print_status(status: RunStatus) -> None:
    """A line for each step, and one for the run."""
    console = Console(soft_wrap=True)
    table = Table("model", "seed", "step", "state", "time", "")
    for step in status.steps:
        table.add_row(
            step.model, str(step.seed), step.step, step.state, words(step.seconds),
            shown(step.note, LONGEST_NOTE).replace("[", r"\["),
        )  # fmt: skip
    console.print(table)
    ended = sum(step.state in ("done", "failed", "skipped") for step in status.steps)
    counts = f"{ended} of {len(status.steps)} steps have ended"
    if status.owner:
        left = status.seconds_left
        console.print(f"{counts}; {status.owner} is at work", markup=False, highlight=False)
        console.print(f"time left: about {words(left)}" if left is not None else "time left: ?")
    elif status.record.finished:
        console.print(f"{counts}; the run has finished", highlight=False)
    else:
        console.print(f"{counts}; nobody is at work: run-all goes on with it", highlight=False)
