"""What the dataset holds, from its images and the scores, and what had to be left out."""

from collections import Counter
from collections.abc import Sequence

from evaluator.report.data import ReportData
from evaluator.report.numbers import Numbers
from evaluator.report.section import Section, blocks
from evaluator.report.tables import Column, Row, Table, facts_table


def section(numbers: Numbers) -> Section:
    return Section(
        id="dataset",
        title="Dataset",
        blocks=blocks(_table(numbers), _faults(numbers.data)),
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
        pairs.append(("Formats", counted([header.described for header in headers])))
    if data.run is not None:
        pairs.append(("Left out because of a fault of the dataset", f"{len(data.faults):,}"))
    return facts_table("dataset", "The dataset", pairs)


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


def counted(values: Sequence[str], limit: int = 8) -> str:
    """Values with how often each occurs, most frequent first: "TIFF, uint8 (12), PNG … (3)"."""
    counts = sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))
    shown = "; ".join(f"{value} ({count})" for value, count in counts[:limit])
    rest = len(counts) - limit
    return shown + (f"; and {rest} more" if rest > 0 else "")
