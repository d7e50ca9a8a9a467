"""The tables and lines that `evaluator compare` prints."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contract import label_stem
from evaluator.compare.gate import ModelDifference, RunComparison
from evaluator.compare.masks import MaskChanges
from evaluator.compare.sentences import caveat, last_line, sentence


def show_gate(found: RunComparison) -> None:
    """The table of means, a sentence for each model, and the verdict as the last line."""
    table = Table("model", "IoU ≥", "images", "F1 in A", "F1 in B", "change", "90 % interval")
    table.title = Text(f"run A against run B, {found.rules}")
    table.caption = Text(
        f"IoU {found.threshold:g} decides; the lower end of an interval is a bound with 95 %"
        " confidence, for all models together"
    )
    for one in found.differences:
        _rows(table, one)
    Console().print(table)
    for line in found.notes:
        print(f"note: {line}")
    for line in found.repaired:
        print(f"repaired: {line}")
    for one in found.differences:
        for line in one.new_failures:
            print(f"new failure: {line}")
    for one in found.differences:
        print(sentence(one))
    if caveat(found):
        print(caveat(found))
    print(last_line(found))


def show_masks(found: MaskChanges) -> None:
    """A line for each image whose cells changed, the totals of each model, and a verdict."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("masks", overflow="fold")
    for heading in ("cells", "same", "lost", "gained", "split", "merged", "shift", "largest"):
        table.add_column(heading, justify="right", no_wrap=True)
    changed = [one for one in found.images if one.changed]
    for one in (*changed, *found.totals):
        table.add_row(
            Text(": ".join(filter(None, (one.model, label_stem(one.image))))),
            f"{one.cells_a}→{one.cells_b}",
            *map(str, (one.same, one.lost, one.gained, one.split, one.merged)),
            "–" if one.mean_shift is None else f"{one.mean_shift:.2f}",
            f"{max(one.shifts):.2f}" if one.shifts else "–",
        )
    table.caption = "shift: mean distance between the outlines of a cell in both, in pixels"
    Console().print(table)
    for line in found.only_in_one:
        print(line)
    if changed:
        print(f"cells changed in {len(changed)} of {len(found.images)} masks")
    elif found.only_in_one:
        print("no cell changed where both have a mask, but not all masks have a partner")
    else:
        print(f"no cell was lost, gained, split or merged in {len(found.images)} masks")


def _rows(table: Table, one: ModelDifference) -> None:
    for means in (one.primary, *one.others):
        decides = means is one.primary
        interval = ""
        if decides:
            interval = "withheld"
            if one.interval:
                interval = f"{one.interval.low:+.4f} to {one.interval.high:+.4f}"
        bad = "red" if decides and one.verdict == "worse" else "" if decides else "dim"
        table.add_row(
            Text(one.model if decides else ""),
            f"{means.threshold:g}",
            str(one.images) if decides else "",
            f"{means.a:.4f}",
            f"{means.b:.4f}",
            Text(f"{means.change:+.4f}", style=bad),
            interval,
        )
