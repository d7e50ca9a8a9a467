"""The examples in docstrings do what they show."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import evaluator

ROOT = Path(__file__).parents[2]
MODULES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("contract", "evaluator")
    for path in sorted((ROOT / package).rglob("*.py"))
    if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    ran = doctest.testmod(importlib.import_module(name))
    assert ran.attempted
    assert not ran.failed  # doctest prints what differs


def test_every_metric_has_an_example() -> None:
    without = [
        name
        for name in evaluator.__all__
        if inspect.isfunction(value := getattr(evaluator, name))
        and value.__module__.startswith("evaluator.metrics.")
        and ">>> " not in (value.__doc__ or "")
    ]
    assert not without
