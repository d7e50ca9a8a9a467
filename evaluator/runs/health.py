"""How the health of labels is told, in the terminal and in the report."""

from collections.abc import Iterator

from evaluator.runs.records import Health

OF_CELLS = {
    "fragmented": "in several pieces",
    "specks": "of 4 pixels or fewer",
    "with_holes": "with a hole",
    "on_frame": "on the frame",
    "outlying": "8 times larger or smaller than most",
}
OF_LABELS = {
    "empty": "without a cell",
    "saturated": "whose ids end at 255 or 65535",
    "foreground": "of one or a few ids over many pieces",
}


def told_health(health: Health) -> Iterator[tuple[str, str]]:
    """What is counted, and how often it is, with its share of all cells or labels."""
    for names, whole, what in (
        (OF_CELLS, health.cells, "Cells"),
        (OF_LABELS, health.labels, "Labels"),
    ):
        for name, words in names.items():
            count = getattr(health, name)
            share = f" ({count / whole:.1%})".replace("%", " %") if count else ""
            yield f"{what} {words}", f"{count:,}{share}"
