"""A generator in a container of its own, by the harness and as a person starts it."""

import os
from pathlib import Path
from typing import Any

from contract import read_generated
from tests.datasets import make_dataset
from tests.programs import ROOT, docker, run
from tests.unit.generator_fixtures import contents


def test_both_runners_and_a_plain_call_make_the_same_images(tmp_path: Path, engine: Any) -> None:
    data = make_dataset(tmp_path / "data", train=6)
    call = ("generate", "copypaste", "--data", data, "--count", 3, "--seed", 2)
    for runner in ("docker", "local"):
        done = run(
            "harness", *call, "--out", tmp_path / runner, "--runner", runner, cwd=ROOT, timeout=900
        )
        assert done.returncode == 0, done.stderr
    made = contents(tmp_path / "docker")
    assert len(made) == 6
    assert made == contents(tmp_path / "local")
    source, out = tmp_path / "docker", tmp_path / "again"
    (tmp_path / "docker" / "split.csv").write_text(
        "image,subset\n" + "".join(f"{line.image},train\n" for line in read_generated(source))
    )
    closed = (
        "--network", "none", "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
        "--user", f"{os.getuid()}:{os.getgid()}", "-v", f"{source}:/in:ro", "-v", f"{out}:/out",
    )  # fmt: skip
    out.mkdir()
    plain = docker(*closed, "cellbench/copypaste", "generate", "/in", "/out", "--count", 2)
    assert plain.returncode == 0, plain.stderr
    assert {source for line in read_generated(out) for source in line.sources} <= {
        line.image.removesuffix(".png") for line in read_generated(source)
    }
    refused = docker(*closed, "cellbench/copypaste", "generate", "/in", "/out", "--count", 0)
    assert refused.returncode == 2
