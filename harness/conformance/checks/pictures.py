"""Kinds of pictures: each gets a mask; what is no picture is told apart."""

from functools import partial

from contract import ExitCode
from contract.shown import shown
from harness.conformance.findings import Check, NotChecked, Verdict, fault, passed
from harness.conformance.judging import count_cells, ending, labels_of, mask_verdict
from harness.conformance.material import (
    Picture,
    no_pictures,
    odd_pictures,
    ordinary,
    very_many_cells,
)
from harness.conformance.subject import Subject

MOST_IN_16_BITS = 2**16 - 1


def _ordinary(picture: Picture, subject: Subject) -> Verdict:
    return mask_verdict(subject, subject.ordinary[picture])


def _odd(picture: Picture, subject: Subject) -> Verdict:
    return mask_verdict(subject, subject.odd[picture])


def _no_picture(picture: Picture, subject: Subject) -> Verdict:
    answer = subject.odd[picture]
    if answer.mask is not None:
        return fault(
            "it got a mask",
            "refuse what cannot be read, rather than guess: its outcome is unreadable",
        )
    if answer.line is None or answer.line.outcome != "unreadable" or not answer.line.message:
        said = "no line" if answer.line is None else f"{answer.line.outcome} {answer.line.message}"
        return fault(shown(said), "give it a line with the outcome unreadable and the reason")
    return passed(f"unreadable: {shown(answer.line.message, 160)}")


def _survives(subject: Subject) -> Verdict:
    good = [answer for answer in subject.odd.of.values() if answer.picture.size is not None]
    lost = [answer.picture.title for answer in good if answer.mask is None]
    if lost:
        return fault(
            f"without a mask beside bad files: {', '.join(lost)}",
            "go on with the others when a single picture fails",
        )
    if len(subject.odd.calls) > 1:
        return fault("the container died at one of them", "let a bad file be its own outcome")
    return passed(f"{len(good)} good pictures beside {len(no_pictures())} bad files have a mask")


def _exit_code(subject: Subject) -> Verdict:
    call, clean = subject.odd.calls[-1], subject.ordinary.calls[-1]
    if clean.code != ExitCode.DONE:
        return fault(
            f"{ending(clean)} when nothing was wrong", "end with exit code 0: each has a mask"
        )
    if call.code != ExitCode.FAILURES:
        return fault(f"{ending(call)} when some files were no pictures", "end with exit code 3")
    return passed("0 when each picture has a mask, 3 when some failed")


def _very_many(subject: Subject) -> Verdict:
    picture = very_many_cells()
    answers = subject.predict([picture])
    verdict = mask_verdict(subject, answers[picture])
    if verdict.outcome != "pass":
        return verdict
    cells = count_cells(labels_of(answers[picture]))
    if cells == MOST_IN_16_BITS:
        return fault(f"exactly {cells} cells: ids ran out", "write uint32 where 16 bits are few")
    seconds = answers.calls[0].ended.usage.seconds
    return passed(f"{verdict.seen}, in {seconds:.0f} s")


def _needs_pictures(subject: Subject) -> Verdict:
    odd = [answer.picture.title for answer in subject.ordinary.of.values() if answer.mask is None]
    if len(odd) == len(ordinary()):
        raise NotChecked("not even ordinary pictures get masks")
    return _survives(subject)


def _id(prefix: str, picture: Picture) -> str:
    return f"pictures.{prefix}{picture.name.split('.')[0]}"


CHECKS = (
    *(
        Check(id=_id("", picture), title=picture.title, look=partial(_ordinary, picture))
        for picture in ordinary()
    ),
    *(
        Check(id=_id("", picture), title=picture.title, look=partial(_odd, picture))
        for picture in odd_pictures()
    ),
    *(
        Check(
            id=_id("bad_", picture),
            title=f"{picture.title} is told apart",
            look=partial(_no_picture, picture),
            concerns="contract",
        )
        for picture in no_pictures()
    ),
    Check(
        id="pictures.survives",
        title="good pictures get masks beside bad files",
        look=_needs_pictures,
    ),
    Check(
        id="pictures.exit_code",
        title="the exit code says whether all went well",
        look=_exit_code,
        concerns="contract",
    ),
    Check(
        id="pictures.many",
        title="3000×5000 pixels with more cells than 16 bits can number",
        look=_very_many,
        slow=True,
    ),
)
