"""A training folder of the MitoCheck HeLa nuclei, which have no masks, for the generator `vae`.

`python -m tests.benchmarks.hela_nuclei SOURCE OUT` reads crops.tif and manifest.csv (one 64×64 crop
a page; index, class, plate) and writes images/, labels/, manifest.csv and split.csv. Masks are
Otsu's threshold on the smoothed crop, holes filled, touching nuclei parted by a watershed: good
enough to learn shapes and light from, and no truth to score against. A tenth of the plates is for
validation. OutOfFocus, an imaging fault, is left out.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import threshold_otsu
from skimage.segmentation import watershed

from contract import write_mask

LEFT_OUT = {"OutOfFocus"}
SMALLEST = 60
"""Pixels of the smallest nucleus."""


def segment(crop: np.ndarray) -> np.ndarray:
    """H×W uint8 labels of the nuclei in a H×W crop."""
    smooth = ndimage.gaussian_filter(crop.astype(float), 1.0)
    bright = ndimage.binary_fill_holes(smooth > threshold_otsu(smooth))
    depth = ndimage.gaussian_filter(ndimage.distance_transform_edt(bright), 1.5)
    peaks = peak_local_max(depth, min_distance=7, labels=ndimage.label(bright)[0])
    markers = np.zeros(crop.shape, int)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    parts = watershed(-depth, markers, mask=bright)
    labels = np.zeros(crop.shape, np.uint8)
    for number in range(1, int(parts.max()) + 1):
        if (parts == number).sum() >= SMALLEST:
            labels[parts == number] = labels.max() + 1
    return labels


def main(source: Path, out: Path, most: int | None) -> None:
    """Writes the folder; of every class the same share when there are to be `most` crops."""
    with (source / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["class"] not in LEFT_OUT]
    chosen = rows if most is None else rows[:: max(1, len(rows) // most)][:most]
    plates = sorted({row["plate"] for row in rows})
    validation = set(np.random.default_rng(0).permutation(plates)[: max(1, len(plates) // 10)])
    crops = tifffile.imread(source / "crops.tif")
    for part in ("images", "labels"):
        (out / part).mkdir(parents=True)
    manifest, split = ["image,modality,group,class"], ["image,subset"]
    for row in chosen:
        name = f"hela_{int(row['index']):05d}"
        crop = crops[int(row["index"])]
        Image.fromarray(crop).save(out / "images" / f"{name}.png")
        write_mask(out / "labels" / f"{name}_label.tiff", segment(crop))
        manifest.append(f"{name}.png,fluorescence,{row['plate']},{row['class']}")
        split.append(f"{name}.png,{'val' if row['plate'] in validation else 'train'}")
    (out / "manifest.csv").write_text("\n".join(manifest) + "\n", encoding="utf-8")
    (out / "split.csv").write_text("\n".join(split) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--most", type=int, help="crops to take; all if left out")
    arguments = parser.parse_args()
    main(arguments.source, arguments.out, arguments.most)
