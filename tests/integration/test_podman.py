"""A rootless Podman in place of Docker, started for the tests on a socket of its own."""

import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from contract import write_mask
from tests.datasets import make_dataset
from tests.integration.harness_fixtures import wait_until
from tests.integration.other_user import OtherUser, other_user

PROGRAMS = ("/bin/sh", "/bin/cp", "/bin/cat", "/bin/chown", "/usr/bin/id")
IMAGE = "localhost/cellbench-test/shell:1"
SCRIPT = """#!/bin/sh
set -e
id -u >&2
while read name value; do case $name in CapEff:|NoNewPrivs:) echo $name $value >&2;; esac
done < /proc/self/status
while read name value; do case $name in *:) echo interface $name >&2;; esac; done < /proc/net/dev
for place in / /in/ /out/ /tmp/; do
    if (echo x > ${place}probe) 2> /tmp/why; then echo "writable $place" >&2; fi
done
for image in "$2"/*; do
    name=${image##*/}
    case $name in probe) ;; *) cp /mask.tiff "$3/${name%%.*}_label.tiff";; esac
done
"""
STORAGE = """[storage]
driver = "vfs"
[storage.options.vfs]
ignore_chown_errors = "true"
"""


@pytest.fixture(scope="module")
def podman() -> Iterator[OtherUser]:
    """A user whose DOCKER_HOST is a Podman of their own, with IMAGE in it."""
    for program in ("podman", "runc", "catatonit"):
        if shutil.which(program) is None:
            pytest.skip(f"needs Debian's {program}")
    with other_user() as user:
        place = user.home
        settings, run = place / ".config/containers", place / "run"
        settings.mkdir(parents=True)
        run.mkdir(mode=0o700)
        (settings / "storage.conf").write_text(STORAGE)
        (settings / "containers.conf").write_text('[engine]\nruntime = "runc"\n')
        _write_root(place / "root.tar", place / "root")
        user.own(place)
        socket = f"unix://{run}/podman.sock"
        user = replace(user, variables={"XDG_RUNTIME_DIR": str(run), "DOCKER_HOST": socket})
        change = 'ENTRYPOINT ["/bin/sh", "/model"]'
        user.run("podman", "import", "-q", "--change", change, place / "root.tar", IMAGE)
        words = ("podman", "run", "--rm", "--network", "none", "--entrypoint", "/usr/bin/id")
        tried = user.run(*words, IMAGE, "-u")
        if tried.returncode != 0:  # of the kernel, or of a container that the tests run in
            pytest.skip(f"Podman cannot run a container here: {tried.stderr.strip()[-300:]}")
        assert tried.stdout == "0\n"
        service = user.start(["podman", "system", "service", "--time=0", socket])
        try:
            wait_until((run / "podman.sock").exists)
            yield user
        finally:
            service.terminate()
            service.communicate(timeout=60)
            user.run("podman", "unshare", "rm", "-rf", place / ".local")


def _write_root(archive: Path, folder: Path) -> None:
    """A root of a few of this machine's own programs, with the libraries that they need."""
    for program in PROGRAMS:
        linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
        found = [word for word in linked.stdout.split() if word.startswith("/")]
        for path in (program, *found):
            target = folder / path.removeprefix("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in ("in", "out", "tmp", "proc", "dev", "sys", "etc", "run"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "model").write_text(SCRIPT)
    labels = np.zeros((48, 48), np.uint8)
    labels[8:20, 8:20] = 1
    write_mask(folder / "mask.tiff", labels)
    with tarfile.open(archive, "w") as tar:
        tar.add(folder, arcname=".")


def test_it_predicts_and_isolates_what_a_rootless_engine_can(podman: OtherUser) -> None:
    data = podman.own(make_dataset(podman.home / "data"))
    masks = podman.home / "masks"
    done = podman.harness("predict", IMAGE, data / "Tuning/images", masks, "--runner", "docker")
    assert done.returncode == 0, done.stderr
    assert {path.stat().st_uid for path in masks.iterdir()} == {podman.uid}
    words = (masks / "log.txt").read_text().splitlines()
    assert words == [
        "0",  # root's number inside is the caller's outside
        "CapEff: 0000000000000000",
        "NoNewPrivs: 1",
        "interface lo:",
        "writable /out/",
        "writable /tmp/",
    ]
    assert podman.run("podman", "ps", "--all", "--quiet").stdout == ""


def test_limits_that_it_lacks_are_named_everywhere(podman: OtherUser) -> None:
    """Without control groups of the second version a rootless engine enforces none."""
    info = json.loads(podman.run("podman", "info", "--format", "json").stdout)
    lacking = info["host"]["cgroupVersion"] == "v1"
    data, folder = podman.own(make_dataset(podman.home / "data2")), podman.home / "folder"
    done = podman.harness(
        "run-all", "--data", data, "--out", folder, "--models", IMAGE, "--relax", "root,write"
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((folder / "run.json").read_text())
    report = (folder / "report/report.md").read_text()
    doctor = podman.harness("doctor")
    for text in (done.stderr, " ".join(record["limits"]["ignored"]), report):
        assert ("memory, swap, cores and processes" in text) == lacking
    assert ("not enforced" in doctor.stdout) == lacking
    (facts,) = record["models"].values()
    assert facts["relax"] == ["root", "write"]
    assert record["runner"] == "docker"
    owners = {path.stat().st_uid for path in folder.rglob("*")}
    assert owners == {podman.uid}
    assert os.fspath(folder) not in podman.run("podman", "ps", "--all").stdout
