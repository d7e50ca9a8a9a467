"""The report card for people: on a terminal, and as one page without network."""

import jinja2
from rich.console import Console
from rich.text import Text

from harness.conformance.card import Card
from harness.conformance.findings import Finding, Outcome
from harness.models.needs import TOLD_MEMORY, TOLD_SIDE

COLOURS: dict[Outcome, str] = {
    "pass": "green",
    "fault": "bold red",
    "not checked": "yellow",
    "not applicable": "dim",
}


def print_card(card: Card, *, everything: bool = False) -> None:
    """Prints faults and what was not checked, or every finding, and the verdict."""
    console = Console(highlight=False)
    for finding in card.findings:
        if everything or finding.outcome in ("fault", "not checked"):
            line = Text(finding.outcome, style=COLOURS[finding.outcome])
            console.print(line, Text(f"{finding.check}: {finding.title}"))
            console.print(Text(f"  seen:    {finding.seen}"))
            if finding.do:
                console.print(Text(f"  do this: {finding.do}"))
    if card.needs:
        console.print(Text(card.needs.told(TOLD_SIDE, TOLD_MEMORY)))
    console.print(Text(f"{card.sentence} ({card.calls} calls, {card.seconds:.0f} s)"))


def page(card: Card) -> str:
    """The report card as one HTML page, whole in itself and without scripts."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.conformance"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("card.html.j2").render(card=card, topics=by_topic(card))


def by_topic(card: Card) -> dict[str, list[Finding]]:
    """The findings by the first part of their ids, faults first."""
    topics: dict[str, list[Finding]] = {}
    for finding in card.findings:
        topics.setdefault(finding.check.split(".")[0], []).append(finding)
    for findings in topics.values():
        findings.sort(key=lambda finding: finding.outcome != "fault")
    return topics
