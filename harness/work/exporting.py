"""Writing a folder of masks in the formats of other programs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contract import (
    CallError,
    CellbenchError,
    ExitCode,
    label_name,
    list_images,
    list_labels,
    refuse_shared_stems,
    sha256_file,
    sha256_json,
)
from contract.files import append_line, read_lines
from contract.guarded import read_mask, read_picture
from contract.names import LABEL_SUFFIXES, OURS, label_stem, passed_over, printable, some
from contract.pairing import distinct_labels, pair_labels
from contract.reading.scale import as_pixel_size
from contract.written import Written
from evaluator.runs.folder import PREDICTIONS_JSONL, RunFolder
from evaluator.runs.read import read_run
from evaluator.runs.words import PIXEL_SIZE
from harness.datasets.exporters.formats import exporters
from harness.datasets.exporters.segmented import Exporter, Segmented
from harness.datasets.manifest import read_manifest
from harness.work.lock import locked
from harness.work.progress import Display

DONE = f"{OURS}-done.jsonl"
"""In the folder of a format: which masks it holds, by a hash of what they were made from."""
LAYOUT = 1
"""Counted up when a format is written differently, so that nothing old is taken for done."""


@dataclass(frozen=True, kw_only=True)
class Masks:
    """The masks to write, and what was left out of their folder."""

    found: tuple[tuple[Path, Path | None], ...]
    """A mask and its image, in the order of their names."""
    pixel_sizes_um: Mapping[Path, float] = field(default_factory=dict)
    """Micrometres a pixel by image, where a manifest or a run says so; else its file is asked."""
    remarks: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    """Why files that look like masks are not written."""


@dataclass
class _Result:
    written: int = 0
    kept: int = 0
    failures: list[str] = field(default_factory=list)


def find_masks(masks: Path, images: Path | None, model: str | None, seed: int) -> Masks:
    """The masks of a folder, or of one model in a run, with their images.

    In a run these are the ones that it tested on, unless `images` names a folder. Raises CallError
    when there are no masks, or when a run is given without one of its models.
    """
    for folder in filter(None, (masks, images)):
        if not folder.is_dir():
            raise CallError(
                f"{folder} is a file, not a folder." if folder.exists() else f"No folder {folder}.",
                "" if folder.exists() else "the path has a typing error",
                "give the folder that the files lie in",
            )
    sizes: dict[Path, float] = {}
    pictures = [] if images is None else list_images(images)
    if images is not None and not pictures:
        raise CallError(f"No images in {images}.", passed_over(images) or "the folder is empty")
    if images is not None:
        sizes = _sizes_in_manifest(images, pictures)
    run = read_run(masks)
    if run is not None:
        masks = _of_run(masks, tuple(run.models), model, seed)
        if images is None:
            paths = [Path(entry.image_path) for entry in run.dataset.images]
            pictures = [path for path in paths if path.is_file()]
            sizes = {
                Path(entry.image_path): entry.pixel_size_um
                for entry in run.dataset.images
                if entry.pixel_size_um is not None
            }
    elif model is not None:
        raise CallError(
            f"{masks} is no run, so there is no model {model} in it.",
            "there is no run.json in the folder",
            "leave out --model to export the masks that lie in the folder",
        )
    labels = distinct_labels(list_labels(masks))
    left = passed_over(masks, LABEL_SUFFIXES)
    if not labels.labels and not labels.several:
        raise CallError(
            f"No masks in {masks}.",
            left or "the folder is empty",
            "give a folder of label images: TIFF, PNG, BMP or npy",
        )
    refuse_shared_stems(pictures)
    pairing = pair_labels(pictures, labels.labels)
    image_of = {mask: image for image in pictures if (mask := pairing.labels.get(image.name))}
    remarks = [f"{name}: {text}" for told in (labels.beside, pairing.remarks, pairing.misnamed)
               for name, text in told.items()]  # fmt: skip
    is_ours = (masks / PREDICTIONS_JSONL).is_file()  # then what lies beside the masks is known
    remarks += [left] if left and not is_ours else []
    if pictures:
        lonely = [path.name for path in labels.labels if path not in image_of]
        remarks += [f"without an image: {some(lonely)}"] if lonely else []
        bare = [path.name for path in pictures if path.name not in pairing.labels]
        remarks += [f"without a mask: {some(bare)}"] if bare else []
    return Masks(
        found=tuple((mask, image_of.get(mask)) for mask in labels.labels),
        pixel_sizes_um=sizes,
        remarks=tuple(remarks),
        failures=labels.several,
    )


def export_masks(masks: Masks, out: Path, formats: Sequence[str], show: Display) -> ExitCode:
    """Writes each format into `out`/<format>/; returns 0, or 3 when something could not be.

    Masks that an earlier call wrote, and that nobody changed since, are kept. Raises CallError
    before any work when a library is missing or a file that is not ours would be replaced.
    """
    makers = exporters(formats)
    written = {name: Written(out / name) for name in formats}
    for name, maker in makers.items():
        names = [file for mask, image in masks.found for file in _names(maker, mask, image)]
        written[name].refuse_others([*names, *maker.CLAIMS])
    for text in masks.remarks:
        show.say(f"note: {printable(text)}")
    result = _Result(failures=list(masks.failures))
    handle = show.step("export")
    with locked(out):
        try:
            done = {name: _done(out / name) for name in formats}
            for number, (mask, image) in enumerate(masks.found, start=1):
                size = masks.pixel_sizes_um.get(image) if image else None
                _export_one(mask, image, size, makers, written, done, result)
                handle({"event": "progress", "done": number, "total": len(masks.found),
                        "message": mask.name})  # fmt: skip
            if result.written + result.kept:
                for name, maker in makers.items():
                    written[name].claim(maker.CLAIMS, known=True)
                    maker.finish(out / name)
                    for file in maker.CLAIMS:
                        written[name].note(file, final=True)
        finally:
            (out / ".lock").unlink(missing_ok=True)
    for text in result.failures:
        show.say(printable(text))
    kept = f", {result.kept} of them by an earlier call" if result.kept else ""
    count = result.written + result.kept
    show.say(f"{count} of {len(masks.found) + len(masks.failures)} masks are in"
             f" {out}/ as {', '.join(formats)}{kept}")  # fmt: skip
    return ExitCode.FAILURES if result.failures else ExitCode.DONE


def export_predicted(source: Path, out: Path, formats: Sequence[str], show: Display) -> ExitCode:
    """Exports the masks in `out` of the images in `source`, once they are predicted."""
    images = list_images(source) or list_images(source / "images")
    pairs = [(out / label_name(image.name), image) for image in images]
    found = tuple((mask, image) for mask, image in pairs if mask.is_file())
    return export_masks(Masks(found=found), out, formats, show) if found else ExitCode.DONE


def _of_run(run: Path, models: Sequence[str], model: str | None, seed: int) -> Path:
    if model is None or model not in models:
        raise CallError(
            f"{run} is a run: which model's masks?" if model is None
            else f"There is no model {model} in {run}.",
            do=f"give --model with one of {', '.join(models)}",
        )  # fmt: skip
    folder = RunFolder(run).step(model, seed, "predict")
    if not folder.is_dir():
        raise CallError(
            f"There are no masks of {model} with seed {seed} in {run}.",
            "it has not predicted yet, or had other seeds",
        )
    return folder


def _export_one(
    mask: Path,
    image: Path | None,
    size: float | None,
    makers: Mapping[str, Exporter],
    written: Mapping[str, Written],
    done: Mapping[str, Mapping[str, str]],
    result: _Result,
) -> None:
    """Writes one mask in the formats that do not have it yet."""
    stem = label_stem(mask.name)
    before = len(result.failures)
    try:
        picture_sha256 = sha256_file(image) if image else None
        key = sha256_json([LAYOUT, sha256_file(mask), picture_sha256, size])
        todo = [
            name
            for name, maker in makers.items()
            if maker.CLAIMS
            or done[name].get(stem) != key
            or _gone(maker, mask, image, written[name])
        ]
        if not todo:
            result.kept += 1
            return
        one = _read(mask, image, size, result)
    except CellbenchError as error:
        result.failures.append(f"{mask.name}: {error.what.removeprefix(f'{mask.name}: ')}")
        return
    result.written += 1
    for name in todo:
        files, own = _names(makers[name], mask, image), written[name]
        own.claim(files, known=True)
        try:
            lost = makers[name].write(one, own.folder)
        except CellbenchError as error:
            result.failures.append(f"{mask.name}: not written as {name}: {error.what}")
            continue
        for file in files:
            own.note(file, final=not file.endswith("/"))
        if lost:
            cells = some([str(cell) for cell in lost])
            result.failures.append(f"{mask.name}: {name} does not hold all of cell {cells}")
        if files and len(result.failures) == before:
            append_line(own.folder / DONE, {"stem": stem, "key": key})


def _read(mask: Path, image: Path | None, size: float | None, result: _Result) -> Segmented:
    """The mask, with its image if that can be read and has the same size."""
    labels = read_mask(mask)
    picture = None
    if image is not None:
        try:
            read = read_picture(image)
            picture, size = read.pixels, size or read.pixel_size_um
            if picture.shape[:2] != labels.shape:
                result.failures.append(
                    f"{image.name}: {picture.shape[0]}×{picture.shape[1]} pixels, but its mask has"
                    f" {labels.shape[0]}×{labels.shape[1]}; nothing is measured in it"
                )
                picture = None
        except CellbenchError as error:
            result.failures.append(f"{image.name}: {error.what}; its mask is written without it")
    return Segmented(
        stem=label_stem(mask.name),
        mask=mask,
        labels=labels,
        image=image,
        picture=picture,
        pixel_size_um=size,
    )


def _sizes_in_manifest(images: Path, pictures: Sequence[Path]) -> dict[Path, float]:
    """What the manifest of a dataset says, if `images` is the images/ of one."""
    names = {image.name: image for image in pictures}
    try:
        manifest = read_manifest(images.absolute().parent / "manifest.csv", list(names))
    except CallError:  # another program's table
        return {}
    said = {name: as_pixel_size(row.get(PIXEL_SIZE, "")) for name, row in manifest.columns.items()}
    return {names[name]: size for name, size in said.items() if size is not None}


def _names(maker: Exporter, mask: Path, image: Path | None) -> tuple[str, ...]:
    return maker.names(label_stem(mask.name), image.name if image else None)


def _gone(maker: Exporter, mask: Path, image: Path | None, written: Written) -> bool:
    return not all((written.folder / file).exists() for file in _names(maker, mask, image))


def _done(folder: Path) -> dict[str, str]:
    """By stem, the key of what its files were made from."""
    return {
        line["stem"]: line["key"]
        for line in read_lines(folder / DONE)
        if isinstance(line, dict) and isinstance(line.get("stem"), str)
        and isinstance(line.get("key"), str)
    }  # fmt: skip
