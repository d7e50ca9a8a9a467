"""What a licence lets people do, in a few words."""

import re
from collections.abc import Iterable
from typing import Literal

Freedom = Literal["free", "with notice", "academic only", "not known"]
"""May be used and passed on by anybody; by anybody who passes the notice on too, or heeds the
licence's other conditions; not for every purpose; nobody says."""

FREE = re.compile(r"cc0|unlicense|0bsd|public domain|pddl", re.IGNORECASE)
CLOSED = re.compile(
    r"\bnc\b|-nc-|non.?commercial|academic|research only|proprietary", re.IGNORECASE
)
NOTICE = re.compile(
    r"^(apache|mit|bsd|isc|cc[- ]by|gpl|lgpl|agpl|mpl|epl|zlib|psf)\b", re.IGNORECASE
)
ORDER: tuple[Freedom, ...] = ("free", "with notice", "not known", "academic only")
"""The least free one last."""


def freedom(licence: str | None) -> Freedom:
    """What an SPDX identifier, or the words of somebody who has none, allows.

    >>> from evaluator.runs.licences import freedom
    >>> freedom("CC0-1.0"), freedom("Apache-2.0"), freedom("CC BY-NC 4.0"), freedom(None)
    ('free', 'with notice', 'academic only', 'not known')
    """
    text = (licence or "").strip()
    if CLOSED.search(text.replace("_", "-")):
        return "academic only"
    if FREE.search(text):
        return "free"
    return "with notice" if NOTICE.match(text) else "not known"


def least_free(licences: Iterable[str | None]) -> Freedom:
    """What may be done with something that all of these lie on; "free" for none."""
    return max((freedom(one) for one in licences), key=ORDER.index, default="free")


def told_licences(code: str | None, weights: str | None, data: Iterable[str] | None) -> str:
    """A sentence on code, weights and training data; of those that are there."""
    parts = [f"code {_told([code])}"]
    if weights is not None:
        parts.append(f"weights {_told([weights])}")
    if data is not None:
        parts.append(f"training data {_told(data)}")
    return "; ".join(parts)


def _told(licences: Iterable[str | None]) -> str:
    known = [one for one in licences if one]
    word = least_free(known) if known else "not known"
    return f"{word} ({', '.join(known)})" if known else word
