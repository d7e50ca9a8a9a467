"""Words of the command line."""

import os

import pytest

from contract import CallError
from harness.commands import options
from harness.models.registry import Model, choose_models


def test_names_are_trimmed_and_unique() -> None:
    assert options.names(" unet, otsu,unet ") == ["unet", "otsu"]
    assert options.names(None) is None


def test_seeds() -> None:
    assert options.seeds("0, 2,2") == (0, 2)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("1.5h", 5400), ("7", 7)]
)
def test_durations(text: str, seconds: float) -> None:
    assert options.duration(text) == seconds


@pytest.mark.parametrize(
    "call",
    [
        lambda: options.names(" , "),
        lambda: options.seeds("one"),
        lambda: options.seeds("-1"),
        lambda: options.seeds("0,"),
        lambda: options.seeds("²"),
        lambda: options.seeds(str(2**32)),
        lambda: options.duration("0s"),
        lambda: options.duration("soon"),
        lambda: options.limits("lots", "2h", "20g", gpu=False),
        lambda: options.limits("8", "2h", "20g", gpu=False),
    ],
)
def test_anything_else_is_a_wrong_call(call: object) -> None:
    with pytest.raises(CallError) as caught:
        call()  # type: ignore[operator]
    assert caught.value.do


def test_threads_asked_for_are_no_more_than_the_machine_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "10000")
    assert options.limits(None, "2h", "20g", gpu=False).cores == os.cpu_count()


def image(name: str) -> Model:
    (model,) = choose_models([name])
    return model


def test_freedoms_go_to_ready_images_alone() -> None:
    ours, ready = options.relaxed([image("otsu"), image("lab/ours:1")], "write, root")
    assert ours.card.relax == ()
    assert ready.card.relax == ("root", "write")
    assert options.relaxed([ours], None) == [ours]


@pytest.mark.parametrize(
    ("models", "text", "words"),
    [
        (["lab/ours:1"], "wrte", ("no freedom 'wrte'; did you mean 'write'?", "write one or more")),
        (["lab/ours:1"], "root,network", ("no freedom 'network'", "and the network never")),
        (["otsu"], "write", ("would change nothing", "declare `relax: [...]`")),
    ],
)
def test_freedoms_that_are_none_are_refused(
    models: list[str], text: str, words: tuple[str, str]
) -> None:
    with pytest.raises(CallError) as refused:
        options.relaxed([image(name) for name in models], text)
    assert all(part in str(refused.value) for part in words)
    assert refused.value.why
