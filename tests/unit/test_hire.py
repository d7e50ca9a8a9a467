"""How many items run beside each other, with what share, and what is refused."""

from pathlib import Path

import pytest

from contract import CallError
from harness.runners.job import Limits
from harness.work.crew import InTurn
from harness.work.hire import fitting_workers, hired, read_options, share
from tests.unit.harness_items import Heard

GIB = 2**30


def limits(cores: int, memory: int, *, gpu: bool = False) -> Limits:
    return Limits(memory=memory * GIB, timeout=1, cores=cores, gpu=gpu)


@pytest.mark.parametrize(
    ("cores", "memory", "gpus", "workers"),
    [(2, 20, 0, 1), (16, 100, 0, 4), (16, 17, 0, 2), (16, 4, 0, 1), (16, 100, 2, 2)],
)
def test_as_many_as_fit(cores: int, memory: int, gpus: int, workers: int) -> None:
    found = fitting_workers(limits(cores, memory, gpu=gpus > 0), memory_asked=False, gpus=gpus)
    assert found == workers


def test_each_has_its_share() -> None:
    whole = limits(10, 90)
    each = share(whole, 3, memory_asked=False)
    assert (each.cores, each.memory) == (3, 30 * GIB)
    assert share(whole, 3, memory_asked=True).memory == whole.memory


def test_one_worker_is_this_process() -> None:
    with hired(limits(8, 64), Heard(), memory_asked=False, workers=1) as crew:
        assert isinstance(crew, InTurn)


@pytest.mark.parametrize(
    "asked",
    [
        {"workers": 2, "cluster": "tcp://127.0.0.1:9"},
        {"cluster_options": Path("x.yaml")},
        {"cluster": "tcp://127.0.0.1:9", "cluster_options": Path("x.yaml")},
    ],
)
def test_what_contradicts_itself_is_refused(asked: dict[str, object]) -> None:
    crew = hired(limits(2, 8), Heard(), memory_asked=False, **asked)  # type: ignore[arg-type]
    with pytest.raises(CallError), crew:
        pass


@pytest.mark.parametrize("text", ["- a", "jobs: [", "3"])
def test_options_are_a_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "options.yaml"
    path.write_text(text)
    with pytest.raises(CallError):
        read_options(path)
    path.write_text("jobs: 2\n")
    assert read_options(path) == {"jobs": 2}
