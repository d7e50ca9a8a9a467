"""Carrying out all checks on one subject."""

import time
from collections.abc import Iterable

from contract.shown import shown
from harness.conformance.card import Card, now
from harness.conformance.checks import CHECKS
from harness.conformance.findings import Check, Finding, NotChecked, Verdict, not_applicable
from harness.conformance.subject import Subject

SHORTENED = "left out of the shortened kit"


def examine(subject: Subject, checks: Iterable[Check] = CHECKS) -> Card:
    """Every check, in its order, as a report card.

    Raises RunnerGone when nothing can be run any more, and CallError when the model cannot be run.
    """
    start = time.monotonic()
    subject.runner.prepare(subject.model, subject.say)
    findings = tuple(carry_out(check, subject) for check in checks)
    return Card(
        model=subject.model.name,
        title=subject.card.title,
        contract=subject.model.card.contract,
        runner=subject.runner.name,
        identity=subject.runner.identity(subject.model),
        created=now(),
        shortened=subject.quick,
        seconds=round(time.monotonic() - start, 1),
        calls=subject.calls,
        findings=findings,
        needs=subject.needs,
    )


def carry_out(check: Check, subject: Subject) -> Finding:
    """One check; what it lacks becomes a finding, too."""
    verdict = _beforehand(check, subject)
    if verdict is None:
        try:
            verdict = check.look(subject)
        except NotChecked as reason:
            verdict = Verdict(outcome="not checked", seen=str(reason))
    finding = check.finding(verdict)
    if finding.outcome == "fault":
        subject.say(f"fault: {finding.title}: {shown(finding.seen)}")
    return finding


def _beforehand(check: Check, subject: Subject) -> Verdict | None:
    """Why a check is left out; None when it is to be carried out."""
    generates = subject.model.generates
    if check.asks != "either" and (check.asks == "generate") != generates:
        return not_applicable("it predicts no masks" if generates else "it is no generator")
    if check.concerns != "all" and not subject.speaks_contract:
        return not_applicable(f"not asked of the contract {subject.model.card.contract}")
    if check.concerns == "learning" and not subject.can("train"):
        return not_applicable("it does not learn")
    if check.slow and subject.quick:
        return Verdict(outcome="not checked", seen=SHORTENED)
    return None
