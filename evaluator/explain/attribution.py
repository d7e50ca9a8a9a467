"""Whether a model loses its score at finding the foreground or at splitting it into cells."""

from dataclasses import dataclass

from evaluator.overlap.table import Labels, overlap_table
from evaluator.overlap.transplant import halves
from evaluator.runs.words import DEFAULT_PROTOCOL, Protocol
from evaluator.scores.protocols import count


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """F1 of one image, as it is and with one half of the work done by the truth, in [0, 1]."""

    f1: float
    true_foreground: float
    """With the truth's foreground and the model's splits: what is still lost, splitting loses."""
    true_splits: float
    """With the model's foreground and the truth's splits: what is still lost, the foreground
    loses."""


def attribution(
    truth: Labels,
    predicted: Labels,
    threshold: float,
    *,
    protocol: Protocol = DEFAULT_PROTOCOL,
    border: bool = False,
) -> Attribution:
    """Foreground against splitting for one image, at IoU ≥ `threshold`.

    `truth` and `predicted` are (H, W) label masks. The two losses do not add up to the whole:
    both halves may fail on the same cell. Needs about 40 bytes a pixel.
    """

    true_foreground, true_splits = (
        count(table, threshold, protocol=protocol, border=border).f1
        for table in halves(truth, predicted)
    )
    whole = overlap_table(truth, predicted)
    return Attribution(
        f1=count(whole, threshold, protocol=protocol, border=border).f1,
        true_foreground=true_foreground,
        true_splits=true_splits,
    )
