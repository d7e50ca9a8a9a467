"""A picture that is predicted by region, in a container as locked up as it is run."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from contract import read_lines, read_mask
from tests.programs import ROOT, docker, run

SHAPE = (4100, 4200)


def discs() -> np.ndarray:
    """Bright discs, some hundred of them on the borders of the four regions."""
    rows, columns = np.ogrid[: SHAPE[0], : SHAPE[1]]
    inside = (rows % 64 - 32) ** 2 + (columns % 64 - 32) ** 2 <= 20**2
    return np.where(inside, np.uint8(180), np.uint8(20))


@pytest.mark.timeout(1200)  # the first call also builds the image
def test_a_locked_container_predicts_by_region_as_the_harness_does(
    engine: Any, tmp_path: Path
) -> None:
    images, own, closed = (tmp_path / name for name in ("images", "own", "closed"))
    images.mkdir()
    closed.mkdir()
    closed.chmod(0o777)
    tifffile.imwrite(images / "a.tif", discs(), tile=(512, 512), compression="zlib")
    built = run("harness", "build", "otsu", cwd=ROOT, timeout=900)
    assert built.returncode == 0, built.stderr
    done = run("harness", "predict", "otsu", images, own, "--runner", "docker", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    plain = docker(
        "--network", "none", "--read-only", "--tmpfs", "/tmp:size=16m", "--user", "1234:1234",
        "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--memory", "2g",
        "-v", f"{images}:/in:ro", "-v", f"{closed}:/out",
        "cellbench/otsu", "predict", "/in", "/out",
    )  # fmt: skip
    assert plain.returncode == 0, plain.stderr
    name = "a_label.tiff"
    assert (own / name).read_bytes() == (closed / name).read_bytes()
    (line,) = read_lines(closed / "predictions.jsonl")
    found = read_mask(closed / name)
    assert found.shape == SHAPE
    assert line["cells"] == found.max() == -(-(SHAPE[0] - 12) // 64) * -(-(SHAPE[1] - 12) // 64)
    assert {path.name for path in closed.iterdir()} == {
        name, "predictions.jsonl", ".cellbench-wrote.jsonl"
    }  # fmt: skip
