"""The isolation flags of a container, as one pure function gives them."""

from pathlib import Path

import pytest

from contract import CallError, ModelCard
from harness.models.registry import Model
from harness.runners.arguments import container_arguments, parse_size, user
from harness.runners.job import Job, Limits


def job(
    tmp_path: Path, contract: str = "cellbench-1", *, gpu: bool = False, relax: tuple[str, ...] = ()
) -> Job:
    card = ModelCard.model_validate(
        {"name": "m", "title": "M", "kind": "segmenter", "verbs": ["predict"]}
        | {"contract": contract, "relax": relax}
    )
    return Job(
        model=Model(card=card, folder=None),
        verb="predict",
        input=tmp_path / "in",
        output=tmp_path / "out",
        weights=tmp_path / "weights",
        log=tmp_path / "log.txt",
        limits=Limits(memory=2**30, timeout=60, cores=2, gpu=gpu),
        labels={"cellbench.run": "/runs/a"},
    )


def test_every_isolation_flag_is_set(tmp_path: Path) -> None:
    arguments = container_arguments(job(tmp_path), name="n", image="i")
    assert arguments["network_mode"] == "none"
    assert arguments["read_only"] is True
    assert arguments["cap_drop"] == ["ALL"]
    assert arguments["security_opt"] == ["no-new-privileges"]
    assert arguments["mem_limit"] == arguments["memswap_limit"] == 2**30
    assert arguments["nano_cpus"] == 2 * 10**9
    assert arguments["pids_limit"] > 0
    assert arguments["init"] is True
    assert arguments["user"] == "{}:{}".format(*user())
    assert "0" not in arguments["user"].split(":")
    assert arguments["shm_size"] == 2**30
    assert arguments["labels"]["cellbench.run"] == "/runs/a"
    assert "device_requests" not in arguments
    assert set(arguments["tmpfs"]) == {"/tmp"}


def test_the_limit_on_pixels_reaches_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELLBENCH_MAX_PIXELS", "1000")
    variables = container_arguments(job(tmp_path), name="n", image="i")["environment"]
    assert variables["CELLBENCH_MAX_PIXELS"] == "1000"
    assert variables["HOME"] == "/tmp"


def test_a_rootless_engine_calls_its_user_root(tmp_path: Path) -> None:
    arguments = container_arguments(job(tmp_path), name="n", image="i", rootless=True)
    assert arguments["user"] == "0:0"
    assert arguments["cap_drop"] == ["ALL"]


def test_only_the_output_can_be_written(tmp_path: Path) -> None:
    mounts = container_arguments(job(tmp_path), name="n", image="i")["mounts"]
    assert {mount["Target"]: mount["ReadOnly"] for mount in mounts} == {
        "/in": True,
        "/out": False,
        "/weights": True,
    }


def test_the_command_line_is_the_contract(tmp_path: Path) -> None:
    arguments = container_arguments(job(tmp_path), name="n", image="i")
    assert arguments["command"] == ["predict", "/in", "/out"]


def test_a_gpu_is_asked_for_only_when_wanted(tmp_path: Path) -> None:
    requests = container_arguments(job(tmp_path, gpu=True), name="n", image="i")["device_requests"]
    assert requests[0]["Capabilities"] == [["gpu"]]


def test_a_challenge_submission_runs_unchanged(tmp_path: Path) -> None:
    arguments = container_arguments(job(tmp_path, "neurips22"), name="n", image="i")
    targets = [mount["Target"] for mount in arguments["mounts"]]
    assert targets[:2] == ["/workspace/inputs", "/workspace/outputs"]
    assert arguments["entrypoint"] == ["/bin/sh", "-c", "sh predict.sh"]
    assert "command" not in arguments


def test_a_grand_challenge_image_keeps_its_entrypoint(tmp_path: Path) -> None:
    arguments = container_arguments(job(tmp_path, "grand-challenge"), name="n", image="i")
    assert [mount["Target"] for mount in arguments["mounts"]][:2] == ["/input", "/output"]
    assert "command" not in arguments
    assert "entrypoint" not in arguments


RELAXED = {
    "write": {"read_only"},
    "root": {"user", "cap_add"},
    "home": {"environment"},
}


@pytest.mark.parametrize("freedom", RELAXED)
def test_a_freedom_changes_one_thing_alone(tmp_path: Path, freedom: str) -> None:
    strict = container_arguments(job(tmp_path), name="n", image="i")
    relaxed = container_arguments(job(tmp_path, relax=(freedom,)), name="n", image="i")
    keys = {*strict, *relaxed}
    assert {key for key in keys if strict.get(key) != relaxed.get(key)} == RELAXED[freedom]
    assert relaxed["network_mode"] == "none"
    assert relaxed["cap_drop"] == ["ALL"]
    assert not {"SYS_ADMIN", "NET_ADMIN", "MKNOD"} & set(relaxed.get("cap_add", ()))
    assert ("HOME" in relaxed["environment"]) == (freedom != "home")


@pytest.mark.parametrize(
    ("text", "size"), [("1g", 2**30), ("512m", 2**29), ("1.5GiB", 3 * 2**29), ("10", 10)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0g", "-1g", "much", "1x"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(CallError):
        parse_size(text)
