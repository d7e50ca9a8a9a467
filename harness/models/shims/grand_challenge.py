"""Runs a model of cellbench as an algorithm of Grand Challenge: one image a call.

Copied into an image beside algorithm.json, started with the model's Python module. The platform
puts one image into /input/RELATIVE_PATH/ and says in /input/inputs.json which path that is; the
labels go to /output/RELATIVE_PATH/, as MetaImage (.mha) or TIFF, whichever the image is.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from contract import label_name, read_mask

ALGORITHM = Path(__file__).with_name("algorithm.json")
WEIGHTS = Path("opt/ml/model")
"""Where the platform unpacks the model's weights, below the root."""
TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
KEPT = ("TransformMatrix", "Offset", "CenterOfRotation", "AnatomicalOrientation", "ElementSpacing")
"""What of the image's place in the world its labels share."""


def main(module: str, root: Path) -> int:
    """Finds the image, has the model predict and puts the labels where they belong.

    `root` is / in a container. Returns the exit code; the last line of stderr is what the platform
    shows to people.
    """
    algorithm = json.loads(ALGORITHM.read_text(encoding="utf-8"))
    try:
        image = find_image(root / "input", algorithm)
        with tempfile.TemporaryDirectory() as place:
            labels, header = predict(module, image, Path(place), root)
        target = root / "output" / str(algorithm["outputs"][0]["relative_path"])
        target.mkdir(parents=True, exist_ok=True)
        if header is None:
            tifffile.imwrite(target / "output.tif", labels, compression="zlib", tile=(256, 256))
        else:
            write_mha(target / "output.mha", labels, header)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(np.unique(labels[labels > 0]))} cells in {image.name}")
    return 0


def find_image(folder: Path, algorithm: dict[str, Any]) -> Path:
    """The one image of the call; ValueError when there is none or several."""
    sockets = [algorithm["inputs"][0]]
    listed = folder / "inputs.json"
    if listed.is_file():
        entries = json.loads(listed.read_text(encoding="utf-8"))
        found = [entry.get("socket") or entry.get("interface") or {} for entry in entries]
        sockets = [one for one in found if str(one.get("relative_path", "")).startswith("images/")]
    if not sockets:
        raise ValueError(f"{listed} names no image")
    place = folder / str(sockets[0]["relative_path"])
    images = sorted(path for path in place.glob("*") if path.is_file())
    if len(images) != 1:
        raise ValueError(f"{place} holds {len(images)} files; the call is for one image")
    return images[0]


def predict(
    module: str, image: Path, place: Path, root: Path
) -> tuple[np.ndarray, dict[str, str] | None]:
    """The labels of an image, and the header of a MetaImage (None for others)."""
    source, out = place / "in", place / "out"
    source.mkdir()
    out.mkdir()
    header = None
    if image.suffix.lower() == ".mha":
        pixels, header = read_mha(image)
        given = source / "image.tif"
        tifffile.imwrite(given, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    else:
        given = source / f"image{image.suffix.lower()}"
        shutil.copyfile(image, given)
    words = [sys.executable, "-m", module, "predict", str(source), str(out)]
    weights = root / WEIGHTS
    if weights.is_dir() and any(weights.iterdir()):
        words += ["--weights", str(weights)]
    done = subprocess.run(words, stdout=subprocess.DEVNULL)
    mask = out / label_name(given.name)
    if done.returncode or not mask.is_file():
        raise ValueError(f"{image.name} could not be segmented (exit code {done.returncode})")
    return read_mask(mask), header


def read_mha(path: Path) -> tuple[np.ndarray, dict[str, str]]:
    """H×W or H×W×channels pixels of a MetaImage with local data, and its header.

    Integers that no cell image has, and doubles, become float32. ValueError for a volume and for
    anything that is no such file.
    """
    content = path.read_bytes()
    header: dict[str, str] = {}
    start = 0
    while "ElementDataFile" not in header:
        end = content.find(b"\n", start)
        if end < 0:
            raise ValueError(f"{path.name} is no MetaImage")
        key, _, value = content[start:end].decode("latin-1").partition("=")
        header[key.strip()] = value.strip()
        start = end + 1
    data = content[start:]
    if header["ElementDataFile"] != "LOCAL" or header.get("ElementType") not in TYPES:
        raise ValueError(f"{path.name} has its pixels elsewhere, or of another type")
    if header.get("CompressedData", "").lower() == "true":
        data = zlib.decompress(data)
    order = ">" if header.get("BinaryDataByteOrderMSB", "").lower() == "true" else "<"
    sizes = [int(size) for size in header["DimSize"].split()]
    if any(size != 1 for size in sizes[2:]):
        raise ValueError(f"{path.name} is a volume of {header['DimSize']}, not a picture")
    channels = int(header.get("ElementNumberOfChannels", "1"))
    shape = (sizes[1], sizes[0]) if channels == 1 else (sizes[1], sizes[0], channels)
    pixels = np.frombuffer(data, order + TYPES[header["ElementType"]]).reshape(shape)
    plain = pixels.dtype.kind == "u" and pixels.dtype.itemsize <= 2
    return pixels.astype(pixels.dtype.newbyteorder("=") if plain else np.float32), header


def write_mha(path: Path, labels: np.ndarray, header: dict[str, str]) -> None:
    """Writes labels as a MetaImage at the image's place in the world."""
    kind = "MET_USHORT" if labels.max(initial=0) < 2**16 else "MET_UINT"
    data = zlib.compress(labels.astype("<" + TYPES[kind]).tobytes())
    lines = {
        "ObjectType": "Image",
        "NDims": header["NDims"],
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(data)),
        **{key: header[key] for key in KEPT if key in header},
        "DimSize": header["DimSize"],
        "ElementType": kind,
        "ElementDataFile": "LOCAL",
    }
    text = "".join(f"{key} = {value}\n" for key, value in lines.items())
    path.write_bytes(text.encode("latin-1") + data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else "/")))
