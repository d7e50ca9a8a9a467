"""The NeurIPS 2022 Cell Segmentation Challenge: folders that hold images/ and labels/."""

from collections.abc import Iterator
from pathlib import Path

from contract.names import list_images, list_labels
from contract.pairing import pair_labels
from harness.datasets.importers.files import below, nothing, side_of
from harness.datasets.importers.record import Choices, Left, Record, Side
from harness.datasets.manifest import read_manifest

KEPT = ("source", "modality", "licence", "group")


def recognise(source: Path) -> str | None:
    """A folder named as the challenge names its parts, with images and labels."""
    parts = _parts(source)
    return f"{below(source, parts[0])} holds images/ and labels/" if parts else None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """The pairs of Training-labeled, Tuning, Testing and the like, wherever they lie below.

    Training-labeled is for training, the others for the test. What a manifest.csv in a part says
    is kept. Raises CallError when there is no such part.
    """
    parts = _parts(source)
    if not parts:
        raise nothing(source, "neurips22", "Training-labeled or Tuning, with images/ and labels/")
    for part in parts:
        images = list_images(part / "images")
        pairing = pair_labels(images, list_labels(part / "labels"))
        manifest = read_manifest(part / "manifest.csv", [image.name for image in images])
        for image in images:
            label = pairing.labels.get(image.name)
            if label is None:
                reason = pairing.several.get(image.name) or pairing.misnamed.get(image.name)
                yield Left(name=below(source, image), reason=reason or "no label")
                continue
            told = dict(manifest.columns.get(image.name, {}))
            kept = {name: told.pop(name, "") for name in KEPT}
            yield Record(
                original=below(source, image),
                image=image,
                label=label,
                side=_side(source, part),
                source=kept["source"],
                modality=kept["modality"],
                licence=kept["licence"],
                group=kept["group"],
                columns={name: value for name, value in told.items() if name != "original"},
            )
        for stranger in pairing.strangers:
            yield Left(name=below(source, stranger), reason="a label without an image")


def _side(source: Path, part: Path) -> Side | None:
    words = [side_of(name) for name in part.relative_to(source).parts]
    return next((side for side in reversed(words) if side is not None), None)


def _parts(source: Path) -> list[Path]:
    """Folders of known names, or inside of them, that hold images/ and labels/."""
    if not source.is_dir():
        return []
    found = sorted(path.parent for path in source.glob("**/images") if path.is_dir())
    return [
        part
        for part in found
        if part != source
        and (part / "labels").is_dir()
        and any(side_of(name) for name in part.relative_to(source).parts)
    ]
