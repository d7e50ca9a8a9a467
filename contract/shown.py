"""Text of others made safe to show: what a model says may hold anything."""

import re

LONGEST = 500
"""Characters of a message that people read."""

_CONTROLS = re.compile(
    # Controls, separators of lines, marks that turn the direction of writing, lone surrogates.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def shown(text: str, longest: int = LONGEST) -> str:
    """`text` on one line of at most `longest` characters, control characters written out.

    An escape sequence could clear the screen or forge a line of its own; here it is readable and
    does nothing.

    >>> from contract.shown import shown
    >>> shown("\\x1b[2Jall\\nscored")
    '\\\\x1b[2Jall scored'
    """
    line = " ".join(text[: 4 * longest].split("\n"))
    line = visible(line).strip()
    return line if len(line) <= longest else f"{line[: longest - 1]}…"


def visible(text: str) -> str:
    """`text` with control characters written out; tabs and ends of lines stay."""
    return _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
