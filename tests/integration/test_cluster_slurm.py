"""Runs in jobs of a real Slurm of one node, which is started here."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import need
from tests.datasets import make_dataset
from tests.integration.dask_fixtures import until
from tests.integration.harness_fixtures import began_to_hang, steps
from tests.programs import TEST_MODELS, command, environment, finish, start

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "sinfo")
OPTIONS = """\
jobs: 1
cores: 1
memory: 2GiB
interface: lo
job_directives_skip: ["--mem"]
"""


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of programs that talk to the node."""
    need(
        os.geteuid() == 0 and all(shutil.which(name) for name in PROGRAMS),
        "needs root, and Debian's slurmctld, slurmd, slurm-client and munge",
    )
    folder = tmp_path_factory.mktemp("slurm")
    variables = {**environment(), "SLURM_CONF": str(folder / "slurm.conf")}
    (folder / "slurm.conf").write_text(configuration(folder))
    (folder / "key").write_bytes(os.urandom(128))
    (folder / "key").chmod(0o400)
    (folder / "options.yaml").write_text(f"{OPTIONS}log_directory: {folder}\n")
    munged = [
        f"--{name}={folder / name.split('-')[0]}"
        for name in ("key-file", "socket", "pid-file", "log-file", "seed-file")
    ]
    daemons = [start(["munged", "--foreground", "--force", *munged], cwd=folder)]
    try:
        until((folder / "socket").exists)
        daemons.append(start(["slurmctld", "-D", "-f", variables["SLURM_CONF"]], cwd=folder))
        daemons.append(start(["slurmd", "-D", "-f", variables["SLURM_CONF"]], cwd=folder))
        until(lambda: "idle" in finish(["sinfo", "-h"], env=variables).stdout)
        yield variables
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
            daemon.wait()


def configuration(folder: Path) -> str:
    """slurm.conf of one node that is this machine, without systemd, cgroups or accounting."""
    name, ports = os.uname().nodename, free_ports()
    return f"""\
ClusterName=test
SlurmctldHost={name}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
NodeName={name} NodeAddr=127.0.0.1 CPUs={os.cpu_count()} State=UNKNOWN
PartitionName=all Nodes={name} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports() -> list[int]:
    with socket.socket() as first, socket.socket() as second:
        for each in (first, second):
            each.bind(("127.0.0.1", 0))
        return [first.getsockname()[1], second.getsockname()[1]]


def words(data: Path, out: Path, model: str, *more: object) -> list[str]:
    return command(
        "harness", "run-all", "--data", data, "--out", out, "--models", model, "--runner", "local",
        *more,
    )  # fmt: skip


def on_slurm(slurm: dict[str, str]) -> tuple[object, ...]:
    options = Path(slurm["SLURM_CONF"]).with_name("options.yaml")
    return "--cluster", "slurm", "--cluster-options", options


def test_jobs_give_the_same_scores_and_none_is_left(tmp_path: Path, slurm: dict[str, str]) -> None:
    data = make_dataset(tmp_path / "data")
    alone = finish(words(data, tmp_path / "alone", "otsu"), cwd=TEST_MODELS)
    assert alone.returncode == 0, alone.stderr
    done = finish(words(data, tmp_path / "jobs", "otsu", *on_slurm(slurm)), cwd=TEST_MODELS,
                  env=slurm)  # fmt: skip
    assert done.returncode == 0, done.stderr
    scores = [(tmp_path / name / "scores.csv").read_bytes() for name in ("alone", "jobs")]
    assert scores[0] == scores[1]
    until(lambda: not finish(["squeue", "-h"], env=slurm).stdout.strip())


def test_a_step_ends_with_its_job(tmp_path: Path, slurm: dict[str, str]) -> None:
    data = make_dataset(tmp_path / "data", test=["good_1.png", "hang_1.png"])
    out = tmp_path / "run"
    asked = words(data, out, "naughty", *on_slurm(slurm))
    process = start(asked, cwd=TEST_MODELS, env=slurm, stderr=subprocess.PIPE)
    try:
        until(lambda: began_to_hang(out))
        before = set(steps(out))
        assert before
        jobs = finish(["squeue", "-h", "-o", "%A"], env=slurm).stdout.split()
        assert finish(["scancel", *jobs], env=slurm).returncode == 0
        until(lambda: not before & set(steps(out)))
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=500)
    assert process.returncode == 130, said
    until(lambda: not steps(out))
    until(lambda: not finish(["squeue", "-h"], env=slurm).stdout.strip())
