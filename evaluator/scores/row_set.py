"""Whether a scores.csv holds every row that its run asked for, once, and no others."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from evaluator.scores.rows import Key, ScoreRow


def row_faults(rows: Iterable[ScoreRow], wanted: Iterable[Key]) -> tuple[str, ...]:
    """A sentence for each model, seed and image with missing, repeated or foreign rows.

    `wanted` is `Source.rows`. The sentences name the thresholds.
    """
    found = Counter(row.key for row in rows)
    expected = dict.fromkeys(wanted)
    return (
        *_told("no row in scores.csv", [key for key in expected if key not in found]),
        *_told("more than one row in scores.csv", [key for key, n in found.items() if n > 1]),
        *_told(
            "in scores.csv, but not part of what was run",
            [key for key in found if key not in expected],
        ),
    )


def _told(what: str, keys: list[Key]) -> Iterator[str]:
    for (model, seed, image), same in groupby(sorted(keys), key=lambda key: key[:3]):
        thresholds = ", ".join(f"{key[3]:g}" for key in same)
        yield f"{model}, seed {seed}, {image}, IoU {thresholds}: {what}"
