"""Where the cells of a prediction come from: `python -m containers.sac.share predictions.jsonl`."""

import sys
from collections import Counter
from pathlib import Path

from containers.sac.predictor import MASK_DECODER, WATERSHED
from contract import read_lines


def total(lines: Path) -> Counter[str]:
    """The counts of all lines of predictions.jsonl, added up."""
    counts: Counter[str] = Counter()
    for line in read_lines(lines):
        counts.update(line.get("counts") or {})
    return counts


if __name__ == "__main__":
    for name in sys.argv[1:]:
        counts = total(Path(name))
        masks, regions = counts[MASK_DECODER], counts[WATERSHED]
        percent = 100 * masks / max(1, masks + regions)
        print(
            f"{name}: {masks + regions} cells: {masks} from the mask decoder, {regions} from the"
            f" watershed: {percent:.1f} % from the mask decoder"
        )
