"""How images, labels and masks are named."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from contract.errors import CallError

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg"})
LABEL_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".bmp", ".npy"})


def stem(name: str) -> str:
    """The name up to its first dot, which is the challenge's rule: "a.b.png" gives "a"."""
    return name.split(".", 1)[0]


def label_name(name: str) -> str:
    """The name of the mask that belongs to an image: "cell_1.png" gives "cell_1_label.tiff"."""
    return f"{stem(name)}_label.tiff"


def list_images(folder: Path) -> list[Path]:
    """The images in a folder, by suffix (any case), sorted by name.

    Hidden files and folders are no images. A link to a file that is not there is listed, so that
    it is reported and not passed over. Raises CallError for a name that is no UTF-8.
    """
    return _listed(folder, IMAGE_SUFFIXES)


def list_labels(folder: Path) -> list[Path]:
    """The label files in a folder, by suffix, sorted by name; otherwise as `list_images`."""
    return _listed(folder, LABEL_SUFFIXES)


def label_stem(name: str) -> str:
    """The stem of the image that a label file belongs to: a trailing "_label" is dropped."""
    return stem(name).removesuffix("_label")


def refuse_shared_stems(paths: Iterable[Path]) -> None:
    """Raises CallError when two images would write the same mask."""
    by_stem: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        by_stem[stem(path.name)].append(path.name)
    clashes = sorted(" and ".join(sorted(names)) for names in by_stem.values() if len(names) > 1)
    if clashes:
        raise CallError(
            f"Two images share one stem: {'; '.join(clashes[:5])}.",
            "a mask is named after the image's name up to its first dot, so both would write"
            " the same file",
            "rename one of them",
        )


def _listed(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    found = [
        path
        for path in folder.iterdir()
        if path.suffix.lower() in suffixes
        and not path.name.startswith(".")
        and (path.is_file() or (path.is_symlink() and not path.exists()))
    ]
    for path in found:
        try:
            path.name.encode()
        except UnicodeEncodeError as error:
            raise CallError(
                f"The name {os.fsencode(path.name)!r} in {folder} is no valid UTF-8.",
                "the file comes from a system with another encoding of names",
                "rename it",
            ) from error
    return sorted(found, key=lambda path: path.name)
