"""Predicting a set of images with one model: every image ends with a line, whatever happens."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from contract import ExitCode, append_line, label_name, write_json
from contract.names import normal, too_long, unopenable
from contract.schema import PredictOutcome
from evaluator.runs.folder import PREDICTIONS_JSONL, USAGE_JSON
from evaluator.runs.read import read_predictions, read_usage
from evaluator.runs.records import PredictionRecord, Usage
from evaluator.runs.words import LineOutcome
from harness.datasets.folder import Pair
from harness.models.registry import Model
from harness.runners.confine import remove_tree
from harness.runners.job import Ended, EventHandler, Job, Limits, Runner
from harness.work.staging import stage_images, stage_labels

ATTEMPTS = 2
"""A container that dies at an image gets one successor for the rest."""
RETRIED_NEXT_TIME = {"timeout", "out_of_memory", "crashed"}


@dataclass(frozen=True, kw_only=True)
class Predicting:
    """One model, the images for it and where their masks go.

    `pairs` gives the truth to a control that asks for it, and is empty otherwise.
    """

    runner: Runner
    model: Model
    images: Sequence[Path]
    folder: Path
    limits: Limits
    weights: Path | None = None
    pairs: Sequence[Pair] = ()
    labels: Mapping[str, str]
    cell_diameters: Mapping[str, float] = field(default_factory=dict)
    """By image name, where a person said how wide its cells are, in pixels."""

    def run(self, on_event: EventHandler) -> list[PredictionRecord]:
        """Writes masks, predictions.jsonl, usage.json and log.txt; returns the lines.

        Images that an earlier, killed call has finished in the same folder are kept. An image at
        which a container died gets its outcome, and the rest go to one fresh container.
        """
        out = self.folder / "out"
        shutil.rmtree(self.folder / "stage", ignore_errors=True)
        self._collect(out)
        lines = self._kept()
        usages = [earlier] if lines and (earlier := read_usage(self.folder)) else []
        self._leave_out_unusable(lines)
        rest = [image for image in self.images if image.name not in lines]
        for attempt in range(1, ATTEMPTS + 1):
            if not rest:
                break
            begun: list[str] = []
            ended = self._attempt(out, rest, remember(begun, on_event))
            usages.append(ended.usage)
            write_json(self.folder / USAGE_JSON, summed(usages).model_dump())
            lines |= self._collect(out)
            rest = [image for image in rest if image.name not in lines]
            if not rest:
                break
            useless = ended.exit_code == ExitCode.WRONG_CALL
            if ended.outcome == "done" or useless or attempt == ATTEMPTS:
                for image in _culprit_first(rest, begun):
                    self._add(lines, image, ended)
                break
            self._add(lines, _culprit_first(rest, begun)[0], ended)
            rest = [image for image in rest if image.name not in lines]
        return [lines[image.name] for image in self.images]

    def _leave_out_unusable(self, lines: dict[str, PredictionRecord]) -> None:
        """Gives a line to each image that no container can be handed, or no mask be named after."""
        for image in self.images:
            reason = too_long(image.name) or unopenable(image)
            if reason and image.name not in lines:
                line = PredictionRecord(image=image.name, outcome="unreadable", message=reason)
                append_line(self.folder / PREDICTIONS_JSONL, line.model_dump())
                lines[image.name] = line

    def _attempt(self, out: Path, images: Sequence[Path], on_event: EventHandler) -> Ended:
        stage = self.folder / "stage"
        remove_tree(out)
        out.mkdir()
        try:
            truth = stage_labels(stage / "truth", self.pairs) if self.pairs else None
            job = Job(
                model=self.model,
                verb="predict",
                input=stage_images(stage / "images", images, self._hints()),
                output=out,
                log=self.folder / "log.txt",
                limits=self.limits,
                weights=self.weights,
                truth=truth,
                labels=self.labels,
            )
            return self.runner.run(job, on_event)
        except BaseException:
            self._collect(out)
            raise
        finally:
            shutil.rmtree(stage, ignore_errors=True)

    def _hints(self) -> Mapping[str, float]:
        """The widths of cells, for a model that speaks a contract which has a place for them."""
        return self.cell_diameters if self.model.card.contract == "cellbench-1" else {}

    def _collect(self, out: Path) -> dict[str, PredictionRecord]:
        """Moves what a container has finished into the step's folder, line by line."""
        if not out.exists():
            return {}
        found: dict[str, PredictionRecord] = {}
        reported, masks = _reported(out), _masks(out)
        for image in self.images:
            mask = masks.get(normal(label_name(image.name)))
            line = _line(image, reported.get(normal(image.name)), mask)
            if line is None:
                continue
            if mask is not None and line.mask is not None:
                mask.replace(self.folder / line.mask)
            append_line(self.folder / PREDICTIONS_JSONL, line.model_dump())
            found[image.name] = line
        remove_tree(out)
        return found

    def _kept(self) -> dict[str, PredictionRecord]:
        """The lines that stand from an earlier call; the file is rewritten to hold just them."""
        path = self.folder / PREDICTIONS_JSONL
        lines = kept(self.folder)
        path.unlink(missing_ok=True)
        for line in lines.values():
            append_line(path, line.model_dump())
        return lines

    def _add(self, lines: dict[str, PredictionRecord], image: Path, ended: Ended) -> None:
        outcome: LineOutcome = "missing" if ended.outcome == "done" else ended.outcome
        message = ended.message
        if not message:
            silent = "the model ended without an error and wrote no mask"
            message = "; ".join(filter(None, (silent, ended.hint)))
        line = PredictionRecord(image=image.name, outcome=outcome, message=message)
        append_line(self.folder / PREDICTIONS_JSONL, line.model_dump())
        lines[image.name] = line


def kept(folder: Path) -> dict[str, PredictionRecord]:
    """By image, the lines in a folder that stand: their mask is there, or none is to be expected.

    What is worth another try does not stand.
    """
    return {
        line.image: line
        for line in read_predictions(folder).records
        if line.outcome not in RETRIED_NEXT_TIME
        and (not line.mask or (folder / line.mask).exists())
    }


def settled(lines: Sequence[PredictionRecord]) -> bool:
    """Whether a later call has nothing to try again."""
    return not any(line.outcome in RETRIED_NEXT_TIME for line in lines)


def remember(begun: list[str], on_event: EventHandler) -> EventHandler:
    """The handler, which keeps in `begun` the name of the image that was begun last."""

    def handle(event: Mapping[str, Any]) -> None:
        if event["event"] == "image":
            begun[:] = [str(event.get("image"))]
        on_event(event)

    return handle


def _culprit_first(rest: Sequence[Path], begun: Sequence[str]) -> list[Path]:
    """The images without a line, the one that the container was last seen to begin in front."""
    last = normal(begun[-1]) if begun else None
    return sorted(rest, key=lambda image: normal(image.name) != last)


def _reported(out: Path) -> dict[str, PredictionRecord]:
    """The lines that a container wrote, by image in the normal form of names.

    What is no line of the contract is passed over.
    """
    return {
        normal(line.image): line
        for line in read_predictions(out).records
        if line.outcome in get_args(PredictOutcome)
    }


def _masks(out: Path) -> dict[str, Path]:
    """The files that may be masks, by name in normal form; links are none."""
    return {
        normal(path.name): path
        for path in out.iterdir()
        if path.is_file() and not path.is_symlink()
    }


def _line(
    image: Path, reported: PredictionRecord | None, mask: Path | None
) -> PredictionRecord | None:
    """The line of an image that a container has finished, as its mask and its own line tell.

    The mask's name follows from the image's, whatever the line says; a container may write no
    lines at all.
    """
    name = label_name(image.name) if mask else None
    if reported is None:
        if mask is None:
            return None
        return PredictionRecord(image=image.name, mask=name, outcome="predicted")
    if reported.outcome != "predicted":
        return reported.model_copy(update={"image": image.name, "mask": None})
    if mask is None:
        message = "its line says predicted, but there is no mask"
        return PredictionRecord(image=image.name, outcome="missing", message=message)
    return reported.model_copy(update={"image": image.name, "mask": name})


def summed(usages: Sequence[Usage]) -> Usage:
    """The usage of all attempts: times added up, the largest memory, the last ending."""

    def total(values: Sequence[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return round(sum(known), 3) if known else None

    def largest(values: Sequence[int | None]) -> int | None:
        return max((value for value in values if value is not None), default=None)

    return usages[-1].model_copy(
        update={
            "start_seconds": total([usage.start_seconds for usage in usages]),
            "load_seconds": total([usage.load_seconds for usage in usages]),
            "work_seconds": total([usage.work_seconds for usage in usages]),
            "seconds": round(sum(usage.seconds for usage in usages), 3),
            "peak_memory_bytes": largest([usage.peak_memory_bytes for usage in usages]),
            "peak_vram_bytes": largest([usage.peak_vram_bytes for usage in usages]),
            "attempts": sum(usage.attempts for usage in usages),
        }
    )
