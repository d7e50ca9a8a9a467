"""What there is to look at: the images of a run, or a folder of masks, and whose outlines."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from contract import CallError, label_stem, list_images, list_labels, stem
from contract.names import normal
from evaluator.report.data import Model, ReportData
from evaluator.report.read.run import load_report
from evaluator.report.samples import shown_run
from evaluator.report.sections.viewer import MODEL_COLOURS, colours_of
from evaluator.runs.folder import RUN_JSON, RunFolder


@dataclass(frozen=True, kw_only=True)
class Source:
    """One of those who outlined cells: a model, or a folder of masks."""

    name: str
    colour: str
    """As "#rrggbb"."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One image; what is not there is None."""

    name: str
    image: Path | None
    truth: Path | None
    masks: tuple[Path | None, ...]
    """One for each source."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Everything that the page shows."""

    title: str
    images: tuple[Shown, ...]
    sources: tuple[Source, ...]
    report: Path | None
    """The report's page."""

    def place(self, name: str | None) -> int:
        """The place of an image by its name, or its name up to the first dot; CallError for none.

        The first one without a name.
        """
        if name is None:
            return 0
        for place, shown in enumerate(self.images):
            if name in (shown.name, stem(shown.name)):
                return place
        raise CallError(
            f"There is no image {name}.",
            f"{self.title} has {len(self.images)}, the first of them {self.images[0].name}",
            "give the image's file name",
        )


def find_subject(target: Path, images: Path | None = None, truth: Path | None = None) -> Subject:
    """A run folder, or a folder of masks with those of images and of true labels.

    Raises CallError when a folder is missing or there is nothing to see.
    """
    for folder in (target, images, truth):
        if folder is not None and not folder.is_dir():
            raise CallError(f"No folder {folder}.", "the path has a typing error", "check the path")
    if (target / RUN_JSON).is_file():
        if images or truth:
            raise CallError(
                f"{target} is a run, which knows its images and truth.",
                "--images and --truth are for a folder of masks",
                "leave them out",
            )
        return _run(target)
    return _masks(target, images, truth)


def _run(target: Path) -> Subject:
    data = load_report(target)
    report = RunFolder(target).report / "index.html"
    return Subject(
        title=data.title,
        images=_images(data),
        sources=_sources(data.models),
        report=report if report.is_file() else None,
    )


def _images(data: ReportData) -> tuple[Shown, ...]:
    if not data.images:
        raise CallError(f"{data.title} has no test images.", do="look at another run")
    return tuple(
        Shown(
            name=image.name,
            image=image.image,
            truth=image.label,
            masks=tuple(
                found[1] if (found := shown_run(model, image.name)) else None
                for model in data.models
            ),
        )
        for image in data.images
    )


def _sources(models: tuple[Model, ...]) -> tuple[Source, ...]:
    return tuple(
        Source(name=model.name, colour=colour)
        for model, colour in zip(models, colours_of(models), strict=True)
    )


def _masks(target: Path, images: Path | None, truth: Path | None) -> Subject:
    masks = _labels(target)
    if not masks:
        raise CallError(
            f"{target} is neither a run nor a folder of masks.",
            "it holds no run.json and no label image",
            "name a run folder, or the folder that `harness predict` wrote",
        )
    truths = _labels(truth) if truth else {}
    pictures = {normal(stem(path.name)): path for path in list_images(images)} if images else {}
    shown = [
        Shown(
            name=pictures[name].name if name in pictures else path.name,
            image=pictures.get(name),
            truth=truths.get(name),
            masks=(path,),
        )
        for name, path in masks.items()
    ]
    if images and not any(one.image for one in shown):
        raise CallError(
            f"No image in {images} belongs to a mask in {target}.",
            "they are paired by the name up to the first dot",
            "check --images",
        )
    return Subject(
        title=target.resolve().name,
        images=tuple(shown),
        sources=(Source(name=target.resolve().name, colour=MODEL_COLOURS[0]),),
        report=None,
    )


def _labels(folder: Path) -> Mapping[str, Path]:
    return {normal(label_stem(path.name)): path for path in list_labels(folder)}
