"""A dataset in the challenge's layout: pairs of images and labels, faults, split and hash."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract import (
    CallError,
    UnreadableImage,
    UnreadableMask,
    WrongMaskType,
    label_name,
    list_images,
    list_labels,
    refuse_shared_stems,
    sha256_file,
    sha256_json,
)
from contract.dataset import draw_split
from contract.diameters import as_cell_diameter
from contract.guarded import open_mask, read_header, read_mask, read_picture
from contract.images import ImageHeader, Picture
from contract.names import (
    IMAGE_SUFFIXES,
    LABEL_SUFFIXES,
    ignore_file,
    passed_over,
    too_long,
    unopenable,
)
from contract.pairing import other_formats, pair_labels
from contract.reading.orientation import ON_ITS_SIDE, UPRIGHT
from contract.reading.scale import as_pixel_size
from contract.schema import Subset
from evaluator.overlap.health import health_of
from evaluator.overlap.mask_checks import check_mask
from evaluator.overlap.table import overlap_table
from evaluator.runs.records import Fault, Health, Remark
from evaluator.runs.words import CELL_DIAMETER, GROUP, PIXEL_SIZE
from evaluator.scores.regions import UnusableRegion, read_region
from evaluator.scores.truths import truth_sha256
from harness.datasets.manifest import read_manifest
from harness.datasets.turned import FITS_TURNED, fits_turned

TRAIN_PART = "Training-labeled"
TEST_PART = "Tuning"
SPLIT_SEED = 0
"""The split is the same for every model and seed, so that seeds differ in training alone."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One image with its label; `strata` are the manifest's further columns."""

    image: Path
    label: Path
    image_sha256: str
    label_sha256: str
    truth_sha256: str = ""
    """Of the label's ids, however they are stored."""
    health: Health = field(default_factory=Health)
    """Of the label."""
    ignore_sha256: str = ""
    """Of the file that says where nothing counts; "" without one."""
    pixel_size_um: float | None = None
    """Micrometres a pixel, from the manifest or else from the image; None when neither says."""
    cell_diameter: float | None = None
    """Width of a typical cell in pixels, from the manifest; None when it does not say."""
    strata: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The image's file name."""
        return self.image.name


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The usable pairs of a folder, and what was wrong with the others."""

    root: Path
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]
    faults: tuple[Fault, ...]
    remarks: tuple[Remark, ...] = ()
    """What should be known about files that are used, or were passed over."""

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.root.name

    @property
    def health(self) -> dict[str, Health]:
        """Of the usable labels of each part."""
        return {
            part: sum((pair.health for pair in pairs), Health())
            for part, pairs in ((TRAIN_PART, self.train), (TEST_PART, self.test))
        }

    @property
    def train_sha256(self) -> str:
        """Hash of the training pairs' names and contents."""
        return _pairs_sha256(self.train)

    @property
    def test_images_sha256(self) -> str:
        """Hash of the test images' names and contents."""
        return sha256_json([[pair.name, pair.image_sha256] for pair in self.test])

    @property
    def test_sha256(self) -> str:
        """Hash of the test pairs' names and contents."""
        return _pairs_sha256(self.test)

    @property
    def sha256(self) -> str:
        """Hash of both parts."""
        return sha256_json([self.train_sha256, self.test_sha256])


def load_dataset(root: Path) -> Dataset:
    """Reads `root`/Training-labeled and `root`/Tuning, each with images/ and labels/.

    Every label is opened, looked at and compared with its image's size. What is wrong with single
    images is collected in `faults`; such images are left out for all models alike. An image that
    cannot be decoded is no fault of the dataset as long as its label is fine: models are given
    it, and it counts.

    Raises CallError when the folder is missing, when two images share a stem, or when no pair
    to test on is left.
    """
    if not root.is_dir():
        raise CallError(
            f"No dataset folder {root}.",
            "the path has a typing error",
            "give a folder with Training-labeled/ and Tuning/, each with images/ and labels/",
        )
    train, test = _read_part(root, TRAIN_PART), _read_part(root, TEST_PART)
    faults = (*train.faults, *test.faults)
    if not test.pairs:
        examples = "; ".join(f"{fault.image}: {fault.reason}" for fault in faults[:3])
        raise CallError(
            f"No usable image with a label in {root / TEST_PART}.",
            examples or f"{root / TEST_PART}/images or /labels is missing or empty",
            "put images into Tuning/images and their masks, named <stem>_label.tiff,"
            " into Tuning/labels",
        )
    return Dataset(
        root=root.resolve(),
        train=train.pairs,
        test=test.pairs,
        faults=faults,
        remarks=(*train.remarks, *test.remarks),
    )


def load_training(root: Path) -> tuple[tuple[Pair, ...], tuple[Fault, ...]]:
    """The usable pairs of `root`/Training-labeled, and what was wrong with others there.

    Raises CallError when two images share a stem or no pair is left.
    """
    part = _read_part(root, TRAIN_PART)
    if not part.pairs:
        examples = "; ".join(f"{fault.image}: {fault.reason}" for fault in part.faults[:3])
        raise CallError(
            f"No usable image with a label in {root / TRAIN_PART}.",
            examples or f"{root / TRAIN_PART}/images or /labels is missing or empty",
            "give a folder with Training-labeled/, which holds images/ and labels/",
        )
    return part.pairs, part.faults


def split_training(pairs: Sequence[Pair]) -> dict[str, Subset]:
    """Nine in ten training images for training, one in ten for validation, within each source.

    The manifest's `source` column names the sources, else `modality`; without either all images
    are one source. A source of fewer than five images stays in training as a whole, unless
    nothing would be left to validate on. Images of one `group` (slide, patient, plate, movie) stay
    together: each group counts as one image, and lies in the source of its first one.
    """
    sources: dict[str, list[str]] = defaultdict(list)
    members: dict[str, list[str]] = {}
    for pair in pairs:
        group = pair.strata.get(GROUP)
        unit = f"{GROUP} {group}" if group else pair.name
        if unit not in members:
            members[unit] = []
            sources[pair.strata.get("source") or pair.strata.get("modality", "")].append(unit)
        members[unit].append(pair.name)
    split: dict[str, Subset] = {}
    for units in sources.values():
        split |= draw_split(units, SPLIT_SEED) if len(units) >= 5 else dict.fromkeys(units, "train")
    if "val" not in split.values():
        split = draw_split(list(split), SPLIT_SEED)
    return {name: subset for unit, subset in split.items() for name in members[unit]}


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What one of the two folders holds."""

    pairs: tuple[Pair, ...] = ()
    faults: tuple[Fault, ...] = ()
    remarks: tuple[Remark, ...] = ()


def _read_part(root: Path, part: str) -> _Part:
    folder = root / part
    if not (folder / "images").is_dir():
        return _Part()
    images = list_images(folder / "images")
    refuse_shared_stems(images)
    labels_folder = folder / "labels"
    pairing = pair_labels(images, list_labels(labels_folder) if labels_folder.is_dir() else [])
    manifest = read_manifest(folder / "manifest.csv", [image.name for image in images])
    remarks = [Remark(name="manifest.csv", part=part, text=text) for text in manifest.remarks]
    for kind, suffixes in (("images", IMAGE_SUFFIXES), ("labels", LABEL_SUFFIXES)):
        left = passed_over(folder / kind, suffixes) if (folder / kind).is_dir() else ""
        remarks += [Remark(name=f"{kind}/", part=part, text=left)] if left else []
    for told in (pairing.remarks, pairing.beside):
        remarks += [Remark(name=name, part=part, text=text) for name, text in told.items()]
    pairs, faults = [], []
    for image in images:
        label = pairing.labels.get(image.name)
        if label is None:
            reason = pairing.several.get(image.name) or pairing.misnamed.get(image.name)
            reason = reason or _no_label(image, labels_folder)
            faults.append(Fault(image=image.name, part=part, reason=reason))
            continue
        try:
            pair, warnings = _read_pair(image, label, manifest.columns.get(image.name, {}))
        except _Unusable as error:
            faults.append(Fault(image=image.name, part=part, reason=str(error)))
            continue
        pairs.append(pair)
        if (given := pair.strata.get(PIXEL_SIZE)) and as_pixel_size(given) is None:
            text = f"{PIXEL_SIZE} is {given!r} in manifest.csv, which is no size of a pixel in µm"
            remarks.append(Remark(name=image.name, part=part, text=text))
        if (given := pair.strata.get(CELL_DIAMETER)) and as_cell_diameter(given) is None:
            text = f"{CELL_DIAMETER} is {given!r} in manifest.csv, which is no width in pixels"
            remarks.append(Remark(name=image.name, part=part, text=text))
        if part == TEST_PART:  # every test image is decoded by every model anyway
            remarks += picture_remarks(image, label, part)
        remarks += [
            Remark(name=label.name, part=part, text=text, suspicious=True) for text in warnings
        ]
    faults += [
        Fault(image=label.name, part=part, reason="a label without an image")
        for label in pairing.strangers
    ]
    return _Part(pairs=tuple(pairs), faults=tuple(faults), remarks=tuple(remarks))


class _Unusable(Exception):
    """Why a pair is left out."""


def _read_pair(image: Path, label: Path, strata: Mapping[str, str]) -> tuple[Pair, tuple[str, ...]]:
    """The pair, and what is suspicious about its label; raises _Unusable with the reason."""
    for path, what in ((image, "image"), (label, "label")):
        if reason := unopenable(path):
            raise _Unusable(f"the {what} cannot be opened: {reason}")
    if reason := too_long(image.name):
        raise _Unusable(reason)
    try:
        mask = open_mask(label)
        hashes = sha256_file(image), sha256_file(label)
    except (UnreadableMask, WrongMaskType) as error:
        raise _Unusable(f"the label cannot be used: {error.what}") from error
    except OSError as error:
        raise _Unusable(f"{error.filename or image} cannot be read: {error.strerror}") from error
    labels = mask.labels
    size = labels.shape[0], labels.shape[1]
    header = _header_that_fits(image, size)
    try:
        region, ignored = read_region(label, size), ignore_file(label)
    except UnusableRegion as error:
        raise _Unusable(error.what) from error
    given = as_pixel_size(strata.get(PIXEL_SIZE, ""))
    cells = overlap_table(labels).truth
    found = check_mask(labels, cells)
    pair = Pair(
        image=image.absolute(),
        label=label.absolute(),
        image_sha256=hashes[0],
        label_sha256=hashes[1],
        truth_sha256=truth_sha256(labels, region),
        health=health_of(labels, cells, found),
        ignore_sha256=sha256_file(ignored) if ignored else "",
        pixel_size_um=given or (header.pixel_size_um if header else None),
        cell_diameter=as_cell_diameter(strata.get(CELL_DIAMETER, "")),
        strata=strata,
    )
    return pair, (*mask.remarks, *found)


def picture_remarks(image: Path, label: Path, part: str) -> list[Remark]:
    """What was dropped, turned or is odd about an image with a usable label.

    Nothing is said of an image that is unreadable.
    """
    try:
        return decoded_remarks(read_picture(image), image, label, part)
    except UnreadableImage:
        return []


def decoded_remarks(picture: Picture, image: Path, label: Path, part: str) -> list[Remark]:
    """As `picture_remarks`, of an image that was decoded already."""
    found = [Remark(name=image.name, part=part, text=text) for text in picture.remarks]
    if picture.orientation != UPRIGHT and fits_turned(
        picture.pixels, read_mask(label), picture.orientation
    ):
        found.append(Remark(name=image.name, part=part, text=FITS_TURNED, suspicious=True))
    return found


def _header_that_fits(image: Path, size: tuple[int, int]) -> ImageHeader | None:
    """The image's header, None when it is unreadable.

    Raises _Unusable when a label of this size does not lie on the image's stored pixels.
    """
    try:
        header = read_header(image)
    except UnreadableImage:
        return None
    if size == (header.height, header.width):
        return header
    reason = f"the label is {size[0]}×{size[1]}, the image {header.height}×{header.width} pixels"
    if header.orientation in ON_ITS_SIDE and size == (header.width, header.height):
        reason += (
            f"; it fits the turned picture (orientation {header.orientation}): save the image as it"
            " is shown, or draw the label on the stored pixels"
        )
    raise _Unusable(reason)


def _no_label(image: Path, labels: Path) -> str:
    """That an image has no label, and which file of another format may have been meant."""
    meant = other_formats(labels, image.name) if labels.is_dir() else ""
    return f"no label {label_name(image.name)}{f'; {meant}' if meant else ''}"


def _pairs_sha256(pairs: Sequence[Pair]) -> str:
    return sha256_json(
        [
            [pair.name, pair.image_sha256, pair.label_sha256, *filter(None, [pair.ignore_sha256])]
            for pair in pairs
        ]
    )
