"""What a container is told that did what isolation forbids."""

from dataclasses import replace
from pathlib import Path

import pytest

from contract import ModelCard
from harness.models.registry import Model, choose_models
from harness.runners.engine import ignored_limits, is_rootless
from harness.runners.habits import forbidden
from harness.runners.job import Job, Limits


def job(
    tmp_path: Path, log: str, *, contract: str = "neurips22", relax: tuple[str, ...] = ()
) -> Job:
    card = ModelCard.model_validate(
        {"name": "m", "title": "M", "kind": "segmenter", "verbs": ["predict"], "image": "lab/m:1"}
        | {"contract": contract, "relax": relax}
    )
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "log.txt").write_text(log)
    return Job(
        model=Model(card=card, folder=tmp_path),
        verb="predict",
        input=tmp_path,
        output=tmp_path / "out",
        log=tmp_path / "log.txt",
        limits=Limits(memory=2**32, timeout=60, cores=1),
    )


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("mkdir: cannot create directory 'temp': Read-only file system", "--relax root,write"),
        ("OSError: [Errno 30] Read-only file system: 'x'\nNo such file: temp/x", "read-only"),
        ("cat: /root/model.pt: Permission denied", "--relax root,home"),
        ("PermissionError: [Errno 13] Permission denied: '/opt/w'", "`relax: [root]`"),
        ("chown: changing ownership: Operation not permitted", "--relax root"),
        ("URLError: <urlopen error [Errno -3] Temporary failure in name resolution>", "network"),
        ("OSError: [Errno 28] No space left on device", "its /tmp, which holds 1 GiB"),
        ("sh: 0: cannot open predict.sh: No such file", "holds no predict.sh"),
    ],
)
def test_the_cause_and_the_remedy_are_named(tmp_path: Path, log: str, words: str) -> None:
    assert words in forbidden(job(tmp_path, log))


def test_what_shows_no_habit_gets_no_advice(tmp_path: Path) -> None:
    assert forbidden(job(tmp_path, "ValueError: shapes differ")) == ""
    assert forbidden(job(tmp_path, "")) == ""


def test_a_freedom_that_is_given_is_not_advised_again(tmp_path: Path) -> None:
    read_only, denied = "Read-only file system", "x: Permission denied"
    assert "--relax" not in forbidden(job(tmp_path, read_only, relax=("write",)))
    assert forbidden(job(tmp_path, denied, relax=("root",))) == ""
    assert "--relax write,root" in forbidden(job(tmp_path, denied, relax=("write",)))


def test_an_image_without_a_contract_is_told_how_it_was_started(tmp_path: Path) -> None:
    (named,) = choose_models(["lab/m:1"])
    asked = replace(job(tmp_path, "", contract="cellbench-1"), model=named)
    assert forbidden(asked) == ""
    said = forbidden(asked, spoke=False)
    assert "lab/m:1 declares no contract, so it is started as `predict /in /out`" in said
    assert "`contract: neurips22`" in said
    assert forbidden(asked, 'exec: "predict": executable file not found in $PATH') == said


FULL_LIMITS = {"MemoryLimit": True, "SwapLimit": True, "CpuCfsQuota": True, "PidsLimit": True}


def test_limits_that_an_engine_ignores_are_named() -> None:
    assert ignored_limits(FULL_LIMITS | {"CgroupVersion": "1"}) == ()
    assert ignored_limits({}) == ()
    (swap, cores) = ignored_limits(FULL_LIMITS | {"SwapLimit": False, "CpuCfsQuota": False})
    assert "more memory than --limit-memory says" in swap
    assert cores == "cores"
    for info in ({"SecurityOptions": ["name=rootless"]}, {"Rootless": True}):
        assert is_rootless(info)
        (everything,) = ignored_limits(FULL_LIMITS | info | {"CgroupVersion": "1"})
        assert everything.startswith("memory, swap, cores and processes")
        assert ignored_limits(FULL_LIMITS | info | {"CgroupVersion": "2"}) == ()
