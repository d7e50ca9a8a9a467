"""How images, labels and masks are named."""

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
    """The images in a folder, by suffix, sorted by name; hidden files are no images."""
    return _listed(folder, IMAGE_SUFFIXES)


def list_labels(folder: Path) -> list[Path]:
    """The label files in a folder, by suffix, sorted by name."""
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
    return sorted(
        (
            path
            for path in folder.iterdir()
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file()
        ),
        key=lambda path: path.name,
    )
