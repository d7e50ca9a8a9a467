"""A model works alone: no network, no file of others, no folder but its own."""

from contract.shown import shown
from harness.conformance.findings import Check, NotChecked, Verdict, fault, passed
from harness.conformance.subject import Call, Subject

NETWORK_WORDS = (
    "name resolution",
    "urlopen error",
    "connectionerror",
    "max retries exceeded",
    "network is unreachable",
    "could not resolve host",
    "getaddrinfo failed",
)
SHOWN = 3
EXPECT = "expect an unknown user, a read-only root, /tmp as only scratch and 64 MB of /dev/shm"
CONFINED = "it works as an unknown user, with a read-only root and 64 MB of /dev/shm"


def _confined(subject: Subject) -> Verdict:
    if subject.runner.name == "local":
        raise NotChecked("the local runner isolates nothing; use --runner docker")
    if subject.model.generates:
        call = subject.generating
        if call.code != 0:
            return fault(f"it made no images: {shown(call.last_words)}", EXPECT)
        return passed(CONFINED)
    answers = subject.ordinary
    lost = [answer for answer in answers.of.values() if answer.mask is None]
    if lost:
        return fault(
            f"not all pictures got masks: {shown(answers.calls[-1].last_words)}",
            EXPECT,
        )
    return passed(CONFINED)


def _network(subject: Subject) -> Verdict:
    calls = _calls(subject)
    asked = sorted({one for call in calls for one in call.asked})
    if asked:
        return fault(
            f"it asked for {', '.join(asked[:SHOWN])}",
            "bring all that it needs in the image or in its weights",
        )
    for call in calls:
        for line in call.words.splitlines():
            if any(word in line.lower() for word in NETWORK_WORDS):
                return fault(
                    f"it speaks of the network: {shown(line, 160)}",
                    "bring all that it needs in the image or in its weights",
                )
    seen = "nothing was asked for" if subject.runner.name == "local" else "it had none"
    return passed(f"{seen}, and nothing was said about it")


def _writes(subject: Subject) -> Verdict:
    wrote = sorted({path for call in _calls(subject) for path in call.wrote})
    if wrote:
        return fault(
            f"opened for writing: {', '.join(wrote[:SHOWN])}",
            "write to the output folder, and scratch to /tmp",
        )
    seen = "nothing" if subject.runner.name == "local" else "the root was read-only: nothing"
    return passed(f"{seen} outside the output folder and /tmp")


def _input(subject: Subject) -> Verdict:
    if any(call.input_changed for call in _calls(subject)):
        return fault("the input folder was changed", "never write to the input folder")
    return passed("the input folders are as they were")


def _calls(subject: Subject) -> list[Call]:
    trained = [subject.training] if subject.can("train") else []
    if subject.model.generates:
        return [*trained, subject.generating]
    return [*trained, *subject.ordinary.calls, *subject.odd.calls]


CHECKS = (
    Check(id="isolation.confined", title="it works under isolation", look=_confined, asks="either"),
    Check(id="isolation.network", title="no network is asked for", look=_network, asks="either"),
    Check(id="isolation.writes", title="nothing is written elsewhere", look=_writes, asks="either"),
    Check(id="isolation.input", title="the input is not changed", look=_input, asks="either"),
)
