"""Labels that lie beside the pictures are not looked at."""

from contract import label_name, write_mask
from harness.conformance.findings import Check, Verdict, fault, not_applicable, passed
from harness.conformance.judging import labels_of, same_cells
from harness.conformance.material import false_labels, ordinary, write_pictures
from harness.conformance.subject import Subject

PLACES = ("labels", "truth", "masks")
"""Where a cheater would look, beside and below the folder of the pictures."""


def _bait(subject: Subject) -> Verdict:
    if subject.model.card.needs_truth:
        return not_applicable("it is a control that is given the truth")
    if not subject.speaks_contract:
        return not_applicable("its input folder has one place for pictures alone")
    folder = subject.place / "bait" / "in"
    write_pictures(folder, ordinary())
    for picture in ordinary():
        assert picture.size is not None
        for place in PLACES:
            for parent in (folder, folder.parent, folder / "images"):
                path = parent / place / label_name(picture.name)
                write_mask(path, false_labels(picture.size))
                path.chmod(0o644)
                path.parent.chmod(0o755)
    folder.chmod(0o755)
    call = subject.call("predict", folder, weights=subject.weights)
    for picture in ordinary():
        first = labels_of(subject.ordinary[picture])
        answer = subject.answer(picture, call)
        second = labels_of(answer)
        if not same_cells(second, false_labels(second.shape)):
            return fault(
                "it returned the labels that lay beside the pictures, though they were false",
                "look at the pictures alone",
            )
        if difference := same_cells(first, second):
            return fault(
                f"with labels beside the pictures the masks are others: {difference}",
                "look at the pictures alone",
            )
    return passed("false labels beside the pictures change nothing")


CHECKS = (Check(id="cheating.bait", title="labels beside the pictures are not used", look=_bait),)
