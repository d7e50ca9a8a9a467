"""StarDist's layout: images/ and masks/ that hold files of the same names, in train/ and test/."""

from collections.abc import Iterator
from pathlib import Path

from harness.datasets.importers.files import below, is_image, nothing, side_of
from harness.datasets.importers.record import Choices, Left, Record


def recognise(source: Path) -> str | None:
    """images/ and masks/ with files, here or in folders of this one, that share a name."""
    for part in _parts(source):
        masks = {path.stem for path in (part / "masks").iterdir()}
        if any(path.stem in masks for path in (part / "images").iterdir()):
            where = "" if part == source else f"{below(source, part)}/"
            return f"{where}images/ and {where}masks/ hold files of the same names"
    return None


def records(source: Path, choices: Choices) -> Iterator[Record | Left]:
    """images/<name> with masks/<name>, suffixes may differ; train/ and test/ are the split.

    Raises CallError when there are no such folders.
    """
    parts = _parts(source)
    if not parts:
        raise nothing(source, "stardist", "images/ and masks/, or train/ and test/ that hold these")
    for part in parts:
        masks = {path.stem: path for path in sorted((part / "masks").iterdir()) if is_image(path)}
        names = set()
        for image in sorted(path for path in (part / "images").iterdir() if is_image(path)):
            names.add(image.stem)
            if image.stem not in masks:
                yield Left(name=below(source, image), reason="no mask of this name")
                continue
            yield Record(
                original=below(source, image),
                image=image,
                label=masks[image.stem],
                side=side_of(part.name) if part != source else None,
            )
        for stem, mask in masks.items():
            if stem not in names:
                yield Left(name=below(source, mask), reason="a mask without an image")


def _parts(source: Path) -> list[Path]:
    """The folders that hold images/ and masks/, none of them BBBC039's, which has metadata/ too."""
    if not source.is_dir() or (source / "metadata").is_dir():
        return []
    folders = [source, *sorted(path for path in source.iterdir() if path.is_dir())]
    return [
        one
        for one in folders
        if all(_has_files(one / kind) for kind in ("images", "masks"))
        and not (one / "images" / f"{one.name}.png").exists()  # an image's folder of the dsb2018
    ]


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(path.is_file() for path in folder.iterdir())
