"""The same in napari, where it is installed."""

from typing import Any

from contract import CallError
from contract.guarded import read_image, read_mask
from harness.view.subject import Shown, Subject


def open_napari(subject: Subject, number: int) -> None:
    """Opens one image with its layers in napari's window, until that is closed.

    Raises CallError when napari is not installed, and what the readers do.
    """
    try:
        import napari
    except ImportError as error:
        raise CallError(
            "napari is not installed here.",
            "cellbench does not bring it along: it needs a desktop and its libraries",
            "pip install 'napari[all]' into the same environment, or leave --napari out",
        ) from error
    viewer = napari.Viewer(title=f"{subject.title}: {subject.images[number].name}")
    add_layers(viewer, subject, subject.images[number])
    napari.run()


def add_layers(viewer: Any, subject: Subject, shown: Shown) -> None:
    """Adds the image, the truth and each source's cells; the latter as outlines."""
    if shown.image is not None:
        viewer.add_image(read_image(shown.image), name=shown.name, rgb=True)
    names = ["truth", *(source.name for source in subject.sources)]
    for name, path in zip(names, (shown.truth, *shown.masks), strict=True):
        if path is not None:
            viewer.add_labels(read_mask(path), name=name).contour = 1
