"""Which images of an import are for training and which for the test."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from contract import CallError
from contract.dataset import read_rows
from contract.names import normal, some
from harness.datasets.importers.files import SIDES
from harness.datasets.importers.record import Record, Side

SEED = 0
TEST_SHARE = 0.2


def draw_sides(records: Sequence[Record], share: float) -> dict[str, Side]:
    """Whole groups for the test until `share` of the images is reached, by a fixed seed.

    Where there are two groups or more, each side gets one; an only group is the test. Keys are the
    records' originals. The same records give the same sides, in whatever order they come.
    """
    groups: dict[str, list[str]] = {}
    for record in records:
        unit = f"group {record.group}" if record.group else f"image {record.original}"
        groups.setdefault(unit, []).append(record.original)
    units = sorted(groups)
    random.Random(SEED).shuffle(units)
    wanted = share * len(records)
    sides: dict[str, Side] = {}
    test = 0
    for index, unit in enumerate(units):
        last = index == len(units) - 1
        members = groups[unit]
        nearer = test == 0 or abs(test + len(members) - wanted) < abs(test - wanted)
        side: Side = "test" if nearer and not (last and index and share < 1) else "train"
        test += len(members) if side == "test" else 0
        sides |= dict.fromkeys(members, side)
    return sides


def sides_of_file(path: Path, records: Sequence[Record]) -> tuple[dict[str, Side], list[str]]:
    """The sides that a table `image,subset` gives, and remarks about its lines.

    An image is named by its path below the source, its file name, or this without the suffix;
    subsets are train or test, and what is kept for validation (val) is for training. Images
    without a line are in no side. Raises CallError, naming the line, for another subset, a name
    that fits several images or an image on both sides.
    """
    names: dict[str, set[str]] = {}
    for record in records:
        whole = PurePosixPath(record.original)
        for name in (str(whole), str(whole.with_suffix("")), whole.name, whole.stem):
            names.setdefault(normal(name), set()).add(record.original)
    sides: dict[str, Side] = {}
    unknown = []
    for number, row in enumerate(_rows(path), start=2):
        image, subset = (row.get("image") or "").strip(), (row.get("subset") or "").strip()
        side = SIDES.get(subset.lower().removesuffix("-labeled"))
        if side is None:
            raise CallError(
                f"{path}, line {number}: the subset {subset!r} is neither train nor test.",
                do="write train or test in the column subset",
            )
        found = names.get(normal(image), set())
        if len(found) > 1:
            raise CallError(
                f"{path}, line {number}: {image} may be {' or '.join(sorted(found)[:3])}.",
                do="write the path below the source",
            )
        if not found:
            unknown.append(f"{image} (line {number})")
        for original in found:
            if sides.setdefault(original, side) != side:
                raise CallError(
                    f"{path}, line {number}: {image} is on both sides.", do="keep one of the lines"
                )
    remarks = [f"{path.name} names images that are not there: {some(unknown)}"] if unknown else []
    return sides, [*remarks, *divided(records, sides)]


def divided(records: Sequence[Record], sides: Mapping[str, Side]) -> list[str]:
    """That groups lie on both sides of a split that was not drawn here."""
    seen: dict[str, set[Side]] = {}
    for record in records:
        if record.group and record.original in sides:
            seen.setdefault(record.group, set()).add(sides[record.original])
    torn = [group for group, both in seen.items() if len(both) > 1]
    return [f"groups lie on both sides of the split: {some(torn)}"] if torn else []


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise CallError(f"No table {path}.", do="name a CSV file with the columns image and subset")
    rows = read_rows(path)
    if rows and not {"image", "subset"} <= rows[0].keys():
        raise CallError(
            f"{path} has the columns {', '.join(filter(None, rows[0]))}.",
            "a split is a table with the columns image and subset",
        )
    return rows
