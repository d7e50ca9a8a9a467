"""The command line of a container of Apptainer, as one pure function gives it."""

import os
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from contract import CallError, ModelCard
from harness.models.registry import Model, choose_models
from harness.runners import apptainer
from harness.runners.apptainer import ApptainerRunner, apptainer_arguments, environment, image_of
from harness.runners.choose import choose_runner
from harness.runners.job import Job, Limits

INSTALLED = apptainer.version() is not None


def arguments(
    folder: Path,
    contract: str = "cellbench-1",
    *,
    relax: tuple[str, ...] = (),
    gpu: bool = False,
) -> list[str]:
    card = ModelCard.model_validate(
        {"name": "m", "title": "M", "kind": "segmenter", "verbs": ["predict"]}
        | {"contract": contract, "relax": relax}
    )
    job = Job(
        model=Model(card=card, folder=None),
        verb="predict",
        input=folder / "a, b" / "in",
        output=folder / "out",
        weights=folder / "weights",
        log=folder / "log.txt",
        limits=Limits(memory=2**30, timeout=60, cores=2, gpu=gpu, device="1" if gpu else None),
    )
    return apptainer_arguments(job, image=Path("/images/m.sif"), scratch=Path("/scratch"))


def values(line: list[str], flag: str) -> list[str]:
    return [value for name, value in pairwise(line) if name == flag]


def test_every_isolation_flag_is_set(tmp_path: Path) -> None:
    line = arguments(tmp_path)
    assert line[:3] == ["apptainer", "--silent", "run"]
    assert {"--containall", "--cleanenv", "--no-eval", "--net", "--no-privs"} <= set(line)
    assert values(line, "--network") == ["none"]
    assert values(line, "--no-mount") == ["bind-paths"]
    assert values(line, "--home") == ["/scratch/home:/home/model"]
    assert values(line, "--workdir") == ["/scratch/work"]
    assert values(line, "--pwd") == ["/tmp"]
    assert not {"--nv", "--fakeroot", "--writable-tmpfs", "--writable"} & set(line)
    assert line[-4:] == ["/images/m.sif", "predict", "/in", "/out"]
    if os.getuid() == 0:
        assert values(line, "--security") == ["uid:10001", "gid:10001"]


def test_only_the_output_can_be_written_to(tmp_path: Path) -> None:
    assert values(arguments(tmp_path), "--mount") == [
        f'type=bind,"src={tmp_path}/a, b/in",dst=/in,ro',
        f"type=bind,src={tmp_path}/out,dst=/out",
        f"type=bind,src={tmp_path}/weights,dst=/weights,ro",
    ]


def test_the_environment_is_what_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "1")
    monkeypatch.setenv("APPTAINERENV_SECRET", "1")
    monkeypatch.setenv("APPTAINER_BIND", "/home")
    monkeypatch.setenv("APPTAINER_TMPDIR", "/scratch")
    seen = dict(value.split("=", 1) for value in values(arguments(tmp_path), "--env"))
    assert seen["OMP_NUM_THREADS"] == "2"
    assert seen["TORCH_HOME"] == "/tmp/torch"
    assert not {"HOME", "SECRET"} & set(seen)
    own = environment()
    assert not {"APPTAINERENV_SECRET", "APPTAINER_BIND"} & set(own)
    assert own["APPTAINER_TMPDIR"] == "/scratch"


def test_a_gpu_only_when_asked_for(tmp_path: Path) -> None:
    line = arguments(tmp_path, gpu=True)
    assert "--nv" in line
    assert "CUDA_VISIBLE_DEVICES=1" in values(line, "--env")


def test_single_freedoms_are_given_and_no_more(tmp_path: Path) -> None:
    own = arguments(tmp_path, relax=("root",))
    assert "--fakeroot" in own
    assert "--no-privs" not in own
    assert "--security" not in own
    assert "--writable-tmpfs" in arguments(tmp_path, relax=("write",))
    home = arguments(tmp_path, relax=("home",))
    assert values(home, "--env") == ["OMP_NUM_THREADS=2"]
    for line in (own, home):
        assert values(line, "--network") == ["none"]


def test_an_image_of_the_challenge_is_started_by_its_script(tmp_path: Path) -> None:
    line = arguments(tmp_path, "neurips22")
    assert line[2] == "exec"
    assert line[-4:] == ["/images/m.sif", "/bin/sh", "-c", "sh predict.sh"]
    assert values(line, "--pwd") == ["/workspace"]
    assert f"type=bind,src={tmp_path}/out,dst=/workspace/outputs" in values(line, "--mount")


def test_images_lie_where_a_variable_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (otsu,) = choose_models(["otsu"])
    monkeypatch.setenv("CELLBENCH_IMAGES", str(tmp_path))
    assert image_of(otsu) == tmp_path / "otsu.sif"
    monkeypatch.delenv("CELLBENCH_IMAGES")
    assert image_of(otsu) == Path.cwd() / "images" / "otsu.sif"


@pytest.mark.skipif(INSTALLED, reason="Apptainer is installed here")
def test_without_the_program_the_call_is_refused() -> None:
    with pytest.raises(CallError, match="no program apptainer"):
        choose_runner("apptainer")


@pytest.mark.skipif(not INSTALLED, reason="Apptainer is not installed here")
def test_a_missing_image_is_named_with_the_commands_that_make_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELLBENCH_IMAGES", str(tmp_path))
    (otsu,) = choose_models(["otsu"])
    with pytest.raises(CallError, match="docker save"):
        ApptainerRunner().prepare(otsu, lambda _: None)


@pytest.mark.skipif(not INSTALLED, reason="Apptainer is not installed here")
def test_the_program_knows_every_flag(tmp_path: Path) -> None:
    known = subprocess.run(
        ["apptainer", "help", "run"], capture_output=True, text=True, check=True
    ).stdout
    flags = {word for word in arguments(tmp_path, gpu=True) if word.startswith("--")}
    assert {flag for flag in flags - {"--silent"} if flag not in known} == set()
