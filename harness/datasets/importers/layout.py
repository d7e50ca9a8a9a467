"""Writing one record into the challenge's layout: the image as it is, the label checked."""

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import UnreadableImage, UnreadableMask, WrongMaskType, write_mask
from contract.errors import SeveralPlanes
from contract.files import ASIDE, write_aside
from contract.guarded import open_mask, read_picture
from contract.names import too_long
from contract.written import Written
from evaluator.overlap.mask_checks import check_mask
from evaluator.overlap.table import overlap_table
from harness.datasets.importers.record import Labels, LeftOut, Pixels, Planes, Record, Truth
from harness.datasets.importers.stacks import choose, read_stack

COMPONENTS = "connected components of a foreground mask"


@dataclass(frozen=True, kw_only=True)
class Handling:
    """How records are written."""

    convert: bool = False
    """Stacks are cut; else they are left out."""
    planes: Planes = "middle"
    components: bool = False
    """Masks say only where cells are; touching pixels are one cell."""


@dataclass(frozen=True, kw_only=True)
class Made:
    """One image that a record gave."""

    name: str
    """Of the image's file."""
    label: str
    cells: int
    remarks: tuple[str, ...]
    columns: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class _Image:
    suffix: str
    size: tuple[int, int]
    write: Callable[[Path], object]
    truth: Truth
    ending: str = ""


def write_record(
    record: Record, stem: str, part: str, written: Written, handling: Handling, taken: set[str]
) -> list[Made]:
    """Imports one record as images and labels called `stem` into `part` of the folder
    that `written` keeps the record of.

    Images that are files are linked, or copied where they cannot be; pixels that came out of a
    container or a stack are written as TIFF. `taken` holds the stems of all other images, and gets
    those of these. Raises LeftOut when the record cannot be used, and then nothing is written.
    """
    root = written.folder
    made = []
    for one in _images(record, handling):
        labels = _components(one.truth.labels) if handling.components else one.truth.labels
        if labels.shape != one.size:
            height, width = labels.shape
            raise LeftOut(
                f"the label is {height}×{width}, the image {one.size[0]}×{one.size[1]} pixels"
            )
        name, label = f"{stem}{one.ending}{one.suffix}", f"{stem}{one.ending}_label.tiff"
        if reason := too_long(name):
            raise LeftOut(reason)
        if (key := f"{stem}{one.ending}".casefold()) in taken:
            raise LeftOut(f"another image is called {stem}{one.ending} already")
        taken.add(key)
        cells = overlap_table(labels).truth
        ignore = one.truth.ignore
        files: dict[str, Callable[[Path], object]] = {
            f"{part}/labels/{label}": _mask_writer(labels),
            f"{part}/images/{name}": one.write,
        }
        if ignore is not None and ignore.any():
            place = f"{part}/labels/{stem}{one.ending}_ignore.tiff"
            files[place] = _mask_writer(ignore.astype(np.uint8))
        written.refuse_others(files)
        for place, write in files.items():
            written.note(place)
            write(root / place)
            written.note(place, final="/labels/" in place)
        columns = dict(record.columns)
        if handling.components:
            columns["label_quality"] = COMPONENTS
        if one.truth.labelling:
            columns["labelling"] = one.truth.labelling
        made.append(
            Made(
                name=name,
                label=label,
                cells=len(cells),
                remarks=(*one.truth.remarks, *check_mask(labels, cells)),
                columns=columns,
            )
        )
    return made


def _images(record: Record, handling: Handling) -> list[_Image]:
    """What a record gives: one image, or several that a stack is cut into."""
    if isinstance(record.image, Path):
        if record.plane is None:
            try:
                size = read_picture(record.image).pixels.shape
                return [_linked(record, record.image, (size[0], size[1]))]
            except SeveralPlanes as error:
                if not handling.convert:
                    raise LeftOut(f"{error.what}; --convert cuts it") from error
            except UnreadableImage as error:
                raise LeftOut(f"the image cannot be read: {error.what}") from error
        elif not handling.convert:
            raise LeftOut("one plane of a stack; --convert cuts it out")
        pixels = read_stack(record.image)
    else:
        pixels = record.image()[None]
    if record.plane is not None:
        if not 0 <= record.plane < len(pixels):
            raise LeftOut(f"the stack has {len(pixels)} planes, none of number {record.plane}")
        pixels = pixels[record.plane][None]
    return _cut(record, pixels, handling.planes)


def _linked(record: Record, path: Path, size: tuple[int, int]) -> _Image:
    return _Image(
        suffix=path.suffix.lower() if path.suffix.isupper() else path.suffix,
        size=size,
        write=lambda place: link(path, place),
        truth=_truth(record, size),
    )


def _cut(record: Record, pixels: Pixels, planes: Planes) -> list[_Image]:
    size = (pixels.shape[1], pixels.shape[2])
    labels_planes = _label_planes(record) if len(pixels) > 1 else None
    if labels_planes is not None and len(labels_planes) != len(pixels):
        raise LeftOut(f"the image has {len(pixels)} planes, the label {len(labels_planes)}")
    if labels_planes is None and len(pixels) > 1 and planes == "each":
        raise LeftOut("one label for a stack of planes: cut with --planes max or middle")
    found = []
    for ending, cut in choose(
        len(pixels), planes, of="labels" if labels_planes is not None else ""
    ):
        truth = _truth(record, size) if labels_planes is None else Truth(labels=cut(labels_planes))
        found.append(
            _Image(
                suffix=".tif",
                size=size,
                write=_pixel_writer(cut(pixels)),
                truth=truth,
                ending=ending,
            )
        )
    return found


def _label_planes(record: Record) -> Labels | None:
    """The planes of a label that is a stack; None when it is one plane, or drawn."""
    if not isinstance(record.label, Path):
        return None
    try:
        open_mask(record.label)
    except WrongMaskType:
        return read_stack(record.label).astype(np.int64)
    except UnreadableMask as error:
        raise LeftOut(f"the label cannot be used: {error.what}") from error
    return None


def _truth(record: Record, size: tuple[int, int]) -> Truth:
    if not isinstance(record.label, Path):
        return record.label(size)
    return read_label(record.label)


def read_label(path: Path) -> Truth:
    """A label mask from a file. Raises LeftOut when it is none."""
    try:
        mask = open_mask(path)
    except (UnreadableMask, WrongMaskType) as error:
        raise LeftOut(f"the label cannot be used: {error.what}") from error
    return Truth(labels=mask.labels, remarks=mask.remarks)


def _components(labels: Labels) -> Labels:
    """Each piece of the foreground, corners connecting, as a cell of its own."""
    from scipy import ndimage

    found, _ = ndimage.label(labels != 0, np.ones((3, 3), np.int8))
    return np.asarray(found)


def link(path: Path, place: Path) -> None:
    """A second name for a file, or a copy where there can be none."""
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f"{ASIDE}import{place.suffix}")
    aside.unlink(missing_ok=True)
    try:
        try:
            os.link(path.resolve(), aside)
        except OSError:
            shutil.copyfile(path, aside)
        place.unlink(missing_ok=True)  # two names of one file are not moved onto each other
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)


def _mask_writer(labels: Labels) -> Callable[[Path], object]:
    return lambda place: write_mask(place, labels)


def _pixel_writer(pixels: Pixels) -> Callable[[Path], object]:
    import tifffile

    photometric = "rgb" if pixels.ndim == 3 and pixels.shape[-1] == 3 else "minisblack"

    def write(aside: Path) -> None:
        tifffile.imwrite(
            aside,
            np.ascontiguousarray(pixels),
            photometric=photometric,
            compression="zlib",
            **({"planarconfig": "contig"} if pixels.ndim == 3 else {}),
        )

    return lambda place: write_aside(place, write)
