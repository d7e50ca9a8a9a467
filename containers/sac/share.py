"""Where the cells of a prediction come from: `python -m containers.sac.share predictions.jsonl`."""

import re
import sys
from pathlib import Path

from contract import read_lines

PATTERN = re.compile(r"(\d+) from the mask decoder, (\d+) from the watershed")


def remark(masks: int, regions: int) -> str:
    """What the line of an image says of its cells."""
    return f"{masks + regions} cells: {masks} from the mask decoder, {regions} from the watershed"


def total(lines: Path) -> tuple[int, int]:
    """Cells from the mask decoder and from the watershed, over all lines of predictions.jsonl."""
    found = [PATTERN.search(str(line.get("message", ""))) for line in read_lines(lines)]
    counts = [(int(match[1]), int(match[2])) for match in found if match]
    return sum(masks for masks, _ in counts), sum(regions for _, regions in counts)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        masks, regions = total(Path(name))
        percent = 100 * masks / max(1, masks + regions)
        print(f"{name}: {remark(masks, regions)}: {percent:.1f} % from the mask decoder")
