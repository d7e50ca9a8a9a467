"""What the dataset holds, from its images and the scores, and what had to be left out."""

from collections import Counter
from collections.abc import Sequence

from evaluator.report.data import ReportData
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, Text, blocks, note
from evaluator.report.tables import Column, Row, Table, facts_table
from evaluator.runs.health import told_health
from evaluator.runs.likeness import KINDS, is_leak, told_comparison

SUBSETS = {"train": "training", "val": "validation", "test": "test"}


def section(numbers: Numbers) -> Section:
    return Section(
        id="dataset",
        title="Dataset",
        blocks=blocks(
            _table(numbers),
            _faults(numbers.data),
            _health(numbers.data),
            _compared(numbers.data),
            _likenesses(numbers.data),
            _seen(numbers.data),
        ),
    )


def _table(numbers: Numbers) -> Table:
    data, cells = numbers.data, numbers.true_cells
    modalities = [image.modality for image in data.images if image.modality]
    pairs: list[tuple[str, str]] = [("Test images", f"{len(data.images):,}")]
    if len(cells):
        pairs.append(("Cells in them, as counted by the protocol", f"{cells.sum():,}"))
        spread = f"{cells.min():,} to {cells.max():,}, median {cells.median():g}"
        pairs.append(("Cells per image", spread))
    if data.run is not None:
        dataset = data.run.dataset
        split = f"{dataset.train_images:,} for training, {dataset.val_images:,} for validation"
        pairs.append(("Training images", split))
    if modalities:
        pairs.append(("Modalities of the test images", counted(modalities)))
    if numbers.headers:
        headers = numbers.headers.values()
        sizes = [f"{header.height}×{header.width}" for header in headers]
        pairs.append(("Sizes (height×width)", counted(sizes)))
        pairs.append(("Pixel size", _pixel_sizes(data)))
        pairs.append(("Formats", counted([header.described for header in headers])))
    if data.run is not None:
        pairs.append(("Left out because of a fault of the dataset", f"{len(data.faults):,}"))
    return facts_table("dataset", "The dataset", pairs)


def _pixel_sizes(data: ReportData) -> str:
    """The range of pixel sizes, and of how many images there is none."""
    known = [image.pixel_size_um for image in data.images if image.pixel_size_um is not None]
    if not known:
        return "not known"
    low, high = f"{min(known):.4g}", f"{max(known):.4g}"
    unknown = len(data.images) - len(known)
    rest = f"; not known of {unknown:,} of {len(data.images):,} images" if unknown else ""
    return f"{low if low == high else f'{low} to {high}'} µm{rest}"


def _faults(data: ReportData) -> Table | None:
    if not data.faults:
        return None
    labels = ("Image", "Folder", "Reason")
    return Table(
        name="faults",
        caption="Images of the dataset that were left out for every model",
        columns=tuple(Column(label=label, kind="text") for label in labels),
        rows=tuple(Row(cells=(fault.image, fault.part, fault.reason)) for fault in data.faults),
    )


def _health(data: ReportData) -> Table | None:
    """What is odd about the labels of each part, counted."""
    found = data.run.dataset.health if data.run else {}
    if not found:
        return None
    columns = [dict(told_health(health)) for health in found.values()]
    return Table(
        name="health",
        caption="What is odd about the labels, counted; all of them are used as they stand",
        columns=(
            Column(label="Labels", kind="text"),
            *(Column(label=f"In {part}", kind="text") for part in found),
        ),
        rows=tuple(
            Row(cells=(words, *(column[words] for column in columns))) for words in columns[0]
        ),
    )


def _compared(data: ReportData) -> Text | None:
    """Whether test images were looked for among those for training, and what was found."""
    if data.leakage is None:
        return None
    found = data.leakage.found
    made = (
        "Images for testing, validation and training were compared with each other"
        f" ({told_comparison(data.leakage)}): by their pixels, and by keypoints, which are found"
        " again in a picture that was cut, resized, turned, mirrored, inverted or given another"
        " contrast or bit depth."
    )
    lines = [made]
    if not found:
        lines.append("No image of one part was found in another one.")
    elif not any(is_leak(one) for one in found):
        lines.append("No test image was found in training; those that resemble one are listed.")
    return note(*lines)


def _seen(data: ReportData) -> Table | None:
    """Test images that the weights of single models had learned from before the run."""
    if data.seen is None or not any(data.seen.models.values()):
        return None
    by_image: dict[tuple[str, str, bool], list[str]] = {}
    for model, found in data.seen.models.items():
        for one in found:
            by_image.setdefault((one.image, one.other, one.equal), []).append(model)
    labels = ("Image", "Is", "Image that the weights learned from", "Of the models")
    return Table(
        name="seen",
        caption="Test images that weights had learned from before this run",
        columns=tuple(Column(label=label, kind="text") for label in labels),
        rows=tuple(
            Row(cells=(image, KINDS["equal" if equal else "copy"], other, ", ".join(models)))
            for (image, other, equal), models in by_image.items()
        ),
    )


def _likenesses(data: ReportData) -> Table | None:
    if data.leakage is None or not data.leakage.found:
        return None
    words = ("Image", "Of", "Is", "Other image", "Of the part")
    return Table(
        name="likenesses",
        caption="Images of one part that are in another one too, or resemble one there",
        columns=(
            *(Column(label=label, kind="text") for label in words),
            Column(label="More like it", kind="count"),
            Column(label="In which form", kind="text"),
            Column(label="Correlation"),
        ),
        rows=tuple(
            Row(
                cells=(
                    one.image,
                    SUBSETS[one.subset],
                    KINDS[one.kind],
                    one.other,
                    SUBSETS[one.other_subset],
                    one.more,
                    one.how,
                    one.correlation,
                )
            )
            for one in data.leakage.found
        ),
    )


def counted(values: Sequence[str], limit: int = 8) -> str:
    """Values with how often each occurs, most frequent first: "TIFF, uint8 (12), PNG … (3)"."""
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    shown = "; ".join(f"{value} ({count})" for value, count in counts[:limit])
    rest = len(counts) - limit
    return shown + (f"; and {rest} more" if rest > 0 else "")
