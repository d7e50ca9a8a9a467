"""What a model was measured to need for images of different sizes, and warning by it."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

CHECKS = Path("checks")
"""Where report cards lie, below the folder in which the program is called."""
CARD_JSON = "card.json"
LONGEST_CARD = 2**24
MEGA = 10**6
GIB = 2**30
MINUTE = 60.0
TOLD_SIDE = 8000
TOLD_MEMORY = 8 * GIB
"""An example that people can picture: px of a square's side, and bytes."""


class Needs(BaseModel):
    """Time and memory of one prediction, as straight lines over the number of pixels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float
    """Of a call that has nothing to do: start and loading."""
    seconds_per_megapixel: float
    memory_bytes: float
    memory_bytes_per_megapixel: float
    measured_up_to: int
    """Pixels; beyond, the lines are prolonged."""
    cores: int
    weights: str
    """Which weights it was measured with, for people."""

    def seconds_of(self, pixels: int) -> float:
        """For an image of so many pixels, loading included."""
        return self.seconds + self.seconds_per_megapixel * pixels / MEGA

    def memory_of(self, pixels: int) -> float:
        """Bytes for an image of so many pixels."""
        return self.memory_bytes + self.memory_bytes_per_megapixel * pixels / MEGA

    def largest_side(self, memory: float) -> int | None:
        """Pixels of the side of the largest square that fits into so many bytes; None: any."""
        if self.memory_bytes_per_megapixel <= 0:
            return None
        room = max(0.0, memory - self.memory_bytes) / self.memory_bytes_per_megapixel * MEGA
        return int(room**0.5)

    def told(self, side: int, memory: int) -> str:
        """A sentence about a square of this side, and about how far `memory` bytes suffice."""
        pixels = side * side
        largest = self.largest_side(memory)
        far = "for any size" if largest is None else f"up to {largest:,}×{largest:,}"
        return (
            f"an image of {side:,}×{side:,} needs about {gibibytes(self.memory_of(pixels))} and"
            f" {duration(self.seconds_of(pixels))}; {gibibytes(memory)} suffice {far}"
            f" ({self.cores} core{'s' if self.cores > 1 else ''}, {self.weights})"
        )


class _Card(BaseModel):
    """Of a report card, what is read again."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    identity: str
    needs: Needs | None = None


def read_needs(name: str, identity: str, root: Path = CHECKS) -> Needs | None:
    """What the report card of a model says, if it is of the same code; None else."""
    path = root / name / CARD_JSON
    try:
        if path.stat().st_size > LONGEST_CARD:
            return None
        card = _Card.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError):
        return None
    return card.needs if card.identity == identity else None


def warning(needs: Needs, name: str, pixels: int, memory: int, seconds: float) -> str:
    """A sentence when the largest image, will not do with these limits; or ""."""
    wanted, takes = needs.memory_of(pixels), needs.seconds_of(pixels)
    size = f"an image of {pixels / MEGA:,.1f} megapixels"
    if wanted > memory:
        return (
            f"{name}: {size} needs about {gibibytes(wanted)} of memory, and it may use"
            f" {gibibytes(memory)} (measured by harness check, {needs.weights})"
        )
    if takes > seconds:
        return (
            f"{name}: {size} takes about {duration(takes)}, and the limit is {duration(seconds)}"
            f" (measured by harness check, {needs.weights})"
        )
    return ""


def gibibytes(size: float) -> str:
    """Bytes for people."""
    return f"{size / GIB:.2g} GB" if size >= GIB / 10 else f"{size / 2**20:.0f} MB"


def duration(seconds: float) -> str:
    """Seconds for people."""
    return f"{seconds:.0f} s" if seconds < 2 * MINUTE else f"{seconds / MINUTE:.0f} min"
