"""Runs a model of cellbench as a workflow of BIAFLOWS, the way that its local mode is called.

Copied into an image as /app/wrapper.py beside descriptor.json, started with the model's Python
module. Images are read from --infolder; their labels go to --outfolder, under the same names, as
TIFF. A server is never asked: without --local, and for metrics, the call is refused.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from contract import label_name, list_images


def main(module: str, argv: Sequence[str]) -> int:
    """Predicts a folder; returns the exit code, not 0 when an image has no mask."""
    parser = argparse.ArgumentParser(prog="wrapper.py", allow_abbrev=False)
    parser.add_argument("-l", "--local", action="store_true", help="never contact a server")
    parser.add_argument("--infolder", type=Path, required=True)
    parser.add_argument("--outfolder", type=Path, required=True)
    parser.add_argument("--gtfolder", type=Path, help="not looked at")
    parser.add_argument("-nmc", "--no_metrics_computation", action="store_true")
    arguments, _ = parser.parse_known_args(argv)
    if not arguments.local:
        parser.error("this workflow runs with --local alone: it contacts no server")
    if not arguments.no_metrics_computation:
        print("metrics are not computed here; `evaluator score` does", file=sys.stderr)
    arguments.outfolder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        words = [sys.executable, "-m", module, "predict", str(arguments.infolder), place]
        done = subprocess.run(words, stdout=subprocess.DEVNULL)
        missing = 0
        for image in list_images(arguments.infolder):
            mask = Path(place) / label_name(image.name)
            if mask.is_file():
                shutil.copyfile(mask, arguments.outfolder / output_name(image.name))
            else:
                print(f"{image.name} has no mask", file=sys.stderr)
                missing += 1
    return done.returncode or int(missing > 0)


def output_name(image: str) -> str:
    """The image's own name if that is a TIFF's, as the platform expects it."""
    path = Path(image)
    return image if path.suffix.lower() in (".tif", ".tiff") else f"{path.stem}.tif"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
