"""What a training leaves on the disk and says of itself while it runs."""

import os
from time import monotonic

from containers.base.segmentation.checkpoint import Progress, Resumable, load, save
from contract import HistoryLine, TrainCall, append_line

REPORT_SECONDS = 1.0


class Journal:
    """Checkpoints, history and reports of one training, and its clock.

    The clock counts the seconds of all calls that worked on the training, from the making of the
    journal on.
    """

    def __init__(self, call: TrainCall, save_seconds: float) -> None:
        self.progress = Progress()
        self._call, self._save_seconds = call, save_seconds
        self._history = call.out / "history.jsonl"
        self._started = self._saved = self._reported = monotonic()

    def seconds(self) -> float:
        """Spent on this training so far."""
        return self.progress.seconds + monotonic() - self._started

    def report(self, total: int, message: str) -> None:
        """Says how many of `total` steps are done."""
        self._reported = monotonic()
        self._call.progress(self.progress.step, total, message)

    def report_now_and_then(self, total: int, message: str = "") -> None:
        """The same, when nothing was said for a while."""
        if monotonic() - self._reported > REPORT_SECONDS:
            self.report(total, message)

    def write(self, line: HistoryLine) -> None:
        """Appends the line of an epoch."""
        append_line(self._history, line.model_dump())
        self.progress.history_bytes = self._history.stat().st_size

    def save(self, state: Resumable, *, force: bool = False) -> None:
        """Writes a checkpoint, if the last one is old or this one is asked for."""
        now = monotonic()
        if not force and now - self._saved < self._save_seconds:
            return
        self.progress.seconds += now - self._started
        self._started = now
        save(self._call.checkpoint, self.progress, state.tensors())
        self._saved = monotonic()

    def resume(self, state: Resumable) -> bool:
        """Takes up the checkpoint that there is, into `state` too; False when there is none.

        What an interrupted call wrote of the history after that checkpoint is cut off.
        """
        found = load(self._call.checkpoint)
        if found is None:
            self._history.unlink(missing_ok=True)
            return False
        self.progress, tensors = found
        state.restore(tensors)
        size = self.progress.history_bytes
        if self._history.exists() and self._history.stat().st_size > size:
            os.truncate(self._history, size)
        return True
