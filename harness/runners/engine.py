"""What an engine of containers is, as its own `info` says."""

from collections.abc import Mapping
from typing import Any

LIMITS = {
    "MemoryLimit": "memory (--limit-memory)",
    "SwapLimit": "swap, so a container may use more memory than --limit-memory says",
    "CpuCfsQuota": "cores",
    "PidsLimit": "the number of processes",
}
"""Fields of `info` that are false where the kernel cannot enforce a limit."""


def is_rootless(info: Mapping[str, Any]) -> bool:
    """Whether the engine runs as an ordinary user: Docker and Podman say so in different fields."""
    return bool(info.get("Rootless")) or "name=rootless" in (info.get("SecurityOptions") or ())


def ignored_limits(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The limits that the engine takes and does not enforce, in words; empty where all hold.

    A rootless engine has no control groups of the old version, whatever the fields say.
    """
    alone = is_rootless(info) and str(info.get("CgroupVersion", "2")) == "1"
    if alone or info.get("CgroupDriver") == "none":
        return ("memory, swap, cores and processes: it may not use the kernel's control groups",)
    return tuple(words for field, words in LIMITS.items() if info.get(field) is False)
