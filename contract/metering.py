"""What this process has used, by the operating system's and the GPU library's own counts."""

import re
import resource
import sys
from pathlib import Path


def peak_memory_bytes() -> int:
    """The largest resident set that this process or one of its ended children has had, in bytes.

    Linux counts a parent's memory into getrusage of a child that it starts, VmHWM does not.
    """
    children = 1024 * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    own = _high_water_mark() or 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return max(own, children)


def _high_water_mark() -> int | None:
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = re.search(r"^VmHWM:\s*(\d+) kB$", status, re.MULTILINE)
    return 1024 * int(found[1]) if found else None


def peak_vram_bytes() -> int | None:
    """The most GPU memory that torch has reserved, in bytes; None when it was not used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_reserved())
