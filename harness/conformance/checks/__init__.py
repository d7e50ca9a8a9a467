"""The checks, by topic; each is a small function of the subject."""

from harness.conformance.checks import (
    calls,
    cheating,
    describe,
    determinism,
    generating,
    isolation,
    masks,
    names,
    pictures,
    scaling,
    training,
)
from harness.conformance.findings import Check

CHECKS: tuple[Check, ...] = (
    *describe.CHECKS,
    *training.CHECKS,
    *generating.CHECKS,
    *masks.CHECKS,
    *pictures.CHECKS,
    *names.CHECKS,
    *determinism.CHECKS,
    *isolation.CHECKS,
    *cheating.CHECKS,
    *calls.CHECKS,
    *scaling.CHECKS,
)
"""All, in the order in which people read about them."""
