"""What this process has used, by the operating system's and the GPU library's own counts."""

import resource
import sys


def peak_memory_bytes() -> int:
    """The largest resident set that this process or one of its children has had, in bytes."""
    return 1024 * max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def peak_vram_bytes() -> int | None:
    """The most GPU memory that torch has reserved, in bytes; None when it was not used."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_reserved())
