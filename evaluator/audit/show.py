"""What `evaluator audit` prints."""

from evaluator.audit.findings import Audit, line_ranges


def show_audit(found: Audit) -> None:
    """The columns that were taken for what, each finding with its rows, what was not looked at."""
    for wanted, heading in found.table.columns.items():
        print(f"column {heading}: {wanted}")
    if found.table.unused:
        print(f"not used: {', '.join(found.table.unused)}")
    for note in found.notes:
        print(f"note: {note}")
    for one in found.findings:
        row = "row" if len(one.lines) == 1 else "rows"
        print(f"finding: {one.text} ({row} {line_ranges(one.lines)})")
    count = len(found.findings)
    said = f"{count} finding{'' if count == 1 else 's'}" if count else "nothing found"
    print(f"{len(found.table.rows)} rows: {said}")
