"""Names that people and their systems give to pictures."""

from functools import partial

from harness.conformance.findings import Check, Verdict
from harness.conformance.judging import mask_verdict
from harness.conformance.material import Picture, odd_names
from harness.conformance.subject import Subject


def _name(picture: Picture, subject: Subject) -> Verdict:
    return mask_verdict(subject, subject.odd[picture])


CHECKS = tuple(
    Check(
        id=f"names.{picture.title.removeprefix('a name ').removeprefix('an ').replace(' ', '_')}",
        title=picture.title,
        look=partial(_name, picture),
    )
    for picture in odd_names()
)
