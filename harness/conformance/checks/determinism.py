"""The same picture gives the same cells, in another call and on other cores."""

import os

from harness.conformance.findings import Check, Verdict, fault, passed
from harness.conformance.judging import labels_of, same_cells
from harness.conformance.material import ordinary
from harness.conformance.subject import Subject

CORES = 4


def _two_calls(subject: Subject) -> Verdict:
    cores = min(CORES, os.cpu_count() or 1)
    again = subject.predict(ordinary(), cores=cores)
    for picture in ordinary():
        first, second = labels_of(subject.ordinary[picture]), labels_of(again[picture])
        if difference := same_cells(first, second):
            return fault(
                f"{picture.title}, on 1 core and on {cores}: {difference}",
                "draw no random numbers without a fixed seed, and sum in a fixed order",
            )
    return passed(f"the same cells on 1 core and on {cores}")


CHECKS = (
    Check(
        id="determinism.two_calls",
        title="two calls, on one core and on four, give the same cells",
        look=_two_calls,
    ),
)
