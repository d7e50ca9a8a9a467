"""describe: what a model says of itself holds."""

from collections.abc import Mapping
from typing import Any

from contract import ModelCard
from contract.settings import expected
from contract.shown import shown
from harness.conformance.findings import Check, NotChecked, Verdict, fault, passed
from harness.conformance.judging import refusal_verdict
from harness.conformance.subject import Subject

PRINT = "print one JSON document with the fields of ModelCard on stdout and end with exit code 0"


def _card(subject: Subject) -> Verdict:
    call = subject.describing
    if call.code != 0 or subject.described is None:
        return fault(f"no valid card: exit code {call.code}: {shown(call.last_words)}", PRINT)
    card = subject.described
    if card.name != subject.model.name and subject.model.folder is not None:
        return fault(
            f"it calls itself {card.name}, its folder's model.yaml {subject.model.name}", PRINT
        )
    verbs = ", ".join(card.verbs)
    return passed(f"{card.title}: {verbs}")


def _settings(subject: Subject) -> Verdict:
    rules = _rules(subject)
    odd = []
    for key, rule in rules.items():
        try:
            expected(rule)
        except (KeyError, TypeError, IndexError):
            odd.append(key)
    if odd:
        return fault(
            f"the schema of {', '.join(odd)} has no type that can be explained",
            "declare flat types with ranges (contract.SettingsModel)",
        )
    return passed(f"{len(rules)} settings, each with a type")


def _range(subject: Subject) -> Verdict:
    for key, rule in _rules(subject).items():
        if rule.get("type") in ("integer", "number") and "minimum" in rule:
            wrong = f"{key}={rule['minimum'] - 1}"
            call = subject.call("describe", subject.place, options=("--set", wrong))
            return refusal_verdict(call, names=key)
    raise NotChecked("no setting has a lowest value to go below")


def _rules(subject: Subject) -> Mapping[str, Mapping[str, Any]]:
    card = _described(subject)
    if card.settings is None:
        raise NotChecked("it declares no settings, so any key is taken")
    rules: Mapping[str, Mapping[str, Any]] = card.settings.get("properties", {})
    return rules


def _described(subject: Subject) -> ModelCard:
    if subject.described is None:
        raise NotChecked("describe gave no card")
    return subject.described


def _profiles(subject: Subject) -> Verdict:
    card = _described(subject)
    if not card.profiles:
        return fault("it learns and lists no profiles", "add profiles/tiny.yaml and quick.yaml")
    return passed(", ".join(card.profiles))


CHECKS = (
    Check(
        id="describe.card",
        title="describe prints a valid card",
        look=_card,
        concerns="contract",
        asks="either",
    ),
    Check(
        id="describe.profiles",
        title="describe lists the profiles",
        look=_profiles,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="describe.settings",
        title="the schema of the settings can be explained",
        look=_settings,
        concerns="learning",
        asks="either",
    ),
    Check(
        id="describe.range",
        title="a value outside its range is refused and named",
        look=_range,
        concerns="learning",
        asks="either",
    ),
)
